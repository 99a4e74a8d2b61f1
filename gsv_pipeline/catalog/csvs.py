"""One city's CSV as columns: quickly when it is sound, row by row with reasons when it is not."""

import csv
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from gsv_pipeline.errors import DataError
from gsv_pipeline.sources.published import COLUMNS

_WHOLE: Final = ("place_id", "year", "month", "northdeg")
_FRACTIONS: Final = ("lat", "lon")
_NEEDED: Final = tuple(name for name in COLUMNS if name != "city_id")
_LARGEST: Final = np.iinfo(np.int32).max
_BOMS: Final = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_FALLBACK: Final = "cp1252"  # what spreadsheets write; panoids and numbers are ASCII in any case
_EXACT: Final[Any] = (
    {} if tuple(map(int, pd.__version__.split(".")[:2])) >= (3, 1) else {"float_precision": "round_trip"}
)
"""Older versions of pandas change the last digit of one coordinate in six (FIELD 1.10) unless told not to."""
_LEADS_OUT: Final = r"[/\\\x00]|^\.\.?$"

Strings = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class CityTable:
    """The columns of a city, a row per image.

    Args:
        place, year, month: [N] whole numbers.
        northdeg, lat, lon: [N] numbers; not a number where there is none.
        panoid: N ids.
        origin: N places that the rows come from, 'London.csv:12'.
        problem: [N] empty, or the rule that a row breaks.
        detail: [N] what was found.
    """

    place: npt.NDArray[np.int64]
    year: npt.NDArray[np.int64]
    month: npt.NDArray[np.int64]
    northdeg: npt.NDArray[np.float64]
    lat: npt.NDArray[np.float64]
    lon: npt.NDArray[np.float64]
    panoid: list[str]
    origin: list[str]
    problem: Strings
    detail: Strings


def read_city_csv(path: Path) -> tuple[CityTable, str]:
    """One city's CSV, and the name of its encoding where that is not UTF-8.

    Raises:
        DataError: It cannot be read as a table, has no row, or a column is missing.
    """
    encoding = _encoding_of(path)
    lines, too_long = None, None
    try:
        table = _read(path, encoding=encoding)
    except (ValueError, TypeError, OverflowError, pd.errors.ParserWarning):  # something is wrong: look at every value
        table, lines, too_long = _read_damaged(path, encoding=encoding)
    missing = [name for name in _NEEDED if name not in table.columns]
    if missing:
        found = ", ".join(map(str, table.columns))[:200]
        raise DataError(
            f"{path}: column {', '.join(missing)} is missing. Found: {found}. Expected: {', '.join(COLUMNS)}."
        )
    if table.empty:
        raise DataError(f"{path} has a header and no row. Expected one row per image.")
    lines = list(range(2, len(table) + 2)) if lines is None else lines
    columns = _columns(table, origin=[f"{path.name}:{line}" for line in lines])
    if too_long is not None and too_long.any():
        columns.problem[too_long], columns.detail[too_long] = "wrong_type", "more values than columns"
    return columns, "" if encoding == "utf-8-sig" else encoding


def _encoding_of(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    for mark, encoding in _BOMS.items():
        if data.startswith(mark):
            return encoding
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return _FALLBACK
    return "utf-8-sig"


def _read(path: Path, *, encoding: str) -> pd.DataFrame:
    types: Any = {
        **dict.fromkeys(_WHOLE, "int64"),
        **dict.fromkeys(_FRACTIONS, "float64"),
        "panoid": str,
        "city_id": str,
    }
    # A number that no whole number can hold is refused, as are rows that are all too long: pandas would only warn.
    with np.errstate(invalid="ignore"), warnings.catch_warnings(action="error", category=pd.errors.ParserWarning):
        table: pd.DataFrame = pd.read_csv(
            path,
            dtype=types,
            keep_default_na=False,  # 'NA' may be a panoid
            na_values={name: [""] for name in _FRACTIONS},
            index_col=False,
            encoding=encoding,
            **_EXACT,
        )
    return table


def _read_damaged(path: Path, *, encoding: str) -> tuple[pd.DataFrame, list[int], npt.NDArray[np.bool_]]:
    """As text: the table, the line of each row, and which rows have more values than there are columns."""
    try:
        with path.open(newline="", encoding=encoding, errors="replace") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            rows = [(reader.line_num, row) for row in reader if row]
    except (OSError, csv.Error) as error:
        raise DataError(f"{path} is not readable as a CSV: {error}. Expected columns: {', '.join(COLUMNS)}.") from error
    if not header:
        raise DataError(f"{path} is not readable as a CSV: it is empty. Expected columns: {', '.join(COLUMNS)}.")
    width = len(header)
    whole = [row[:width] + [""] * (width - len(row)) for _, row in rows]
    table = pd.DataFrame(whole, columns=header, dtype=str)
    too_long = np.array([len(row) > width for _, row in rows], dtype=bool)
    return table.loc[:, ~table.columns.duplicated()], [line for line, _ in rows], too_long


def _columns(table: pd.DataFrame, *, origin: list[str]) -> CityTable:
    problem = np.full(len(table), "", dtype=object)
    detail = np.full(len(table), "", dtype=object)
    numbers = {
        column: _numbers(table[column], whole=column in _WHOLE, problem=problem, detail=detail)
        for column in (*_WHOLE, *_FRACTIONS)
    }
    panoid = table["panoid"].fillna("")
    leads_out = panoid.str.contains(_LEADS_OUT, regex=True).to_numpy(dtype=bool)
    if "city_id" in table.columns:
        cities = table["city_id"].fillna("")
        leads_out = leads_out | cities.str.contains(_LEADS_OUT, regex=True).to_numpy(dtype=bool)
    problem[leads_out], detail[leads_out] = "leaves_root", "city_id or panoid holds a path"
    nameless = (panoid == "").to_numpy(dtype=bool) & (problem == "")
    problem[nameless], detail[nameless] = "wrong_type", "panoid is empty"
    return CityTable(
        place=numbers["place_id"].astype(np.int64),
        year=numbers["year"].astype(np.int64),
        month=numbers["month"].astype(np.int64),
        northdeg=numbers["northdeg"],
        lat=numbers["lat"],
        lon=numbers["lon"],
        panoid=panoid.tolist(),
        origin=origin,
        problem=problem,
        detail=detail,
    )


def _numbers(values: pd.Series, *, whole: bool, problem: Strings, detail: Strings) -> npt.NDArray[np.float64]:
    """A column as numbers; what is none is noted and becomes 0 (whole numbers) or not a number."""
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64, na_value=np.nan).copy()
    absent = np.isnan(numbers)
    wrong = ~absent & (np.abs(numbers) > _LARGEST)
    if whole:
        wrong |= absent | (numbers % 1 != 0)
    elif values.dtype != np.float64:  # an empty coordinate is a missing one; other words are of a wrong type
        wrong |= absent & (values.fillna("").str.strip() != "").to_numpy(dtype=bool)
    first = wrong & (problem == "")
    problem[first] = "wrong_type"
    detail[first] = [f"{values.name} is {value!r}" for value in values[first]]
    numbers[wrong] = 0 if whole else np.nan
    return numbers
