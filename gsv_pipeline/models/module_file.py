"""Where the source of `module:function` lies, found without running any of it."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import invalidate_caches
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from gsv_pipeline.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ModuleFile:
    """A module on disk.

    Args:
        name: As it is imported.
        file: Its source.
        root: The folder from which it is imported.
        is_own: Whether it was found in one of the folders, and not on Python's own path.
    """

    name: str
    file: Path
    root: Path
    is_own: bool


def find_module(reference: str, folders: Sequence[Path]) -> ModuleFile:
    """Find the module of `module:function`.

    Args:
        reference: Dots in the module's name lead into packages.
        folders: Looked through first, in order; then Python's own path.

    Raises:
        ConfigError: There is no such module, or it has no source file.
    """
    name = reference.partition(":")[0]
    invalidate_caches()  # the file may be seconds old
    top, *rest = name.split(".")
    own = PathFinder.find_spec(top, [str(folder) for folder in folders])
    first = own or _installed(top)
    found = _descend(first, rest, top=top)
    if first is None or found is None or not found.has_location or found.origin is None:
        raise ConfigError(
            f"callable '{reference}': there is no module '{name}' in {' or '.join(map(str, folders))}, nor on Python's "
            f"path. Put {name.replace('.', '/')}.py into the first of these folders, install it, or set PYTHONPATH."
        )
    inside = first.submodule_search_locations
    root = Path(inside[0] if inside else first.origin or "").parent
    return ModuleFile(name, Path(found.origin), root, is_own=own is not None)


def _installed(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except ValueError:
        return None  # `__main__` and its like have no file to look at


def _descend(spec: ModuleSpec | None, names: Sequence[str], *, top: str) -> ModuleSpec | None:
    for name in names:
        if spec is None or spec.submodule_search_locations is None:
            return None
        top = f"{top}.{name}"
        spec = PathFinder.find_spec(top, list(spec.submodule_search_locations))
    return spec
