"""Positives among UTM coordinates: database images within a radius, found through a grid of cells."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from gsv_pipeline.benchmarks.ground_truth import Float, Ints, Names, Positives, in_brackets
from gsv_pipeline.benchmarks.rows import POSITIVE_RADIUS_M
from gsv_pipeline.errors import DataError
from gsv_pipeline.sources.utm_names import UtmName

_PAIRS_AT_ONCE: Final = 4_000_000  # candidates whose distance is measured together: about 200 MB
_WIDER: Final = 1 + 1e-6  # cells than the radius, so that rounding never hides an image two cells away
_LARGEST_DEGREES: Final = np.array([180.0, 90.0])
_PER_METRE: Final = 100.0  # names hold metres with two decimals, degrees with more
_EASTINGS_M: Final = (100_000.0, 1_000_000.0)  # where UTM is defined, whatever the zone; as catalogs take them


def positives_in_plane(
    queries: Float, database: Float, radius_m: float = POSITIVE_RADIUS_M, *, names: Names | None = None
) -> Positives:
    """Database rows within `radius_m` of each query on a plane of metres, as VPR-methods-evaluation counts them.

    That is a search by radius among UTM coordinates in float64: squares of distances are compared with the square of
    the radius. UTM zones are not told apart, there as here.

    Args:
        queries: [Q, 2] east and north in metres.
        database: [N, 2].
        radius_m: Inclusive.
        names: Of the images, for messages.

    Returns:
        Q sorted arrays of database rows.

    Raises:
        DataError: The coordinates look like degrees.
    """
    check_metres(queries, side="queries", names=names)
    check_metres(database, side="database", names=names)
    if not (len(queries) and len(database)):
        return [np.empty(0, np.int64) for _ in queries]
    order, firsts, counts = _candidates(queries, database, side=max(radius_m, 1e-3) * _WIDER)
    positives: Positives = []
    for start, end in _blocks(counts.sum(axis=1)):
        block = slice(start, end)
        positives += _near(queries[block], database, order, firsts[block], counts[block], radius_m=radius_m)
    return positives


def check_metres(metres: Float, *, side: str, names: Names | None = None) -> None:
    """Refuse degrees where metres are expected: all within ±180 and ±90, and finer than the centimetres of names.

    Args:
        metres: [N, 2] of one side.
        side: `database` or `queries`; opens the message.
        names: Of the images of both sides.

    Raises:
        DataError: They look like degrees, or are no numbers. Names the first such image.
    """
    missing = np.flatnonzero(~np.isfinite(metres).all(axis=1))
    if len(missing):
        raise DataError(
            f"{side}: {len(missing):,} of {len(metres):,} coordinates are missing, the first in row {missing[0]}"
            f"{in_brackets(names, side, int(missing[0]))}. Expected east and north in metres for each image."
        )
    scaled = metres * _PER_METRE
    finer = np.flatnonzero((np.abs(scaled - np.round(scaled)) > 1e-3).any(axis=1))
    if _fits_degrees(metres) and len(finer):
        east, north = metres[finer[0]]
        raise DataError(
            f"{side}: the coordinates look like degrees, the first are {east:g} and {north:g}"
            f"{in_brackets(names, side, int(finer[0]))}. Metres were expected, as in "
            "@0543256.96@4178906.70@...@.jpg: convert them to UTM."
        )


def in_zone(name: UtmName) -> bool:
    """Whether the east of a name can be of the zone that it states; True where it states none."""
    return not name.zone or _EASTINGS_M[0] <= name.east < _EASTINGS_M[1]


def check_zones(found: Sequence[UtmName], *, side: str, names: Names | None = None) -> None:
    """Refuse names that state a UTM zone and no metres of one: degrees, or metres from an origin of their own.

    Args:
        found: What the N names of one side say.
        side: `database` or `queries`; opens the message.
        names: Of the images of both sides.

    Raises:
        DataError: Counts them and names the first such image.
    """
    wrong = [row for row, name in enumerate(found) if not in_zone(name)]
    if wrong:
        first = found[wrong[0]]
        raise DataError(
            f"{side}: {len(wrong):,} of {len(found):,} names state a UTM zone and an east outside it, the first "
            f"{first.east:g} in zone {first.zone}{in_brackets(names, side, wrong[0])}. Expected {_EASTINGS_M[0]:,.0f} "
            f"to {_EASTINGS_M[1]:,.0f} m. Convert degrees to UTM; if they are metres from an origin of your own, leave "
            "zone and letter empty: @2.30@48.80@@@...@.jpg."
        )


def check_tells_apart(positives: Positives, queries: Float, database: Float, *, radius_m: float) -> None:
    """Refuse coordinates within ±180 and ±90 by which every image is correct for every query: likely degrees.

    Args:
        positives: Q arrays of database rows.
        queries: [Q, 2] east and north in metres.
        database: [N, 2].
        radius_m: Within which they are correct.

    Raises:
        DataError: Says what to do in either case.
    """
    all_correct = len(database) > 1 and all(len(rows) == len(database) for rows in positives)
    if all_correct and len(positives) and _fits_degrees(np.concatenate([queries, database])):
        raise DataError(
            f"Each of the {len(database):,} database images is within {radius_m:g} m of each of the {len(queries):,} "
            f"queries, so every recall would be 100 %, and all coordinates, such as {queries[0][0]:g} and "
            f"{queries[0][1]:g}, could be degrees. Expected places that can be told apart. Convert degrees to UTM; if "
            "they are metres, take a smaller radius, or images from further apart."
        )


def _fits_degrees(metres: Float) -> bool:
    return any(bool((np.abs(metres) <= limit).all()) for limit in (_LARGEST_DEGREES, _LARGEST_DEGREES[::-1]))


def _candidates(queries: Float, database: Float, *, side: float) -> tuple[Ints, Ints, Ints]:
    """The database in the order of its cells, and what of it lies in the nine cells around each query.

    Cells are numbered column by column, with an empty one at either end of each, so that neighbours never wrap: the
    three cells of a column stand next to each other in that order.

    Returns:
        [N] rows by cell; [Q, 3] position of the first candidate in each of three columns; [Q, 3] how many follow.
    """
    origin = np.minimum(database.min(axis=0), queries.min(axis=0))
    mine, theirs = (np.floor((points - origin) / side).astype(np.int64) + 1 for points in (database, queries))
    height = int(max(mine[:, 1].max(), theirs[:, 1].max())) + 2
    numbers = mine[:, 0] * height + mine[:, 1]
    order = np.argsort(numbers, kind="stable")
    columns = (theirs[:, 0] * height + theirs[:, 1])[:, None] + np.array([-height, 0, height])
    firsts = np.searchsorted(numbers[order], columns - 1, side="left")
    return order, firsts, np.searchsorted(numbers[order], columns + 1, side="right") - firsts


def _blocks(counts: Ints) -> list[tuple[int, int]]:
    """Ranges of queries with about `_PAIRS_AT_ONCE` candidates together."""
    part = np.cumsum(counts) // _PAIRS_AT_ONCE
    return list(pairwise([0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(counts)]))


def _near(
    queries: Float, database: Float, order: Ints, firsts: Ints, counts: Ints, *, radius_m: float
) -> list[npt.NDArray[np.int64]]:
    """Of the candidates of each query those within the radius, sorted."""
    lengths = counts.ravel()
    before = np.cumsum(lengths) - lengths
    rows = order[np.arange(int(lengths.sum())) - np.repeat(before - firsts.ravel(), lengths)]
    owner = np.repeat(np.arange(len(queries)), counts.sum(axis=1))
    east, north = (queries[owner, axis] - database[rows, axis] for axis in (0, 1))
    kept = east * east + north * north <= radius_m * radius_m
    owner, rows = owner[kept], rows[kept]
    ends = np.cumsum(np.bincount(owner, minlength=len(queries)))
    return list(np.split(rows[np.lexsort((rows, owner))].astype(np.int64), ends[:-1]))
