"""Reads the published layout: pairs CSVs with image folders, rows with files; rebuilds a lost CSV from image names."""

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from gsv_pipeline.catalog.csvs import CityTable, read_city_csv
from gsv_pipeline.catalog.report import Findings
from gsv_pipeline.catalog.rows import ROW_COLUMNS, CityFiles
from gsv_pipeline.catalog.schema import PLACE_DIGITS
from gsv_pipeline.errors import DataError
from gsv_pipeline.sources.published import DATAFRAMES, IMAGES, ImageName, canonical_city, parse_name

SUFFIXES: Final = (".jpg", ".jpeg")
_PEEKED: Final = 50
_TOO_DAMAGED: Final = 0.5  # of the rows; below it the sound ones are kept


@dataclass(frozen=True, slots=True)
class _Files:
    """The images of a city: by place and panoid, and those that cannot be told apart by them."""

    by_key: dict[tuple[int, str], str]
    parsed: dict[str, ImageName]
    unkeyed: tuple[str, ...]
    strange: tuple[str, ...]


def list_cities(root: Path) -> list[CityFiles]:
    """The cities below `root`, by published code.

    A CSV and a folder belong together when their names mean the same city ('Paris' is 'PRS'), or when the names of the
    images in the folder say so.

    Raises:
        DataError: Two CSVs of one city.
    """
    csvs: dict[str, Path] = {}
    for path in sorted((root / DATAFRAMES).glob("[!.]*.csv")):
        other = csvs.setdefault(canonical_city(path.stem), path)
        if other != path:
            raise DataError(f"{other} and {path} tell of one city, {canonical_city(path.stem)}. Remove one of them.")
    folders: dict[str, list[Path]] = {}
    images = root / IMAGES
    found = sorted(p for p in images.iterdir() if p.is_dir() and not p.name.startswith(".")) if images.is_dir() else []
    for folder in found:
        name = canonical_city(folder.name)
        folders.setdefault(name if name in csvs else _city_in_names(folder) or name, []).append(folder)
    cities = []
    for name in sorted({*csvs, *folders}, key=lambda name: f"{name}/"):
        csv, own = csvs.get(name), tuple(folders.get(name, ()))
        cities.append(CityFiles(name, _signature(csv, own), csv, own))
    return cities


def read_city(root: Path, city: CityFiles, findings: Findings) -> pd.DataFrame:
    """The rows of a city, each with its image; then a row for every image that no row names.

    Images are found by place number and panoid. Never by printing coordinates: their text is not stable.
    """
    files = _list_files(root, city)
    findings.add("strange_name", files.strange)
    table = _table_of(city, files, findings)
    keys = list(zip(table.place.tolist(), table.panoid, strict=True))
    found = [files.by_key.get(key, "") for key in keys]
    problem = np.where(
        table.problem == "", np.where(np.array(found, dtype=object) == "", "missing_image", ""), table.problem
    )
    absent = problem == "missing_image"
    rows = {
        "place": pd.Series(table.place, dtype="int64").astype(str).str.zfill(PLACE_DIGITS),
        "year": table.year,
        "month": table.month,
        "northdeg": table.northdeg,
        "lat": table.lat,
        "lon": table.lon,
        "panoid": table.panoid,
        "image_id": found,
        "origin": table.origin,
        "problem": problem,
        "detail": [
            f"no file of place {place} with panorama {panoid}" if gone else detail
            for (place, panoid), gone, detail in zip(keys, absent, table.detail, strict=True)
        ],
    }
    lonely = sorted(set(files.by_key.values()) - set(found))
    without = pd.DataFrame([_row_of_file(name, files.parsed.get(name)) for name in (*lonely, *files.unkeyed)])
    frame = pd.DataFrame(rows)
    return pd.concat([frame, without], ignore_index=True)[list(ROW_COLUMNS)] if len(without) else frame


def _signature(csv: Path | None, folders: Sequence[Path]) -> str:
    try:
        digest = hashlib.sha256(csv.read_bytes() if csv else b"")
    except OSError as error:
        raise DataError(f"{csv} cannot be read: {error.strerror}. Expected a table of a city's images.") from error
    for folder in folders:
        digest.update(f"\0{folder.name}\0{folder.stat().st_mtime_ns}\0{_count(folder)}".encode())
    return digest.hexdigest()[:16]


def _count(folder: Path) -> int:
    with os.scandir(folder) as entries:
        return sum(1 for entry in entries if not entry.name.startswith("."))


def _city_in_names(folder: Path) -> str:
    """The city that most of the first images name, or nothing."""
    found = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    names = (parse_name(Path(name).stem) for name in found[:_PEEKED])
    counts = Counter(name.city for name in names if name is not None)
    return canonical_city(counts.most_common(1)[0][0]) if counts else ""


def _list_files(root: Path, city: CityFiles) -> _Files:
    by_key: dict[tuple[int, str], str] = {}
    parsed: dict[str, ImageName] = {}
    unkeyed, strange = [], []
    for folder in city.folders:
        prefix = folder.relative_to(root).as_posix()
        for entry in sorted(os.listdir(folder)):  # noqa: PTH208 - half a million names, no paths
            if entry.startswith("."):  # what systems put beside photographs, '._London_0000013_….JPG' for one
                continue
            path = f"{prefix}/{entry}"
            stem, suffix = os.path.splitext(entry)  # noqa: PTH122 - half a million times
            if suffix.lower() not in SUFFIXES:
                strange.append(path)
                continue
            name = parse_name(stem)
            if name is None:
                strange.append(path)
                unkeyed.append(path)
                continue
            parsed[path] = name
            if by_key.setdefault((name.place, name.panoid), path) != path:
                unkeyed.append(path)
    return _Files(by_key, parsed, tuple(unkeyed), tuple(strange))


def _table_of(city: CityFiles, files: _Files, findings: Findings) -> CityTable:
    """The CSV's rows; where it is missing or damaged, rows rebuilt from the names of the images."""
    reason = "there is no CSV"
    if city.csv is not None:
        try:
            table, encoding = read_city_csv(city.csv)
        except DataError as error:
            reason = str(error)
        else:
            if encoding:
                findings.add("csv_encoding", [f"{city.csv.name}: {encoding}"])
            if not files.by_key or (table.problem == "wrong_type").mean() <= _TOO_DAMAGED:
                return table
            reason = f"{int((table.problem == 'wrong_type').sum())} of {len(table.place)} rows are damaged"
    findings.add("csv_rebuilt", [f"{city.name}: {reason}"])
    return _rebuilt(files)


def _rebuilt(files: _Files) -> CityTable:
    paths = sorted(files.by_key.values())
    names = [files.parsed[path] for path in paths]
    empty = np.full(len(paths), "", dtype=object)
    return CityTable(
        place=np.array([name.place for name in names], dtype=np.int64),
        year=np.array([name.year for name in names], dtype=np.int64),
        month=np.array([name.month for name in names], dtype=np.int64),
        northdeg=np.array([name.northdeg for name in names], dtype=np.float64),
        lat=np.array([name.lat for name in names], dtype=np.float64),
        lon=np.array([name.lon for name in names], dtype=np.float64),
        panoid=[name.panoid for name in names],
        origin=paths,
        problem=empty,
        detail=empty,
    )


def _row_of_file(path: str, name: ImageName | None) -> dict[str, object]:
    row = dict.fromkeys(ROW_COLUMNS, "") | {"image_id": path, "origin": path, "problem": "image_without_row"}
    if name is None:
        unknown = {"year": 0, "month": 0, "northdeg": np.nan, "lat": np.nan, "lon": np.nan}
        return {**row, **unknown, "detail": "its name is not as published"}
    known = {key: getattr(name, key) for key in ("year", "month", "lat", "lon", "panoid")}
    return {
        **row, **known, "northdeg": float(name.northdeg), "place": f"{name.place:0{PLACE_DIGITS}d}",
        "detail": "no row, or another file, has its place and panorama",
    }  # fmt: skip
