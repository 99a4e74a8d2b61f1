"""One city's CSV as columns: quickly when it is sound, row by row with reasons when it is not."""

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
    try:
        with np.errstate(invalid="ignore"):  # a number that no whole number can hold is refused just below
            table = _read(path, encoding=encoding, typed=True)
    except (ValueError, TypeError, OverflowError):  # something is not of its column's type: look at every value
        table = _read_damaged(path, encoding=encoding)
    missing = [name for name in _NEEDED if name not in table.columns]
    if missing:
        found = ", ".join(map(str, table.columns))[:200]
        raise DataError(
            f"{path}: column {', '.join(missing)} is missing. Found: {found}. Expected: {', '.join(COLUMNS)}."
        )
    if table.empty:
        raise DataError(f"{path} has a header and no row. Expected one row per image.")
    return _columns(table, name=path.name), "" if encoding == "utf-8-sig" else encoding


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


def _read(path: Path, *, encoding: str, typed: bool, **options: Any) -> pd.DataFrame:
    types: Any = {
        **dict.fromkeys(_WHOLE, "int64"),
        **dict.fromkeys(_FRACTIONS, "float64"),
        "panoid": str,
        "city_id": str,
    }
    table: pd.DataFrame = pd.read_csv(
        path,
        dtype=types if typed else str,
        keep_default_na=False,  # 'NA' may be a panoid
        na_values={name: [""] for name in _FRACTIONS} if typed else None,
        **_EXACT,
        index_col=False,
        encoding=encoding,
        **options,
    )
    return table


def _read_damaged(path: Path, *, encoding: str) -> pd.DataFrame:
    """As text. Lines with too many fields are left out here: their images then have no row, which is noted."""
    try:
        return _read(path, encoding=encoding, typed=False, on_bad_lines="skip", encoding_errors="replace")
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not readable as a CSV: {error}. Expected columns: {', '.join(COLUMNS)}.") from error


def _columns(table: pd.DataFrame, *, name: str) -> CityTable:
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
        origin=[f"{name}:{line}" for line in range(2, len(table) + 2)],
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
