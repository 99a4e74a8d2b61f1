"""Two methods on the same queries: is the difference of their recalls more than chance? Arrays only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from gsv_pipeline.evaluation.intervals import RESAMPLES, wilson_interval

SIGNIFICANT: Final = 0.05

Hits = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The paired comparison of two recalls.

    Args:
        difference: Recall of the first minus recall of the second, as a fraction.
        interval: 95 % interval of the difference, by bootstrap over places.
        p_value: Chance of a difference at least as large, either way, if the two methods were equally good.
        only_first: Queries that only the first method answers.
        only_second: Queries that only the second one answers.
    """

    difference: float
    interval: tuple[float, float]
    p_value: float
    only_first: int
    only_second: int

    @property
    def verdict(self) -> str:
        """`better`, `worse` or `same`: the interval lies on one side of zero, and the exact test agrees.

        The test speaks where there are too few places for a bootstrap.
        """
        low, high = self.interval
        if self.p_value >= SIGNIFICANT:
            return "same"
        return "better" if low > 0 else "worse" if high < 0 else "same"


def compare(first: Hits, second: Hits, places: Sequence[str], *, seed: int = 0) -> Comparison:
    """Compare two methods query by query.

    Queries of one place succeed or fail together, so places are drawn and places change sides, not queries.

    Args:
        first: [Q] whether each query is a hit for the first method.
        second: [Q] for the second.
        places: [Q] the place of each query.
        seed: Of the resampling.
    """
    _, place = np.unique(np.asarray(places), return_inverse=True)
    gained = np.bincount(place, weights=first.astype(np.float64) - second.astype(np.float64)).astype(np.int64)
    return Comparison(
        difference=float(first.mean() - second.mean()),
        interval=_interval(gained, np.bincount(place), seed=seed),
        p_value=_p_value(gained),
        only_first=int((first & ~second).sum()),
        only_second=int((second & ~first).sum()),
    )


def _interval(gained: Ints, queries: Ints, *, seed: int) -> tuple[float, float]:
    """Percentile bootstrap over places; where no drawing differs from another, what Wilson says of zero in so many."""
    drawn = np.random.default_rng(seed).integers(len(gained), size=(RESAMPLES, len(gained)))
    differences = gained[drawn].sum(axis=1) / queries[drawn].sum(axis=1)
    low, high = (float(value) for value in np.percentile(differences, [2.5, 97.5]))
    if low < high:
        return low, high
    reach = wilson_interval(0, len(gained))[1]
    return max(-1.0, low - reach), min(1.0, high + reach)


def _p_value(gained: Ints) -> float:
    """Exact sign-flip test: if the methods are equal, each place's gain could as well have been its loss.

    The sums over all 2^n ways to flip the signs are counted by adding one place after the other.
    """
    sizes = np.abs(gained[gained != 0])
    total = int(sizes.sum())
    chances = np.zeros(2 * total + 1)  # of the sums -total..total
    chances[total] = 1.0
    for size in np.sort(sizes).tolist():
        # No sum reaches the ends before the last place, so rolling carries nothing around them.
        chances = (np.roll(chances, size) + np.roll(chances, -size)) / 2
    reached = abs(int(gained.sum()))
    sums = np.abs(np.arange(-total, total + 1))
    return min(1.0, float(chances[sums >= reached].sum()))
