"""Candidates from rounded products, checked for completeness and put in order by exact ones.

A rounded score is off by some ε at most. Every row that belongs to the k best has therefore a rounded score no more
than 2ε below the k-th best rounded one. If fewer rows than were kept come that close, none is missing, and their exact
scores decide. A query for which that cannot be said is searched again without rounding.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gsv_pipeline.index.tensors import as_tensor

KEPT_PER_RESULT: Final = 2
LEAST_KEPT: Final = 48

_NONE: Final = -1
"""FAISS computes nothing for such a row."""

SAMPLED_QUERIES: Final = 64
SAMPLED_ROWS: Final = 256
SAFETY: Final = 3.0
"""ε over the largest error in a sample of 16,384 scores. Errors are sums of thousands of roundings: that maximum is
about four deviations, so ε is about twelve. What is found is measured against ε once more."""

Float = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Screened:
    """Rows [Q, k] int64 and their scores [Q, k] float32 on the CPU, best first."""

    rows: Tensor
    scores: Tensor


Best = Callable[[Float, Float, int, Tensor], Screened]


def sample_error(database: Float, queries: Float) -> float:
    """How far products of float32 matrices are off now, in the precision that torch is set to."""
    some = as_tensor(queries[_spread(len(queries), SAMPLED_QUERIES)])
    vectors = as_tensor(database[_spread(len(database), SAMPLED_ROWS)])
    exact = some.double() @ vectors.double().T
    return float((torch.mm(some, vectors.T).double() - exact).abs().max())


def screen(
    database: Float, queries: Float, k: int, halves: Tensor, *, error: float, best: Best, sure: Best
) -> Screened:
    """The `k` best rows of each query, by rounded products where that is safe.

    Args:
        database: [N, D].
        queries: [Q, D].
        k: How many, at most N.
        halves: [N] |x|²/2.
        error: From `sample_error`.
        best: Searches with rounded products.
        sure: Searches without rounding.
    """
    kept = min(max(KEPT_PER_RESULT * k, LEAST_KEPT), len(database))
    epsilon = SAFETY * error
    rough = best(database, queries, kept, halves)
    close = rough.scores >= rough.scores[:, k - 1 : k] - 2 * epsilon  # [Q, kept]
    exact = _exact_scores(database, queries, rough.rows, close=close) - halves[rough.rows]
    off = (exact - rough.scores).abs().nan_to_num(0.0).masked_fill(~close, 0.0)
    scores, order = exact.masked_fill(~close, -torch.inf).topk(k, dim=1)
    found = Screened(rough.rows.gather(1, order), scores)
    may_lack_some = close.all(dim=1) & (kept < len(database))
    again = (may_lack_some | (off.amax(dim=1) > epsilon)).nonzero().flatten()
    if len(again):
        surely = sure(database, np.asarray(queries[again.numpy()]), k, halves)
        found.rows[again], found.scores[again] = surely.rows, surely.scores
    return found


def _exact_scores(database: Float, queries: Float, rows: Tensor, *, close: Tensor) -> Tensor:
    """[Q, kept] products of each query with those of its rows that are close; -infinity elsewhere.

    FAISS reads the rows where they lie: to gather those of a query first takes three times as long.
    """
    import faiss

    vectors, wanted = np.ascontiguousarray(database), np.ascontiguousarray(queries)
    numbers = rows.masked_fill(~close, _NONE).numpy()
    exact = np.empty(numbers.shape, dtype=np.float32)
    faiss.fvec_inner_products_by_idx(  # type: ignore[attr-defined]  # SWIG makes it from the header
        *map(faiss.swig_ptr, (exact, wanted, vectors, numbers)), vectors.shape[1], *numbers.shape
    )
    return torch.from_numpy(exact)


def _spread(length: int, count: int) -> npt.NDArray[np.int64]:
    return np.linspace(0, length - 1, min(count, length)).astype(np.int64)
