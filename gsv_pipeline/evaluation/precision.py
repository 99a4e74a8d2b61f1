"""Precision against recall over the confidence of the first answer: when should a system rather say nothing?"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PrecisionCurve:
    """One point per distinct similarity, from the surest answers on.

    Args:
        thresholds: [T] similarities, falling: answers at least so similar are given.
        precision: [T] share of the given answers that are correct.
        recall: [T] share of the answerable queries that get a correct answer.
    """

    thresholds: Float
    precision: Float
    recall: Float

    @property
    def average_precision(self) -> float:
        """Area below the curve, as a sum of steps (no interpolation)."""
        gained = np.diff(self.recall, prepend=0.0)
        return float((gained * self.precision).sum())

    @property
    def sure(self) -> tuple[float, float] | None:
        """The lowest threshold with 100 % precision and the recall there; None where the surest answer is wrong."""
        perfect = np.flatnonzero(self.precision == 1.0)
        if not len(perfect):
            return None
        return float(self.thresholds[perfect[-1]]), float(self.recall[perfect[-1]])


def precision_curve(
    similarities: npt.NDArray[np.float32], correct: npt.NDArray[np.bool_], answerable: npt.NDArray[np.bool_]
) -> PrecisionCurve:
    """Precision and recall at every confidence.

    Equal similarities stand or fall together, so that the order of the queries does not matter.

    Args:
        similarities: [Q] of each query's first answer.
        correct: [Q] whether it is correct.
        answerable: [Q] whether the database holds a correct image; an answer to any other query is wrong.
    """
    order = np.argsort(-similarities, kind="stable")
    ranked = similarities[order]
    last_of_equals = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    hits = np.cumsum(correct[order])[last_of_equals]
    given = last_of_equals + 1
    wanted = max(int(answerable.sum()), 1)
    return PrecisionCurve(ranked[last_of_equals].astype(np.float64), hits / given, hits / wanted)
