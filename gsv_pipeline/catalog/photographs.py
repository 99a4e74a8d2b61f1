"""Reads anyone's photographs: places from a CSV, or from coordinates in file names as CosPlace forms them."""

import hashlib
import json
import os
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import utm

from gsv_pipeline.catalog.report import Findings
from gsv_pipeline.catalog.rows import ROW_COLUMNS, CityFiles
from gsv_pipeline.sources.photographs import (
    HEADINGS,
    Arrangement,
    Listing,
    Table,
    city_folders,
    inside,
    list_folder,
    read_table,
)
from gsv_pipeline.sources.utm_names import FORM, UtmName, parse_utm_name

_UNSAFE: Final = re.compile(r'[/\\:*?"<>|%\x00-\x1f\x7f]|^\.')
_NAMELESS: Final = "photographs"
_TEXTS: Final = ("place", "panoid", "image_id", "origin", "problem", "detail")
_LARGEST: Final = np.iinfo(np.int32).max
_EASTINGS_M: Final = (100_000.0, 1_000_000.0)  # where UTM is defined, whatever the zone
_NORTHINGS_M: Final = (0.0, 10_000_000.0)
_LATLON_LIMITS: Final = {"lat": 90.0, "lon": 180.0}
_NUMBERS: Final = {"year": ("year",), "month": ("month",), "northdeg": HEADINGS, "lat": ("lat",), "lon": ("lon",)}
"""Column of the catalog -> what a table may call it."""

Strings = npt.NDArray[np.object_]
Float = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def list_cities(root: Path, **arguments: Any) -> list[CityFiles]:
    """The cities of a folder: of the table's column, of the first folder level, or one called like the folder.

    Args:
        root: Folder of the photographs.
        arguments: Of `Arrangement`.

    Raises:
        DataError: A folder or the table cannot be read.
    """
    arrangement = Arrangement(**arguments)
    listing = list_folder(root)
    salt = json.dumps([root.name, asdict(arrangement)])
    found: list[CityFiles] = []
    if arrangement.table is not None:
        rows = _TableRows(root, read_table(root / arrangement.table))
        signature = _signature(salt + rows.table.sha256, listing.folders)
        found += [_TableCity(name, signature, rows.table.path, (root,), rows) for name in set(rows.cities)]
    elif names := city_folders(listing.images, arrangement):
        for name in names:
            found.append(CityFiles(_safe(name), _signature(salt, _below(listing, name)), None, (root / name,)))
    else:
        found.append(CityFiles(_city_of(root), _signature(salt, listing.folders), None, (root,)))
    return sorted(found, key=_by_key)


def read_city(root: Path, city: CityFiles, findings: Findings, **arguments: Any) -> pd.DataFrame:
    """The rows of a city with the columns ROW_COLUMNS.

    Args:
        root: Folder of the photographs.
        city: As `list_cities` gave it.
        findings: Is told of a table that is not UTF-8.
        arguments: Of `Arrangement`.

    Returns:
        A row per image; with a table a row per row of it, then one per image that no row names. With a group, images of
        the other groups are left out.

    Raises:
        DataError: A folder or the table cannot be read.
    """
    arrangement = Arrangement(**arguments)
    if city.csv is None:
        rows = _rows_of_names(root, city.folders[0], arrangement)
    else:
        shared = city.rows if isinstance(city, _TableCity) else _TableRows(root, read_table(city.csv))
        rows = _rows_of_table(city, shared, findings)
    return rows.astype(dict.fromkeys(_TEXTS, str))  # columns without a row have a type, too


class _TableRows:
    """A table with what concerns all its rows; made once and shared by its cities.

    Args:
        root: Folder of the photographs.
        table: N rows.
    """

    def __init__(self, root: Path, table: Table) -> None:
        self.root, self.table = root, table
        values = table.columns.get("city", [""] * len(table.lines))
        safe = {value: _safe(value) or _city_of(root) for value in set(values)}
        self.cities = [safe[value] for value in values]

    @cached_property
    def names(self) -> Strings:
        """[N] the image's path below the root; empty where there is none, None where it would lead out."""
        return np.array([inside(name) if name else "" for name in self.table.columns["image"]], dtype=object)

    @cached_property
    def origin(self) -> Strings:
        """[N] where a row stands."""
        return np.array([f"{self.table.path.name}:{line}" for line in self.table.lines], dtype=object)

    @cached_property
    def first(self) -> npt.NDArray[np.int64]:
        """[N] the first row that names the same image."""
        rows: dict[Any, int] = {}
        owners = [rows.setdefault(name, row) if name else row for row, name in enumerate(self.names)]
        return np.array(owners, dtype=np.int64)

    @cached_property
    def absent(self) -> Mask:
        """[N] whether the image has no file; listing each folder once is quicker than asking for every file."""
        split = [posixpath.split(name) if name else ("", "") for name in self.names]
        present = {folder: _entries(self.root / folder) for folder in {folder for folder, _ in split}}
        return np.array([name not in present[folder] for folder, name in split], dtype=bool)

    def lonely(self) -> list[str]:
        """Images that no row names."""
        named = set(self.names)
        return [image for image in list_folder(self.root).images if image not in named]


@dataclass(frozen=True, slots=True)
class _TableCity(CityFiles):
    """A city of a table that has been read: reading it again for every city would take most of the time."""

    rows: _TableRows


def _by_key(city: CityFiles) -> str:
    return f"{city.name}/"  # in this order place ids are sorted, too


def _safe(name: str) -> str:
    """A name that can stand in keys and file names; different names stay different."""
    return _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", name)


def _city_of(root: Path) -> str:
    return _safe(root.name) or _NAMELESS


def _below(listing: Listing, name: str) -> list[tuple[str, int, int]]:
    return [folder for folder in listing.folders if folder[0] == name or folder[0].startswith(f"{name}/")]


def _signature(salt: str, folders: Sequence[tuple[str, int, int]]) -> str:
    return hashlib.sha256(json.dumps([salt, folders]).encode()).hexdigest()[:16]


def _rows_of_names(root: Path, folder: Path, arrangement: Arrangement) -> pd.DataFrame:
    prefix = "" if folder == root else f"{folder.relative_to(root).as_posix()}/"
    parsed = [(prefix + image, parse_utm_name(image.rpartition("/")[2])) for image in list_folder(folder).images]
    images = [image for image, name in parsed if name is not None]
    names = [name for _, name in parsed if name is not None]
    grid = arrangement.grid
    kept = grid.kept(names)
    images = [image for image, keep in zip(images, kept, strict=True) if keep]
    names = [name for name, keep in zip(names, kept, strict=True) if keep]
    rows = _frame(images)
    rows["place"] = [grid.key(name) for name in names]
    for column in ("year", "month"):
        rows[column] = np.array([getattr(name, column) for name in names], dtype=np.int64)
    rows["northdeg"] = np.array([name.heading for name in names], dtype=np.float64)
    rows["panoid"] = [name.view for name in names]
    _locate(rows, names)
    unnamed = _frame([image for image, name in parsed if name is None])
    unnamed["problem"], unnamed["detail"] = "coordinates_missing", f"its name is not {FORM}"
    return pd.concat([rows, unnamed], ignore_index=True).sort_values("image_id", ignore_index=True)


def _frame(images: Sequence[str], origin: Sequence[str] | None = None) -> pd.DataFrame:
    """Rows of which nothing but the image is known."""
    empty = dict.fromkeys(ROW_COLUMNS, "") | {"year": 0, "month": 0, "northdeg": np.nan, "lat": np.nan, "lon": np.nan}
    known = {"image_id": list(images), "origin": list(images if origin is None else origin)}
    return pd.DataFrame({**empty, **known}, index=pd.RangeIndex(len(images)))[list(ROW_COLUMNS)]


class _Problems:
    """For each row the first rule that it breaks, and what was found."""

    def __init__(self, count: int) -> None:
        self.rule = np.full(count, "", dtype=object)
        self.detail = np.full(count, "", dtype=object)

    def note(self, broken: Mask, rule: str, found: Callable[[int], str]) -> None:
        """Note that rows break a rule; `found` tells of a row's number what was found in it."""
        for row in np.flatnonzero(broken & (self.rule == "")).tolist():
            self.rule[row], self.detail[row] = rule, found(row)

    def note_range(self, degrees: Float, column: str) -> None:
        """Note latitudes or longitudes that there are none of."""
        self.note(
            np.abs(degrees) > _LATLON_LIMITS[column],
            "coordinates_out_of_range",
            lambda row: f"{column} is {degrees[row]:g}",
        )


def _locate(rows: pd.DataFrame, names: Sequence[UtmName]) -> None:
    """Latitude and longitude as names say, else from their metres; and what is wrong with either."""
    east, north, lat, lon = (
        np.array([getattr(name, field) for name in names], dtype=np.float64)
        for field in ("east", "north", "lat", "lon")
    )
    zones = [f"{name.zone}{name.hemisphere}" if name.zone and name.hemisphere else "" for name in names]
    zone = np.where(np.isnan(lat) | np.isnan(lon), np.array(zones, dtype="U3"), "")  # whose metres are asked
    on_grid = (
        (east >= _EASTINGS_M[0]) & (east < _EASTINGS_M[1]) & (north >= _NORTHINGS_M[0]) & (north <= _NORTHINGS_M[1])
    )
    for name in sorted(set(zone.tolist()) - {""}):
        here = on_grid & (zone == name)
        lat[here], lon[here] = utm.to_latlon(
            east[here], north[here], int(name[:-1]), northern=name.endswith("N"), strict=False
        )
    problems = _Problems(len(names))
    unreadable = np.array([name.unreadable != "" for name in names], dtype=bool)
    problems.note(unreadable, "wrong_type", lambda row: names[row].unreadable)
    problems.note(
        (zone != "") & ~on_grid,
        "coordinates_out_of_range",
        lambda row: f"{east[row]:.2f} m east, {north[row]:.2f} m north in zone {zone[row]}",
    )
    problems.note_range(lat, "lat")
    problems.note_range(lon, "lon")
    rows["lat"], rows["lon"], rows["problem"], rows["detail"] = lat, lon, problems.rule, problems.detail


def _rows_of_table(city: CityFiles, shared: _TableRows, findings: Findings) -> pd.DataFrame:
    rows = _chosen_rows(shared, [row for row, name in enumerate(shared.cities) if name == city.name])
    if f"{city.name}/" != min(f"{name}/" for name in set(shared.cities)):
        return rows
    # What concerns the whole table is told once, with its first city.
    if shared.table.encoding:
        findings.add("csv_encoding", [f"{shared.table.path.name}: {shared.table.encoding}"])
    # Who writes a table chooses: a photograph that it leaves out is told, and is no fault of the data set.
    findings.add("image_not_named", list(shared.lonely()))
    return rows


def _chosen_rows(shared: _TableRows, chosen: list[int]) -> pd.DataFrame:
    columns = {
        name: np.array([values[row] for row in chosen], dtype=object) for name, values in shared.table.columns.items()
    }
    texts, place_ids = columns["image"], columns["place_id"]
    names, absent, origin = shared.names[chosen], shared.absent[chosen], shared.origin[chosen]
    first = shared.first[chosen]
    again, earlier = first != np.array(chosen), shared.origin[first]
    leaving = np.array([name is None for name in names], dtype=bool)
    width = shared.table.width
    problems = _Problems(len(names))
    problems.note(leaving, "leaves_root", lambda row: f"image is {texts[row]}")
    problems.note(texts == "", "wrong_type", lambda row: "image is empty")
    problems.note(absent, "missing_image", lambda row: f"no file {texts[row]}")
    problems.note(again, "image_named_twice", lambda row: f"{earlier[row]} names the image too")
    extra = np.array([shared.table.fields[row] > width for row in chosen], dtype=bool)
    problems.note(extra, "wrong_type", lambda row: f"more values than the {width} columns")
    problems.note(place_ids == "", "wrong_type", lambda row: "place_id is empty")
    rows = _frame(np.where(absent, "", names).tolist(), origin.tolist())
    safe = {place_id: _safe(place_id) for place_id in set(place_ids)}
    rows["place"] = [safe[place_id] for place_id in place_ids]
    _fill_numbers(rows, columns, problems)
    rows["problem"], rows["detail"] = problems.rule, problems.detail
    return rows


def _entries(folder: Path) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))  # noqa: PTH208 - strings: half a million of them
    except OSError:
        return frozenset()


def _fill_numbers(rows: pd.DataFrame, columns: Mapping[str, Strings], problems: _Problems) -> None:
    for target, options in _NUMBERS.items():
        source = next((name for name in options if name in columns), None)
        if source is not None:
            rows[target] = _numbers(columns[source], source, problems, whole=target in ("year", "month"))
    if "lat" in columns:
        blank = (columns["lat"] == "") | (columns["lon"] == "")
        problems.note(blank, "coordinates_missing", lambda row: "lat or lon is empty")
    for column in _LATLON_LIMITS:
        problems.note_range(rows[column].to_numpy(np.float64), column)


def _numbers(texts: Strings, column: str, problems: _Problems, *, whole: bool) -> Float | npt.NDArray[np.int64]:
    """A column as numbers; what is empty or none is 0 (whole numbers) or not a number."""
    numbers = pd.to_numeric(pd.Series(texts), errors="coerce").to_numpy(np.float64)
    wrong = (texts != "") & ~(np.abs(numbers) <= _LARGEST)  # what is no number is not less either
    numbers = np.where(wrong, np.nan, numbers)
    if whole:
        wrong |= np.mod(numbers, 1) > 0
    problems.note(wrong, "wrong_type", lambda row: f"{column} is {texts[row]!r}")
    return np.nan_to_num(numbers, nan=0.0).astype(np.int64) if whole else numbers
