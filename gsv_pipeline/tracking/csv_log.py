"""The same log as a table: one row per step, for pandas and spreadsheets."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from gsv_pipeline.tracking.files import LocalLog

STEP: Final = "step"
TRAINING: Final = "train/"
Row = dict[str, float]


class CsvTracker(LocalLog):
    """Keeps `step, train/loss, …, demo_val/R@1, …`: a cell is empty where a step has no such number.

    What is logged in several calls at one step is one row. A resumed run goes on in the same file and takes the rows of
    the steps that it does again out of it, so that the last ones count; its first step may complete a row (recalls).
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._columns: Sequence[str] = ()
        self._last: tuple[int, Row] | None = None
        self._start = self._end = 0  # bytes: where the last row begins and ends

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Write the row of `step`; it is on disk when this returns."""
        self._attempt(lambda: self._write(dict(metrics), step))

    def _write(self, metrics: Row, step: int) -> None:
        if self._last is None:
            rows = {done: row for done, row in read_rows(self._path).items() if done <= step}
            self._rewrite(rows | {step: rows.get(step, {}) | metrics})
        elif step < self._last[0] or not metrics.keys() <= set(self._columns):
            rows = read_rows(self._path)
            self._rewrite(rows | {step: rows.get(step, {}) | metrics})
        else:
            self._put(metrics, step, last=self._last)

    def _put(self, metrics: Row, step: int, *, last: tuple[int, Row]) -> None:
        is_same = step == last[0]
        row, start = (last[1] | metrics, self._start) if is_same else (metrics, self._end)
        line = _lines([_cells(step, row, self._columns)])
        with self._path.open("rb+") as file:
            file.seek(start)
            file.write(line)
            file.truncate()
        self._last, self._start, self._end = (step, row), start, start + len(line)

    def _rewrite(self, rows: Mapping[int, Row]) -> None:
        self._columns = columns_of(rows)
        self._end = write_rows(self._path, rows)
        step = max(rows)
        self._last = (step, rows[step])
        self._start = self._end - len(_lines([_cells(step, rows[step], self._columns)]))


def read_rows(path: Path) -> dict[int, Row]:
    """The rows by step; none where there is no such file. A row that is none, by whomever, is left out."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return {}
    whole = text[: text.rfind("\n") + 1]  # a killed process may have left half a row
    rows: dict[int, Row] = {}
    for record in csv.DictReader(io.StringIO(whole)):
        with suppress(ValueError, KeyError, TypeError):
            numbers = {name: float(cell) for name, cell in record.items() if cell and name != STEP}
            rows[int(record[STEP])] = numbers
    return rows


def write_rows(path: Path, rows: Mapping[int, Mapping[str, float]]) -> int:
    """Write a table through a temporary file, in the order of its steps; returns its bytes."""
    columns = columns_of(rows)
    content = _lines([[STEP, *columns], *(_cells(step, rows[step], columns) for step in sorted(rows))])
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)
    return len(content)


def columns_of(rows: Mapping[int, Mapping[str, float]]) -> list[str]:
    """What training logs first, then recalls; each in the order in which it appeared."""
    names = dict.fromkeys(name for step in sorted(rows) for name in rows[step])
    return sorted(names, key=lambda name: not name.startswith(TRAINING))


def _cells(step: int, row: Mapping[str, float], columns: Sequence[str]) -> list[str]:
    return [str(step), *(repr(float(row[name])) if name in row else "" for name in columns)]


def _lines(records: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(records)
    return text.getvalue().encode()
