"""The file that keeps every recall report of the past: a line each, added in one write, read line by line."""

import errno
import fcntl
import json
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from gsv_pipeline.errors import DataError

SCHEMA: Final = 1

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the chain that led to a report.

    Args:
        version: Data version.
        created: When it was made.
        inputs: Keys of what it was made of.
        rooms: Room -> version, of the code that made it.
        config: Settings.
        surroundings: Commit, packages, Python, device and processors.
        dagster_run: For whose step it was made; empty outside Dagster.
    """

    version: str
    created: str
    inputs: tuple[str, ...] = ()
    rooms: Mapping[str, int] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    surroundings: Mapping[str, Any] = field(default_factory=dict)
    dagster_run: str = ""


@dataclass(frozen=True, slots=True)
class Drift:
    """R@1 of a report against the one before it, on the same queries.

    Args:
        difference: As a fraction.
        interval: 95 %, paired over places.
        p_value: Of the paired test.
        verdict: `better`, `worse` or `same`.
        moved: Queries whose first correct answer changed its rank.
    """

    difference: float
    interval: tuple[float, float]
    p_value: float
    verdict: str
    moved: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A report of the past.

    Args:
        experiment: Whose.
        benchmark: On what.
        date: When, as ISO 8601.
        report: Its data version.
        recall_at: K -> fraction.
        interval_at: K -> 95 % interval.
        steps: Key -> part of the chain, the report itself among them.
        ranks: [Q] rank of each query's first correct answer, packed (`accepted.pack_ranks`); empty where unknown.
        drift: Against the entry before; None for the first, and where the queries are others.
    """

    experiment: str
    benchmark: str
    date: str
    report: str
    recall_at: Mapping[int, float]
    interval_at: Mapping[int, tuple[float, float]]
    steps: Mapping[str, Step]
    ranks: str = ""
    drift: Drift | None = None

    @property
    def dagster_run(self) -> str:
        """For whose step the report was written."""
        return self.steps[f"recall_report/{self.benchmark}/{self.experiment}"].dagster_run


def read_history(path: Path) -> list[Entry]:
    """The entries of a file, the oldest first; half a line that a killed process left is passed over."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    return [entry for entry in (_from_line(line, path) for line in lines if line.strip()) if entry is not None]


def append_entry(path: Path, entry: Entry) -> None:
    """Add a line. One write at the end of the file: whoever reads meanwhile, or is killed, sees the line or does not.

    Raises:
        DataError: The file cannot be written.
    """
    line = json.dumps(_to_json(entry), ensure_ascii=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            _write_line(descriptor, line.encode() + b"\n")
        finally:
            os.close(descriptor)
    except OSError as error:
        raise DataError(
            f"The history {path} cannot be written: {error.strerror}. The report itself is in place. "
            "Free some space or make it writable; then `gsv-pipeline history` adds the line."
        ) from error


def _write_line(descriptor: int, data: bytes) -> None:
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        data = b"\n" + data  # after half a line of a process that was killed
    if os.write(descriptor, data) < len(data):
        os.ftruncate(descriptor, size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(descriptor)


def _to_json(entry: Entry) -> dict[str, Any]:
    """Plain values; surroundings that several steps share stand there once."""
    surroundings: list[Mapping[str, Any]] = []
    steps = {
        key: {**asdict(step), "surroundings": _place(step.surroundings, surroundings)}
        for key, step in entry.steps.items()
    }
    plain = {name: value for name, value in asdict(entry).items() if name != "steps"}
    return {"schema": SCHEMA, **plain, "steps": steps, "surroundings": surroundings}


def _place(item: Mapping[str, Any], items: list[Mapping[str, Any]]) -> int:
    if item not in items:
        items.append(item)
    return items.index(item)


def _from_line(line: str, path: Path) -> Entry | None:
    try:
        values = json.loads(line)
        surroundings = values.pop("surroundings")
        if values.pop("schema") != SCHEMA:
            raise ValueError("another schema")
        steps = {key: _read_step(step, surroundings) for key, step in values.pop("steps").items()}
        drift = values.pop("drift")
        read = {**values, "recall_at": _by_k(values["recall_at"].items())}
        read["interval_at"] = {k: (bounds[0], bounds[1]) for k, bounds in _by_k(values["interval_at"].items()).items()}
        return Entry(
            **read, steps=steps, drift=Drift(**{**drift, "interval": tuple(drift["interval"])}) if drift else None
        )
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        _LOG.warning("%s: a line was passed over (%s: %s)", path, type(error).__name__, error)
        return None


def _read_step(values: Mapping[str, Any], surroundings: list[Mapping[str, Any]]) -> Step:
    return Step(**{**values, "inputs": tuple(values["inputs"]), "surroundings": surroundings[values["surroundings"]]})


def _by_k(items: Iterable[tuple[str, Any]]) -> dict[int, Any]:
    return {int(k): value for k, value in items}
