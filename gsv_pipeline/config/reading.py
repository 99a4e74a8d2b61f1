"""YAML files and `key=value` settings as plain values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from gsv_pipeline.errors import ConfigError

# libyaml's parser is eight times quicker, and loading the code location reads every experiment.
_QUICKEST: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_QUICKEST):  # type: ignore[misc,valid-type]
    """YAML whose mappings name a key once: of two, one would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that stands there twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"'{key.value}' stands there twice. Keep one of them.", key.start_mark
                )
            seen.add(str(key.value))
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return found


def read_mapping(path: Path, *, minimal: str = "") -> dict[str, Any]:
    """A YAML file that holds a mapping.

    Args:
        path: The file.
        minimal: The shortest text that would do, shown where there is none.

    Raises:
        ConfigError: Unreadable, empty, or something else than a mapping.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, ValueError, yaml.YAMLError) as error:  # a date such as 2024-02-30 is a ValueError
        raise ConfigError(f"{path} is not readable as YAML: {error}") from error
    if values is None:
        shortest = f" The shortest one that does holds the line: {minimal}" if minimal else ""
        raise ConfigError(f"{path} is empty: it holds no setting.{shortest}")
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected a mapping of settings, found {type(values).__name__}.")
    return values


def parse_setting(text: str) -> tuple[str, Any]:
    """Split `key=value`; the value is read as YAML, so numbers are numbers.

    Raises:
        ConfigError: No `=`, or an unreadable value.
    """
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise ConfigError(f"'{text}' is no setting. Expected key=value, for example training.epochs=3.")
    try:
        return key.strip(), yaml.load(value, Loader=_Loader)
    except (ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"'{text}': the value is not readable as YAML: {error}") from error


def apply_setting(values: dict[str, Any], override: str) -> None:
    """Set one `key=value` in `values`, with dots for what is nested.

    Raises:
        ConfigError: No setting, or one below a value.
    """
    key, value = parse_setting(override)
    *parents, last = key.split(".")
    target = values
    for parent in parents:
        if target.get(parent) is None:  # `null` is what stands for a part that is left out
            target[parent] = {}
        child = target[parent]
        if not isinstance(child, dict):
            raise ConfigError(f"'{override}': '{parent}' is a value, it holds no '{last}'.")
        target = child
    target[last] = value


def merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values of `own` in place of its own; mappings are merged, but another part replaces a part.

    Args:
        base: What is extended.
        own: What differs. `{name: gem}` over `{name: convap, out_channels: 512}` is `{name: gem}`, since arguments of
            one row of a table mean nothing to another; `{out_channels: 128}` over it keeps the name.
    """
    values = {key: _copied(value) for key, value in base.items()}
    for key, value in own.items():
        values[key] = _joined(values.get(key), value)
    return values


def _joined(below: Any, value: Any) -> Any:
    if not (isinstance(below, Mapping) and isinstance(value, Mapping)):
        return _copied(value)
    is_other_part = "name" in value and value["name"] != below.get("name")
    return merged({} if is_other_part else below, value)


def _copied(value: Any) -> Any:
    """So that a setting that is applied later changes no other experiment's values."""
    return merged({}, value) if isinstance(value, Mapping) else value
