"""How far off the first answers are in metres, and recall by distance alone. Arrays only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from gsv_pipeline.geo import bearing_difference

THRESHOLDS_M: Final = (5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 75.0, 100.0)
VIEW_OVERLAP_DEG: Final = 45.0
"""Two views of 90° each share at least half of what they see when their headings differ by no more than this."""

Float = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Localisation:
    """What distances say of the first answers.

    Args:
        median_m: Median distance of the first answer; NaN where no distance is known.
        thresholds_m: T distances.
        recall: [T] share of queries whose first answer lies within each.
        recall_same_view: [T] the same, where the headings differ by at most 45° too; None where headings are not known.
        queries: How many queries with known positions these are about.
    """

    median_m: float
    thresholds_m: Sequence[float]
    recall: Sequence[float]
    recall_same_view: Sequence[float] | None
    queries: int


def localise(
    distances_m: Float, turns_deg: Float | None = None, *, thresholds_m: Sequence[float] = THRESHOLDS_M
) -> Localisation:
    """Median error and recall over the distance that counts as correct.

    Args:
        distances_m: [Q] from each query to its first answer; NaN where a position is not known.
        turns_deg: [Q] between the two headings; NaN where one is not known; None where none is.
        thresholds_m: Which distances, inclusive.
    """
    known = np.isfinite(distances_m)
    near = [distances_m[known] <= threshold for threshold in thresholds_m]
    same_view = None
    if turns_deg is not None and np.isfinite(turns_deg[known]).any():
        facing = turns_deg[known] <= VIEW_OVERLAP_DEG  # a heading that is not known faces nowhere
        same_view = [_mean(hits & facing) for hits in near]
    median = float(np.median(distances_m[known])) if known.any() else float("nan")
    return Localisation(median, tuple(thresholds_m), [_mean(hits) for hits in near], same_view, int(known.sum()))


def turns(query_headings: Float, found_headings: Float) -> Float:
    """[Q] degrees between the heading of each query and that of what was found for it, in [0, 180]."""
    return bearing_difference(query_headings, found_headings)


def _mean(hits: npt.NDArray[np.bool_]) -> float:
    return float(hits.mean()) if len(hits) else float("nan")
