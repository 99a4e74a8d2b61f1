"""Positives from coordinates: every database image within a radius, the radius included."""

from typing import Final

import numpy as np
import numpy.typing as npt

from gsv_pipeline.geo import EARTH_RADIUS_M, distance_m

POSITIVE_RADIUS_M: Final = 25.0  # the field's convention (FIELD 4.1)

Float = npt.NDArray[np.float64]


def positives_within(
    queries: Float, database: Float, radius_m: float = POSITIVE_RADIUS_M
) -> list[npt.NDArray[np.int64]]:
    """Database rows within `radius_m` of each query.

    Args:
        queries: [Q, 2] latitude and longitude in degrees.
        database: [N, 2].
        radius_m: Inclusive.

    Returns:
        Q sorted arrays of database rows.
    """
    order = np.argsort(database[:, 0], kind="stable")
    latitudes = database[order, 0]
    reach = np.degrees(radius_m / EARTH_RADIUS_M) * (1 + 1e-9)
    starts = np.searchsorted(latitudes, queries[:, 0] - reach, side="left")
    ends = np.searchsorted(latitudes, queries[:, 0] + reach, side="right")
    found = []
    for query, start, end in zip(queries, starts, ends, strict=True):
        candidates = order[start:end]
        near = distance_m(query, database[candidates]) <= radius_m
        found.append(np.sort(candidates[near]).astype(np.int64))
    return found
