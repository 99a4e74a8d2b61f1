"""95 % intervals of a recall. Queries of one place succeed or fail together, so places are drawn, not queries."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

Z_95: Final = 1.959963984540054
RESAMPLES: Final = 2000


def recall_interval(hits: npt.NDArray[np.bool_], places: Sequence[str], *, seed: int = 0) -> tuple[float, float]:
    """Percentile bootstrap over places; Wilson's interval over places where every drawing gives the same recall.

    That is so where every query hits or every one misses, and where there is a single place.

    Args:
        hits: [Q] whether a query succeeded.
        places: [Q] the place of each query.
        seed: Of the resampling; the same hits give the same interval.

    Returns:
        (low, high) as fractions.
    """
    _, place = np.unique(np.asarray(places), return_inverse=True)
    queries_of = np.bincount(place).astype(np.float64)
    hits_of = np.bincount(place, weights=hits.astype(np.float64))
    drawn = np.random.default_rng(seed).integers(len(queries_of), size=(RESAMPLES, len(queries_of)))
    recalls = hits_of[drawn].sum(axis=1) / queries_of[drawn].sum(axis=1)
    low, high = np.percentile(recalls, [2.5, 97.5])
    if low == high:
        return wilson_interval(float(hits.mean()) * len(queries_of), len(queries_of))
    return float(low), float(high)


def wilson_interval(successes: float, trials: int) -> tuple[float, float]:
    """Wilson's score interval of a proportion (E. B. Wilson, 1927), as fractions."""
    share, z2 = successes / trials, Z_95**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z_95 / (1 + z2 / trials) * np.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    # Without any failure the upper end is 1 exactly, and without any success the lower one 0; rounding misses both.
    low = max(0.0, float(centre - half)) if successes else 0.0
    return low, min(1.0, float(centre + half)) if successes < trials else 1.0
