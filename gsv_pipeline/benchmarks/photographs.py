"""Positives for any two folders of photographs: from a CSV of pairs, or from coordinates in the file names."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from gsv_pipeline.benchmarks.ground_truth import POSITIVE_RADIUS_M, Positives, positives_within
from gsv_pipeline.benchmarks.plane import positives_in_plane
from gsv_pipeline.errors import DataError
from gsv_pipeline.sources.published import parse_name
from gsv_pipeline.sources.utm_names import parse_utm_name

PAIR_COLUMNS: Final = ("query", "database")


def positives_from_names(
    queries: Sequence[Path], database: Sequence[Path], radius_m: float = POSITIVE_RADIUS_M
) -> Positives | None:
    """Positives within `radius_m` by the coordinates that file names hold; None where not every name holds some.

    Two forms are read: GSV-Cities (`city_place_year_month_bearing_lat_lon_panoid`) and VPR-datasets-downloader
    (`@UTM_east@UTM_north@...@`, metres).

    Raises:
        DataError: Metres stand where degrees are expected, or the reverse.
    """
    degrees = [_latlon(path) for path in (*queries, *database)]
    if all(degrees):
        values = np.array(degrees, dtype=np.float64)
        return positives_within(values[: len(queries)], values[len(queries) :], radius_m)
    metres = [_utm(path) for path in (*queries, *database)]
    if all(metres):
        values = np.array(metres, dtype=np.float64)
        return positives_in_plane(values[: len(queries)], values[len(queries) :], radius_m)
    return None


def positives_from_csv(path: Path, *, queries: Sequence[str], database: Sequence[str]) -> Positives:
    """Positives from a CSV with the columns `query,database`: one correct pair a line, names relative to the folders.

    Raises:
        DataError: Unreadable, a column is missing, or a name that is in neither folder.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in PAIR_COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                found = ", ".join(reader.fieldnames or ()) or "nothing"
                raise DataError(
                    f"{path}: column {', '.join(missing)} is missing. Found: {found}. "
                    f"Expected: {', '.join(PAIR_COLUMNS)}."
                )
            pairs = [(row["query"], row["database"]) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not readable as a CSV: {error}.") from error
    if not pairs:
        raise DataError(f"{path} has a header and no pair. Expected one correct pair a line.")
    rows = {
        "query": {name: row for row, name in enumerate(queries)},
        "database": {n: r for r, n in enumerate(database)},
    }
    positives: list[list[int]] = [[] for _ in queries]
    for line, (query, image) in enumerate(pairs, start=2):
        for column, name in (("query", query), ("database", image)):
            if name not in rows[column]:
                raise DataError(
                    f"{path}, line {line}: no {column} image is called {name!r}. Names are relative to the folder."
                )
        positives[rows["query"][query]].append(rows["database"][image])
    return [np.unique(np.array(found, dtype=np.int64)) for found in positives]


def _latlon(path: Path) -> tuple[float, float] | None:
    name = parse_name(path.stem)
    return (name.lat, name.lon) if name else None


def _utm(path: Path) -> tuple[float, float] | None:
    name = parse_utm_name(path.name)
    return (name.east, name.north) if name else None
