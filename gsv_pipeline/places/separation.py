"""Positions that keep a distance from each other, chosen first come, first served."""

import math
from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt

from gsv_pipeline.geo import EARTH_RADIUS_M, unit_vectors

_PRIMES: Final = np.array([73_856_093, 19_349_663, 83_492_791], dtype=np.int64)  # Teschner et al. 2003, spatial hashing
_BLOCK: Final[tuple[int, ...]] = tuple((np.array(list(product((0, 1), repeat=3))) @ _PRIMES).tolist())
_SMALLEST_CELL_M: Final = 1.0  # keeps the hashes of cells far below 2**63


def keep_apart(latlon: npt.NDArray[np.float64], metres: float) -> npt.NDArray[np.bool_]:
    """Keep a position unless one that was kept before it is closer than `metres`.

    Positions stand on the sphere in three dimensions, in cubic cells of twice that length: whoever is near is in the
    block of eight cells around a position, at the poles and over the date line too. A cell is known by a hash; where
    two share one, there is more to measure, and nothing is missed.

    Args:
        latlon: [n, 2] degrees, the most wanted first.
        metres: Smallest distance on the ground.

    Returns:
        [n] which positions are kept.
    """
    # The straight line through the ground that belongs to `metres` along it.
    chord = 2 * EARTH_RADIUS_M * math.sin(min(metres / EARTH_RADIUS_M, math.pi) / 2)
    # A place without coordinates meets no clause that asks for them.
    located = np.flatnonzero(np.isfinite(latlon).all(axis=1))
    points = EARTH_RADIUS_M * unit_vectors(latlon[located])
    side = max(2 * chord, _SMALLEST_CELL_M)
    cells = np.floor(points / side).astype(np.int64) @ _PRIMES  # [n]
    corners = np.floor(points / side - 0.5).astype(np.int64) @ _PRIMES  # [n] the first cell of each block
    kept = np.zeros(len(latlon), dtype=np.bool_)
    members: dict[int, list[list[float]]] = {}
    for row, (point, cell, corner) in enumerate(zip(points.tolist(), cells.tolist(), corners.tolist(), strict=True)):
        if _is_free(point, corner, members=members, chord=chord):
            kept[located[row]] = True
            members.setdefault(cell, []).append(point)
    return kept


def _is_free(point: list[float], corner: int, *, members: dict[int, list[list[float]]], chord: float) -> bool:
    for step in _BLOCK:
        for other in members.get(corner + step, ()):
            if math.dist(point, other) < chord:
                return False
    return True
