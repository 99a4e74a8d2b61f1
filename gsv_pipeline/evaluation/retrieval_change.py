"""What a benchmark that was run again retrieves now, beside what it retrieved before. Arrays in, numbers out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gsv_pipeline.evaluation.recall import first_hits

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RetrievalChange:
    """How far the same weights on the same images give something else.

    Args:
        queries: Q.
        other_first: Queries whose first answer is another image.
        other_lists: Queries whose answers are others, or in another order.
        similarity_change: Largest change of a similarity, of any rank.
        recall_change: Of R@1, as a fraction.
    """

    queries: int
    other_first: int
    other_lists: int
    similarity_change: float
    recall_change: float


def compare_retrievals(
    before: tuple[Ints, Floats], now: tuple[Ints, Floats], positives: Sequence[Ints]
) -> RetrievalChange | None:
    """Compare predictions with those of another time.

    Args:
        before: [Q, K] database rows, best first, and their [Q, K] similarities.
        now: The same of now.
        positives: Q arrays of database rows.

    Returns:
        The comparison; None where shapes differ.
    """
    (old, old_similarities), (new, new_similarities) = before, now
    if old.shape != new.shape or old_similarities.shape != new_similarities.shape:
        return None
    change = np.abs(new_similarities - old_similarities)
    recalls = [float((first_hits(predictions, positives) < 1).mean()) for predictions in (old, new)]
    return RetrievalChange(
        queries=len(new),
        other_first=int((old[:, 0] != new[:, 0]).sum()),
        other_lists=int((old != new).any(axis=1).sum()),
        similarity_change=float(change[np.isfinite(change)].max(initial=0.0)),
        recall_change=recalls[1] - recalls[0],
    )
