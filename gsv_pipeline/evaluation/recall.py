"""Recall@K from predictions and positives. No FAISS, no files here."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

KS: Final = (1, 5, 10, 20)


Ints = npt.NDArray[np.int64]


def first_hits(predictions: Ints, positives: Sequence[Ints]) -> Ints:
    """Rank of each query's first correct prediction.

    Args:
        predictions: [Q, K] database rows, best first.
        positives: Q arrays of database rows; may be empty.

    Returns:
        [Q] 0-based ranks; K where no prediction is correct.
    """
    num_queries, depth = predictions.shape
    size = 1 + max(
        int(predictions.max(initial=0)), max((int(rows.max()) for rows in positives if len(rows)), default=0)
    )
    lengths = np.fromiter((len(rows) for rows in positives), dtype=np.int64, count=num_queries)
    # One key per (query, database row): a hit is a key that both sides hold.
    wanted = np.repeat(np.arange(num_queries), lengths) * size + np.concatenate([np.empty(0, np.int64), *positives])
    wanted.sort()
    keys = np.arange(num_queries)[:, None] * size + predictions
    position = np.searchsorted(wanted, keys)
    hit = (position < len(wanted)) & (predictions >= 0)
    hit &= wanted[np.minimum(position, len(wanted) - 1)] == keys if len(wanted) else False
    ranks: Ints = np.where(hit.any(axis=1), hit.argmax(axis=1), depth).astype(np.int64)
    return ranks


def recall_at_k(predictions: Ints, positives: Sequence[Ints], ks: Sequence[int] = KS) -> dict[int, float]:
    """Share of queries with at least one positive among the first K predictions (FIELD 1.7).

    Queries without positives count as misses.

    Args:
        predictions: [Q, depth] database rows, best first.
        positives: Q arrays of database rows.
        ks: Each at most the depth, or the depth's recall is returned for it.

    Returns:
        K -> fraction in [0, 1].
    """
    ranks, depth = first_hits(predictions, positives), predictions.shape[1]
    # A miss has the depth as its rank: a larger K must not count it.
    return {k: float((ranks < min(k, depth)).mean()) for k in ks}
