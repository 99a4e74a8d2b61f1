"""Which places lie close together: exact, over the whole globe, without comparing all with all."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from gsv_pipeline.geo import EARTH_RADIUS_M, distance_m, unit_vectors

MIN_SEPARATION_M: Final = 100.0
"""Published: any two places of GSV-Cities are at least 100 m apart (arXiv 2210.10239)."""

_SMALLEST_CELL_M: Final = 10.0  # three cell numbers of 21 bits fit into one of 64
_HALF_OF_THE_NEIGHBOURS: Final = ((0, 1), (1, -1), (1, 0), (1, 1))
_BLOCK: Final = 1 << 20  # comparisons at once: some 100 MB
_MOST_COMPARISONS: Final = 1 << 25
"""62,500 places as far apart as published cost less than 100,000, a full grid of them every 10 m costs 14 million. Only
thousands of places at one spot cost more: those are counted until here, a few seconds, and called incomplete."""

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ClosePairs:
    """Pairs of places, nearest first.

    Args:
        first: [M] rows, the smaller of each pair.
        second: [M] rows.
        distance: [M] metres.
        count: How many pairs there are; M, unless there are more than were asked for.
        complete: Whether every pair was looked at; else `count` is a lower bound.
    """

    first: Int
    second: Int
    distance: Float
    count: int
    complete: bool


def close_pairs(latlon: Float, *, metres: float = MIN_SEPARATION_M, limit: int = 1000) -> ClosePairs:
    """Pairs of places less than `metres` apart.

    Places are sorted into cells of a grid through the earth, `metres` wide, so that a pair lies in one cell or in
    two that touch; only those are compared. Equal distances are ordered by row.

    Args:
        latlon: [P, 2] degrees; rows that are not finite are left out.
        metres: Below which two places are close.
        limit: How many pairs to return at most, the nearest.
    """
    rows = np.flatnonzero(np.isfinite(latlon).all(axis=1))
    keys, stride = _cells(latlon[rows], edge=max(metres, _SMALLEST_CELL_M) * (1 + 1e-6))
    order = np.argsort(keys, kind="stable")
    rows, keys = rows[order], keys[order]
    begins, ends = _neighbours(keys, stride)
    kept, count = _Nearest(limit), 0
    for one, other in _candidates(begins, ends):
        distance = distance_m(latlon[rows[one]], latlon[rows[other]])
        close = distance < metres
        count += int(close.sum())
        kept.add(rows[one[close]], rows[other[close]], distance[close])
    first, second, distance = kept.ordered()
    return ClosePairs(first, second, distance, count, complete=int((ends - begins).sum()) <= _MOST_COMPARISONS)


def _cells(latlon: Float, *, edge: float) -> tuple[Int, int]:
    """A number for each place's cell, [P], and how far apart the numbers of two neighbouring columns of cells are."""
    across = int(2 * EARTH_RADIUS_M / edge) + 4  # with a margin, so that no cell has a neighbour on the other side
    x, y, z = np.floor((unit_vectors(latlon) + 1) * (EARTH_RADIUS_M / edge)).astype(np.int64).T + 1
    return (x * across + y) * across + z, across


def _neighbours(keys: Int, stride: int) -> tuple[Int, Int]:
    """For each place, ranges of places to compare it with, [P, 5] twice: no pair is in them twice.

    Cells above each other have successive numbers, so that three of them are one range.
    """
    own = np.arange(1, len(keys) + 1), np.searchsorted(keys, keys + 1, side="right")
    ranges = [own]
    for x, y in _HALF_OF_THE_NEIGHBOURS:
        there = keys + (x * stride + y) * stride
        ranges.append((np.searchsorted(keys, there - 1, side="left"), np.searchsorted(keys, there + 1, side="right")))
    begins, ends = (np.stack(side, axis=1) for side in zip(*ranges, strict=True))
    return begins.astype(np.int64), ends.astype(np.int64)


def _candidates(begins: Int, ends: Int) -> Iterator[tuple[Int, Int]]:
    """Pairs of positions to compare, in blocks."""
    sizes = (ends - begins).ravel()
    starts = begins.ravel()
    done = np.concatenate([[0], np.cumsum(sizes)])  # comparisons before each range
    for begin in range(0, min(int(done[-1]), _MOST_COMPARISONS), _BLOCK):
        number = np.arange(begin, min(begin + _BLOCK, int(done[-1]), _MOST_COMPARISONS))
        which = np.searchsorted(done, number, side="right") - 1
        yield which // begins.shape[1], starts[which] + number - done[which]


class _Nearest:
    """Keeps the nearest pairs of those that are added."""

    def __init__(self, limit: int) -> None:
        self._limit, self._farthest = limit, np.inf
        nothing = np.zeros(0, dtype=np.int64)
        self._pairs = nothing, nothing, np.zeros(0)

    def add(self, one: Int, other: Int, distance: Float) -> None:
        """Take in pairs, and forget the farthest when there are too many."""
        near = distance < self._farthest
        one, other, distance = one[near], other[near], distance[near]
        first, second, known = self._pairs
        self._pairs = (
            np.concatenate([first, np.minimum(one, other)]),
            np.concatenate([second, np.maximum(one, other)]),
            np.concatenate([known, distance]),
        )
        if len(self._pairs[2]) > 2 * self._limit:
            self._pairs = self.ordered()
            self._farthest = self._pairs[2][-1] if self._limit else 0.0

    def ordered(self) -> tuple[Int, Int, Float]:
        """The nearest pairs, nearest first."""
        first, second, distance = self._pairs
        order = np.lexsort((second, first, distance))[: self._limit]
        return first[order], second[order], distance[order]
