"""95 % intervals of a recall. Queries of one place succeed or fail together, so places are drawn, not queries."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

Z_95: Final = 1.959963984540054
RESAMPLES: Final = 2000


def recall_interval(hits: npt.NDArray[np.bool_], places: Sequence[str], *, seed: int = 0) -> tuple[float, float]:
    """Percentile bootstrap over places; Wilson's interval over places where every query hits or every one misses.

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
    if hits.all() or not hits.any():
        return wilson_interval(len(queries_of) if hits.all() else 0, len(queries_of))
    drawn = np.random.default_rng(seed).integers(len(queries_of), size=(RESAMPLES, len(queries_of)))
    recalls = hits_of[drawn].sum(axis=1) / queries_of[drawn].sum(axis=1)
    low, high = np.percentile(recalls, [2.5, 97.5])
    return float(low), float(high)


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's score interval of a proportion (E. B. Wilson, 1927), as fractions."""
    share, z2 = successes / trials, Z_95**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z_95 / (1 + z2 / trials) * np.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))
