"""Name -> builder. Unknown names and unknown arguments raise, with a guess at what was meant."""

import difflib
import importlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from gsv_pipeline.errors import ConfigError

T = TypeVar("T")


class Registry(Mapping[str, Callable[..., T]], Generic[T]):
    """A visible table of builders: an explicit literal in the `__init__.py` of the folder it describes.

    Args:
        kind: What a row is, in one word; it opens every error message ("aggregator").
        rows: Lowercase snake name -> class or function that builds the thing.
    """

    def __init__(self, kind: str, rows: Mapping[str, Callable[..., T]]) -> None:
        self.kind = kind
        self._rows = dict(rows)

    def __getitem__(self, name: str) -> Callable[..., T]:
        if name not in self._rows:
            raise ConfigError(unknown_name(self.kind, name, self._rows))
        return self._rows[name]

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def check(self, name: str, arguments: Mapping[str, Any], provided: Iterable[str] = ()) -> None:
        """Compare a name and its arguments with the table, before any work.

        Args:
            name: Row of the table.
            arguments: What the experiment sets.
            provided: Arguments that the pipeline fills in itself (`in_channels`), so nobody may set them.

        Raises:
            ConfigError: Unknown name, unexpected argument or a required one that is missing.
        """
        check_arguments(self.kind, name, self[name], arguments, provided)

    def build(self, name: str, **arguments: Any) -> T:
        """Build row `name` with `arguments`.

        Raises:
            ConfigError: Unknown name, unexpected or missing argument.
        """
        self.check(name, arguments)
        return self[name](**arguments)


def check_arguments(
    kind: str, name: str, builder: Callable[..., Any], arguments: Mapping[str, Any], provided: Iterable[str] = ()
) -> None:
    """Compare `arguments` with what `builder` takes; see `Registry.check`.

    Raises:
        ConfigError: An unexpected argument or a required one that is missing.
    """
    filled = set(provided)
    accepted = {
        parameter: spec
        for parameter, spec in inspect.signature(builder).parameters.items()
        if spec.kind in (spec.POSITIONAL_OR_KEYWORD, spec.KEYWORD_ONLY) and parameter not in filled
    }
    for argument in arguments:
        if argument not in accepted:
            raise ConfigError(
                f"{kind} '{name}': unexpected argument '{argument}'.{_guess(argument, accepted)} "
                f"It takes: {', '.join(accepted) or 'nothing'}."
            )
    for parameter, spec in accepted.items():
        if spec.default is spec.empty and parameter not in arguments:
            raise ConfigError(f"{kind} '{name}': argument '{parameter}' is missing. It takes: {', '.join(accepted)}.")


def default_arguments(builder: Callable[..., Any]) -> dict[str, Any]:
    """What `builder` takes where nothing is given, so that a default that is spelt out counts as no change."""
    parameters = inspect.signature(builder).parameters.values()
    return {item.name: item.default for item in parameters if item.default is not item.empty}


def resolve(reference: str) -> Callable[..., Any]:
    """The function behind `"module:function"`; tables name loaders so that listing them imports nothing heavy."""
    module, _, name = reference.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function


def unknown_name(kind: str, name: str, available: Iterable[str]) -> str:
    """The sentence for a name that is in no table: a guess and the whole list."""
    names = sorted(available)
    return f"Unknown {kind} '{name}'.{_guess(name, names)} Available: {', '.join(names) or 'none'}."


def _guess(name: str, available: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(available), n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""
