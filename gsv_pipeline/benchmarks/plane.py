"""Positives among UTM coordinates: database images within a radius, found through a grid of cells."""

from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from gsv_pipeline.benchmarks.ground_truth import POSITIVE_RADIUS_M, Float, Ints, Positives
from gsv_pipeline.errors import DataError

_PAIRS_AT_ONCE: Final = 4_000_000  # candidates whose distance is measured together: about 200 MB
_WIDER: Final = 1 + 1e-6  # cells than the radius, so that rounding never hides an image two cells away
_LARGEST_DEGREES: Final = np.array([180.0, 90.0])
_PER_METRE: Final = 100.0  # names hold metres with two decimals, degrees with more


def positives_in_plane(queries: Float, database: Float, radius_m: float = POSITIVE_RADIUS_M) -> Positives:
    """Database rows within `radius_m` of each query on a plane of metres, as VPR-methods-evaluation counts them.

    That is a search by radius among UTM coordinates in float64: squares of distances are compared with the square of
    the radius. UTM zones are not told apart, there as here.

    Args:
        queries: [Q, 2] east and north in metres.
        database: [N, 2].
        radius_m: Inclusive.

    Returns:
        Q sorted arrays of database rows.

    Raises:
        DataError: The coordinates look like degrees.
    """
    check_metres(queries)
    check_metres(database)
    if not (len(queries) and len(database)):
        return [np.empty(0, np.int64) for _ in queries]
    order, firsts, counts = _candidates(queries, database, side=max(radius_m, 1e-3) * _WIDER)
    positives: Positives = []
    for start, end in _blocks(counts.sum(axis=1)):
        block = slice(start, end)
        positives += _near(queries[block], database, order, firsts[block], counts[block], radius_m=radius_m)
    return positives


def check_metres(metres: Float) -> None:
    """Refuse degrees where metres are expected: all within ±180 and ±90, and finer than the centimetres of names.

    Raises:
        DataError: They look like degrees, or are no numbers.
    """
    if not np.isfinite(metres).all():
        raise DataError(
            f"{int((~np.isfinite(metres)).any(axis=1).sum()):,} of {len(metres):,} coordinates are missing."
        )
    in_range = any(bool((np.abs(metres) <= limit).all()) for limit in (_LARGEST_DEGREES, _LARGEST_DEGREES[::-1]))
    scaled = metres * _PER_METRE
    if in_range and bool((np.abs(scaled - np.round(scaled)) > 1e-3).any()):
        raise DataError(
            f"The coordinates look like degrees, the first are {metres[0, 0]:g} and {metres[0, 1]:g}. Metres were "
            "expected, as in @0543256.96@4178906.70@...@.jpg: convert them to UTM."
        )


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
