"""Positives for any two folders of photographs: from a CSV of pairs, or from coordinates in the file names."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from gsv_pipeline.benchmarks.ground_truth import Float, Positives, positives_within
from gsv_pipeline.benchmarks.plane import check_zones, positives_in_plane
from gsv_pipeline.benchmarks.rows import POSITIVE_RADIUS_M
from gsv_pipeline.errors import DataError, few
from gsv_pipeline.sources.published import parse_name
from gsv_pipeline.sources.utm_names import UtmName, parse_utm_name

PAIR_COLUMNS: Final = ("query", "database")


def positives_from_names(
    queries: Sequence[Path], database: Sequence[Path], radius_m: float = POSITIVE_RADIUS_M
) -> Positives | None:
    """Positives within `radius_m` by the coordinates that file names hold; None where not every name holds some.

    Two forms are read: GSV-Cities (`city_place_year_month_bearing_lat_lon_panoid`) and VPR-datasets-downloader
    (`@UTM_east@UTM_north@...@`, metres).

    Raises:
        DataError: Metres stand where degrees are expected, or the reverse; names the side and the first image.
    """
    names = {"queries": queries, "database": database}
    degrees = [_latlon(path) for path in (*queries, *database)]
    if all(degrees):
        values = np.array(degrees, dtype=np.float64)
        return positives_within(values[: len(queries)], values[len(queries) :], radius_m, names=names)
    found = {side: [name for path in paths if (name := _utm(path))] for side, paths in names.items()}
    if any(len(found[side]) < len(paths) for side, paths in names.items()):
        return None
    for side, side_names in found.items():
        check_zones(side_names, side=side, names=names)
    metres = {side: _metres(side_names) for side, side_names in found.items()}
    return positives_in_plane(metres["queries"], metres["database"], radius_m, names=names)


def unclear_names(queries: Sequence[Path], database: Sequence[Path]) -> str:
    """What keeps `positives_from_names` from reading positions, side by side, with the first images of each."""
    sides = {"database": database, "queries": queries}
    bare = {side: [path for path in paths if not (_latlon(path) or _utm(path))] for side, paths in sides.items()}
    if any(bare.values()):
        return "; ".join(
            f"{side}: {len(found):,} of {len(sides[side]):,} hold none ({few(found, 3)})"
            for side, found in bare.items()
            if found
        )
    degrees = {side: sum(_latlon(path) is not None for path in paths) for side, paths in sides.items()}
    return "; ".join(
        f"{side}: {found:,} in degrees, {len(sides[side]) - found:,} in metres ({few(sides[side], 3)})"
        for side, found in degrees.items()
    )


def positives_from_csv(path: Path, *, queries: Sequence[str], database: Sequence[str]) -> Positives:
    """Positives from a CSV with the columns `query,database`: one correct pair a line, names relative to the folders.

    Every query has a line, so that one that was forgotten is not taken for a miss; where none is correct, nothing
    follows the comma.

    Raises:
        DataError: Unreadable, a column is missing, a name that is in neither folder, or a query without a line.
    """
    lines = _lines(path)
    known, rows_of = set(queries), {name: row for row, name in enumerate(database)}
    found: dict[str, set[int]] = {}
    for number, query, image in lines:
        if query not in known:
            raise _no_such_image(path, number, column="query", name=query)
        if image and image not in rows_of:
            raise _no_such_image(path, number, column="database", name=image)
        found.setdefault(query, set()).update([rows_of[image]] if image else [])
    _refuse_unlisted(path, [query for query in queries if query not in found], of=len(queries))
    _refuse_contradicted(path, [query for _, query, image in lines if not image and found[query]])
    return [np.array(sorted(found[query]), dtype=np.int64) for query in queries]


def _lines(path: Path) -> list[tuple[int, str, str]]:
    """Number of the line, query and database image; an empty one where no image is correct."""
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
            rows = [(reader.line_num, row["query"], row["database"]) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not readable as a CSV: {error}.") from error
    if not rows:
        raise DataError(f"{path} has a header and no pair. Expected one correct pair a line.")
    for number, query, image in rows:
        if query is None or image is None:
            raise DataError(
                f"{path}, line {number} has one column. Expected {','.join(PAIR_COLUMNS)}; where no database image is "
                f"correct, nothing follows the comma: {query or image or ''},"
            )
    return [(number, query, "" if image.isspace() else image) for number, query, image in rows]


def _no_such_image(path: Path, line: int, *, column: str, name: str) -> DataError:
    return DataError(f"{path}, line {line}: no {column} image is called {name!r}. Names are relative to the folder.")


def _refuse_unlisted(path: Path, unlisted: Sequence[str], *, of: int) -> None:
    if unlisted:
        raise DataError(
            f"{path}: {len(unlisted):,} of {of:,} queries have no line: {few(unlisted, 3)}. Expected one for each, "
            "since a query that was forgotten would count as a miss. Add its pairs; where no database image is "
            f"correct, a line with nothing after the comma: {unlisted[0]},"
        )


def _refuse_contradicted(path: Path, contradicted: Sequence[str]) -> None:
    if contradicted:
        raise DataError(
            f"{path}: {few(contradicted, 3)} stands there with a database image, and with none. Remove the line "
            "with nothing after the comma, or the pairs."
        )


def _latlon(path: Path) -> tuple[float, float] | None:
    name = parse_name(path.stem)
    return (name.lat, name.lon) if name else None


def _utm(path: Path) -> UtmName | None:
    return parse_utm_name(path.name)


def _metres(names: Sequence[UtmName]) -> Float:
    return np.array([(name.east, name.north) for name in names], dtype=np.float64).reshape(-1, 2)
