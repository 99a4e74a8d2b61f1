"""Data sets that users define: `<data root>/datasets/<name>.yaml`, beside those that ship."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gsv_pipeline.config import faults_of, read_mapping
from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import as_json
from gsv_pipeline.registry import check_arguments, resolve, unknown_name
from gsv_pipeline.sources import DATASETS, SOURCES, Dataset

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_]*")
"""Names become folders, asset keys and parts of messages."""

NO_LICENCE: Final = "not stated; ask the owner before you pass it on"
PROVIDED: Final = ("target", "tracker", "downloads", "layout")
"""What stages hand to a source; the rest are its own arguments."""


class _Definition(BaseModel):
    """What such a YAML holds; the fields are those of `Dataset`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    description: str = ""
    licence: str = NO_LICENCE
    cities: tuple[str, ...] = ()
    num_images: int = Field(default=0, ge=0)
    num_places: int = Field(default=0, ge=0)
    redistributable: bool = False  # other people's data: only who knows their terms may say that it is
    max_quarantined: float = Field(default=0.01, ge=0, le=1)


def dataset_rows(layout: Layout) -> dict[str, Dataset]:
    """Every usable data set by name, sorted: those that ship and those under the data root.

    A file that cannot be used is left out, so that the others stay usable; `dataset_problems` says why.
    """
    rows = dict(DATASETS)
    for name, path in _files(layout).items():
        try:
            rows[name] = _read(layout, path)
        except ConfigError:
            continue
    return dict(sorted(rows.items()))


def dataset_problems(layout: Layout) -> dict[str, str]:
    """What is wrong with the files that `dataset_rows` leaves out, by name, sorted."""
    problems = {}
    for name, path in _files(layout).items():
        try:
            _read(layout, path)
        except ConfigError as error:
            problems[name] = str(error)
    return problems


def dataset_row(layout: Layout, name: str) -> Dataset:
    """The data set called `name`.

    Raises:
        ConfigError: Unknown name, or a user's file that cannot be used or has the name of a shipped data set.
    """
    files = _files(layout)
    if name in files:
        return _read(layout, files[name])
    if name in DATASETS:
        return DATASETS[name]
    raise ConfigError(
        f"{unknown_name('data set', name, dataset_rows(layout))} Own ones go to {layout.datasets()}/, "
        "or: gsv-pipeline fetch NAME --source photographs path=/where/they/are"
    )


def is_defined(layout: Layout, name: str) -> bool:
    """Whether a user has defined `name`, in a file that can be used or not."""
    return name in _files(layout)


def check_name(layout: Layout, name: str) -> None:
    """Refuse a name that no own data set can have.

    Raises:
        ConfigError: Other characters than lowercase letters, digits and `_`, or the name of a shipped data set.
    """
    path = layout.datasets() / f"{name}.yaml"
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"'{name}' cannot name a data set ({path}): a name is made of lowercase letters, digits and '_', "
            "and starts with a letter or a digit. Choose another one."
        )
    if name in DATASETS:
        raise ConfigError(f"Data set '{name}' in {path} has the name of a shipped one. Choose another name.")


def define_dataset(layout: Layout, name: str, *, source: str, arguments: Mapping[str, Any], **described: Any) -> Path:
    """Write the definition of an own data set; what an existing one says besides is kept.

    Args:
        layout: Where.
        name: Lowercase letters, digits and `_`.
        source: Row of SOURCES.
        arguments: Of the source. A relative `path` is made whole here, since the file outlives the working directory;
            in a file that a person writes it is relative to that file.
        described: Any other field of the YAML (licence, description, cities, ...).

    Returns:
        The YAML.

    Raises:
        ConfigError: A name that cannot be used, an unknown source, argument or field, or an existing file that is
            not readable.
        DataError: The data root cannot be written to.
    """
    check_name(layout, name)
    path = layout.datasets() / f"{name}.yaml"
    if source not in SOURCES:
        raise ConfigError(unknown_name("source", source, SOURCES))
    check_arguments("source", source, resolve(SOURCES[source].fetch), arguments, provided=PROVIDED)
    before = read_mapping(path) if path.is_file() else {}
    values = {**before, **described, "source": source, "arguments": _with_whole_path(arguments, start=Path.cwd())}
    _validate(values, path)
    if values != before:  # else comments that a person wrote into the file would be lost for nothing
        layout.ensure_root()
        _write(path, values)
    return path


def _files(layout: Layout) -> dict[str, Path]:
    return {path.stem: path for path in sorted(layout.datasets().glob("*.yaml")) if not path.name.startswith(".")}


def _read(layout: Layout, path: Path) -> Dataset:
    check_name(layout, path.stem)
    definition = _validate(read_mapping(path), path)
    fields = {name: getattr(definition, name) for name in _Definition.model_fields}
    fields["description"] = definition.description or f"Own data set, defined in {path}."
    fields["arguments"] = _with_whole_path(definition.arguments, start=path.parent)
    return Dataset(**fields, how_to_get=f"It is defined in {path}.")


def _validate(values: Mapping[str, Any], path: Path) -> _Definition:
    try:
        definition = _Definition.model_validate(values)
    except ValidationError as error:
        faults = faults_of(error, _Definition, whole="data set")
        raise ConfigError("\n".join([f"{path} does not define a data set:", *faults])) from error
    if definition.source not in SOURCES:
        raise ConfigError(f"{path}: {unknown_name('source', definition.source, SOURCES)}")
    return definition


def _with_whole_path(arguments: Mapping[str, Any], *, start: Path) -> dict[str, Any]:
    """The arguments as JSON has them, those without a value left out; `path` is relative to `start`."""
    whole = {name: value for name, value in as_json(arguments).items() if value is not None}
    if "path" in whole:  # a folder called 2024 arrives as a number
        whole["path"] = str((start / Path(str(whole["path"])).expanduser()).resolve())
    return whole


def _write(path: Path, values: Mapping[str, Any]) -> None:
    """Through a temporary file, so that a reader never sees half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(exist_ok=True)
        temporary.write_text(yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True), encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise DataError(f"{path} cannot be written: {error.strerror}. Make {path.parent} writable.") from error
