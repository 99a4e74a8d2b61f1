"""Benchmarks that users define: `<data root>/benchmarks/<name>.yaml`, beside those that ship."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gsv_pipeline.benchmarks import BENCHMARKS, FOLDERS, BenchmarkRow, Protocol
from gsv_pipeline.benchmarks.rows import POSITIVE_RADIUS_M
from gsv_pipeline.config import faults_of, read_mapping
from gsv_pipeline.errors import ConfigError
from gsv_pipeline.layout import Layout
from gsv_pipeline.registry import unknown_name
from gsv_pipeline.sources.own import NAME, NO_LICENCE

NAMES: Final = "names"
BY_FOLDER: Final = "folders"
BY_ORDER: Final = "order"
WAYS: Final = (NAMES, BY_FOLDER, BY_ORDER)
"""How positives are found where no file lists them: coordinates in names, folders of one name, or the order."""

LOAD: Final = "gsv_pipeline.benchmarks.two_folders:load"
_SUFFIXES: Final = (".csv", ".npy")


class _Definition(BaseModel):
    """What such a YAML holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database: str
    queries: str
    positives: str = NAMES
    radius_m: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    frame_window: int | None = Field(default=None, ge=0)
    description: str = ""
    licence: str = NO_LICENCE
    source: str = ""
    redistributable: bool = False

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if self.positives not in WAYS and not self.positives.lower().endswith(_SUFFIXES):
            raise ValueError(
                f"positives is '{self.positives}', expected {', '.join(WAYS)}, or a file that ends in "
                f"{' or '.join(_SUFFIXES)}"
            )
        if self.radius_m is not None and (self.positives != NAMES or self.frame_window is not None):
            raise ValueError("radius_m is for coordinates in names: leave it out, or positives and frame_window")
        if self.frame_window is not None and self.positives not in (NAMES, BY_ORDER):
            raise ValueError("frame_window counts images in the order of their names: leave positives out")
        return self


def benchmark_rows(layout: Layout) -> dict[str, BenchmarkRow]:
    """Every usable benchmark by name: those that ship in the order of their table, then those under the data root.

    A file that cannot be used is left out, so that the others stay usable; `benchmark_problems` says why.
    """
    rows = dict(BENCHMARKS)
    for name, path in _files(layout).items():
        try:
            rows[name] = _read(path)
        except ConfigError:
            continue
    return rows


def benchmark_problems(layout: Layout) -> dict[str, str]:
    """What is wrong with the files that `benchmark_rows` leaves out, by name, sorted."""
    problems = {}
    for name, path in _files(layout).items():
        try:
            _read(path)
        except ConfigError as error:
            problems[name] = str(error)
    return problems


def benchmark_row(layout: Layout, name: str) -> BenchmarkRow:
    """The benchmark called `name`.

    Raises:
        ConfigError: Unknown name, or a user's file that cannot be used or has the name of a shipped benchmark.
    """
    files = _files(layout)
    if name in files:
        return _read(files[name])
    if name in BENCHMARKS:
        return BENCHMARKS[name]
    raise ConfigError(
        f"{unknown_name('benchmark', name, benchmark_rows(layout))} Own ones go to {layout.benchmarks()}/."
    )


def _files(layout: Layout) -> dict[str, Path]:
    return {path.stem: path for path in sorted(layout.benchmarks().glob("*.yaml")) if not path.name.startswith(".")}


def _read(path: Path) -> BenchmarkRow:
    name = path.stem
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"'{name}' cannot name a benchmark ({path}): a name is made of lowercase letters, digits and '_', and "
            "starts with a letter or a digit. Rename the file."
        )
    if name in BENCHMARKS:
        raise ConfigError(f"Benchmark '{name}' in {path} has the name of a shipped one. Rename the file.")
    stated = _validate(read_mapping(path), path)
    folders = {side: _whole(path, getattr(stated, side)) for side in ("database", "queries")}
    _refuse_one_folder(path, folders)
    by_file = stated.positives not in WAYS
    radius = POSITIVE_RADIUS_M if stated.radius_m is None else stated.radius_m
    return BenchmarkRow(
        load=LOAD,
        dataset="",
        takes=FOLDERS,
        arguments={
            **folders,
            "positives": _whole(path, stated.positives) if by_file else stated.positives,
            "radius_m": radius,
            "frame_window": stated.frame_window,
        },
        description=stated.description or f"Own benchmark, defined in {path}.",
        licence=stated.licence,
        variant="own",
        protocol=_protocol(stated, radius_m=radius),
        source=stated.source or str(path),
        redistributable=stated.redistributable,
    )


def _refuse_one_folder(path: Path, folders: Mapping[str, str]) -> None:
    if folders["database"] == folders["queries"]:
        raise ConfigError(
            f"{path}: database and queries are one folder, {folders['queries']}, so every query would find itself. "
            "Expected two folders. Move the queries to one of their own, and name that."
        )


def _protocol(stated: _Definition, *, radius_m: float) -> Protocol:
    if stated.frame_window is not None:
        return Protocol(frames=stated.frame_window)
    if stated.positives == NAMES:
        return Protocol(radius_m=radius_m)
    return Protocol(exact_pair=True) if stated.positives == BY_ORDER else Protocol(listed=True)


def _whole(file: Path, text: str) -> str:
    """A path in the YAML, relative to the YAML."""
    return str((file.parent / Path(text).expanduser()).resolve())


def _validate(values: Mapping[str, Any], path: Path) -> _Definition:
    texts = {name: str(value) if name in ("database", "queries") else value for name, value in values.items()}
    try:
        return _Definition.model_validate(texts)  # a folder called 2024 arrives as a number
    except ValidationError as error:
        faults = faults_of(error, _Definition, whole="benchmark")
        raise ConfigError("\n".join([f"{path} does not define a benchmark:", *faults])) from error
