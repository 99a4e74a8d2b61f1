"""Published CSVs and image folders -> one table."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from gsv_pipeline.catalog import schema
from gsv_pipeline.catalog.headers import Header, read_header
from gsv_pipeline.catalog.report import Findings
from gsv_pipeline.errors import DataError
from gsv_pipeline.geo import normalise_bearing
from gsv_pipeline.sources.published import COLUMNS, DATAFRAMES, IMAGES, parse_name
from gsv_pipeline.tracking import Tracker

_WHOLE_NUMBERS: Final = ("place_id", "year", "month", "northdeg")
_NUMBERS: Final = ("lat", "lon")
_LARGEST: Final = np.iinfo(np.int32).max
_THREADS: Final = min(8, 2 * (os.cpu_count() or 1))


def build_catalog(root: Path, *, findings: Findings, tracker: Tracker) -> pd.DataFrame:
    """Read every city below `root`.

    Args:
        root: Folder that holds `Images/` and `Dataframes/`.
        findings: Collects what is wrong with images and rows.
        tracker: Shows a bar over the images.

    Returns:
        The columns of `schema.COLUMNS`, sorted by `place_id` and `image_id`; rows without a usable image are left
        out and stand in `findings`.

    Raises:
        DataError: No CSV, a CSV with a missing column or a wrong type.
    """
    csvs = sorted((root / DATAFRAMES).glob("*.csv"))
    if not csvs:
        raise DataError(f"No CSV in {root / DATAFRAMES}. Expected one per city. Fetch the data set again with --force.")
    rows = pd.concat([_city_rows(root, csv, findings) for csv in csvs], ignore_index=True)
    headers = _headers(root, rows["image_id"].tolist(), findings, tracker)
    for name in ("width", "height", "bytes"):
        rows[name] = np.fromiter((getattr(header, name) for header in headers), dtype=np.int64, count=len(headers))
    rows["content"] = [header.content for header in headers]
    rows["bearing"] = normalise_bearing(rows["northdeg"].to_numpy(np.float64))
    rows["place_id"] = [schema.place_key(city, place) for city, place in zip(rows["city"], rows["place"], strict=True)]
    usable = rows[rows["width"] > 0]
    table = usable[[column.name for column in schema.COLUMNS]].sort_values(["place_id", "image_id"], ignore_index=True)
    for name in ("year", "month"):  # clipped, since a wrapped year could look possible to the validation
        limits = np.iinfo(next(column.dtype for column in schema.COLUMNS if column.name == name))
        table[name] = table[name].clip(limits.min, limits.max)
    return table.astype({column.name: column.dtype for column in schema.COLUMNS})


def read_city_csv(path: Path) -> pd.DataFrame:
    """One city's CSV with checked columns and types.

    Raises:
        DataError: Unreadable, a column is missing or holds something that is no number.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not readable as a CSV: {error}. Expected columns: {', '.join(COLUMNS)}.") from error
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise DataError(
            f"{path}: column {', '.join(missing)} is missing. Found: {', '.join(map(str, table.columns))}. "
            f"Expected: {', '.join(COLUMNS)}. Fetch the data set again with --force, or add the column."
        )
    if table.empty:
        raise DataError(f"{path} has a header and no row. Fetch the data set again with --force, or remove the file.")
    for name in (*_WHOLE_NUMBERS, *_NUMBERS):
        table[name] = _numbers(table[name], path=path, whole=name in _WHOLE_NUMBERS)
    return table


def _numbers(values: pd.Series, *, path: Path, whole: bool) -> pd.Series:
    numbers = pd.to_numeric(values, errors="coerce").astype(np.float64)
    wrong = ~numbers.between(-_LARGEST, _LARGEST) | (whole & (numbers % 1 != 0))  # not a number is not between
    if wrong.any():
        line = int(np.flatnonzero(wrong.to_numpy())[0])
        expected = "a whole number" if whole else "a number"
        raise DataError(
            f"{path}, line {line + 2}: column {values.name} holds {values.iloc[line]!r}, expected {expected} "
            f"({int(wrong.sum())} such values). Correct the file or fetch the data set again with --force."
        )
    return numbers.astype(np.int64 if whole else np.float64)


def _city_rows(root: Path, csv: Path, findings: Findings) -> pd.DataFrame:
    city = csv.stem
    folder = root / IMAGES / city
    if not folder.is_dir():
        raise DataError(f"{csv.name} has no folder {folder}. Expected {IMAGES}/{city}/ with its photographs.")
    table = read_city_csv(csv).rename(columns={"place_id": "place"})
    names = _names_by_place_and_panoid(folder, findings)
    keys = list(zip(table["place"], table["panoid"], strict=True))
    table["image_id"] = [f"{IMAGES}/{city}/{names[key]}" if key in names else "" for key in keys]
    table["city"] = city
    absent = table["image_id"] == ""
    findings.add(
        "missing_image",
        [
            f"{schema.place_key(city, place)} {panoid}"
            for (place, panoid), gone in zip(keys, absent, strict=True)
            if gone
        ],
    )
    wanted = set(keys)
    findings.add("image_without_row", [f"{IMAGES}/{city}/{name}" for key, name in names.items() if key not in wanted])
    return table[~absent]


def _names_by_place_and_panoid(folder: Path, findings: Findings) -> dict[tuple[int, str], str]:
    """File names by what identifies a photograph. Never by printing its coordinates: their text is not stable."""
    names: dict[tuple[int, str], str] = {}
    strange, twice = [], []
    for entry in sorted(path.name for path in folder.iterdir()):
        parsed = parse_name(Path(entry).stem) if entry.lower().endswith(".jpg") else None
        if parsed is None:
            strange.append(f"{folder.name}/{entry}")
        elif names.setdefault((parsed.place, parsed.panoid), entry) != entry:
            twice.append(f"{IMAGES}/{folder.name}/{entry}")
    findings.add("strange_name", strange)
    findings.add("image_without_row", twice)
    return names


def _headers(root: Path, image_ids: list[str], findings: Findings, tracker: Tracker) -> list[Header]:
    headers = []
    with ThreadPoolExecutor(_THREADS) as pool, tracker.progress("Checking images", total=len(image_ids)) as bar:
        for header in pool.map(lambda image_id: read_header(root / image_id), image_ids, chunksize=64):
            headers.append(header)
            bar.advance()
    for rule in ("missing_image", "empty_image", "not_an_image", "truncated_image"):
        findings.add(
            rule, [image_id for image_id, header in zip(image_ids, headers, strict=True) if header.problem == rule]
        )
    return headers
