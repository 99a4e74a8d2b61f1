"""Exact search of descriptors that stay on disk: blocks of matrix products, in the order of FAISS's flat index.

FAISS copies the database into an index first; here the only memory beyond the mapped descriptors is one block of
scores. Where processors multiply in bfloat16 many times faster than in float32 (AMX), that finds candidates, and
`screening.py` checks that none is missing and orders them in float32.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gsv_pipeline.hardware import choose_device
from gsv_pipeline.index.screening import Best, Screened, sample_error, screen
from gsv_pipeline.index.tensors import as_tensor, half_squares

QUERY_BLOCK: Final = 512
DATABASE_BLOCK: Final = 512
"""Larger blocks multiply no faster, and where 16 bits are multiplied each is converted to them beside itself."""

SCORES_AT_ONCE: Final = 1536
"""Of a query, at most: they are most of the memory that a search takes."""

GROUP: Final = 8
"""Columns of which only the best is looked at first."""

ROUNDING: Final = 5e-7
"""What float32 may be off at unit vectors; a matrix product that is off by more rounds its input to 16 bits."""

WORTH_A_LOOK: Final = 1 << 30
"""Multiplications. Fewer take a moment anyhow, and of small matrices some are rounded and others are not."""

NO_ROW: Final = -1
NO_SIMILARITY: Final = -1.0

Float = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def exact_search(
    database: Float,
    queries: Float,
    k: int,
    *,
    missing: Sequence[int] | Ints = (),
    rows: Ints | None = None,
) -> tuple[Ints, Float]:
    """The `k` nearest database rows of each query by Euclidean distance, best first: FAISS's flat order, ties excluded.

    Args:
        database: [N, D] unit vectors, in memory or mapped; k is cut to N.
        queries: [Q, D] unit vectors; a row of zeros finds nothing.
        k: How many.
        missing: Rows of `database` without a descriptor, which are never found.
        rows: [N] what each row of `database` is called in the predictions; its number if None.

    Returns:
        Predictions [Q, k] int64 and cosine similarities [Q, k] float32; -1 in both where nothing is left to find.
    """
    k = min(k, len(database))
    place = torch.device(choose_device())
    with float32_products("highest"):
        halves = half_squares(database)
        halves[np.asarray(missing, dtype=np.int64)] = np.inf
        found = _search(database, queries, k, halves=torch.from_numpy(halves).to(place), device=place)
        own = torch.from_numpy(half_squares(queries))[:, None]
    nothing = ~torch.isfinite(found.scores) | (own == 0)
    predictions = found.rows if rows is None else torch.from_numpy(rows)[found.rows]
    similarities = found.scores.add_(1.0).sub_(own)  # 1 - |q - x|^2 / 2
    return predictions.masked_fill_(nothing, NO_ROW).numpy(), similarities.masked_fill_(nothing, NO_SIMILARITY).numpy()


@contextmanager
def float32_products(precision: str) -> Iterator[None]:
    """How torch multiplies float32 matrices meanwhile: `highest`, or `medium`, which may round to bfloat16."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _search(database: Float, queries: Float, k: int, *, halves: Tensor, device: torch.device) -> Screened:
    """The `k` highest q·x - |x|²/2, which is the order of Euclidean distance, one block of queries after the other."""
    find = _finder(database, queries, device=device)
    found = Screened(torch.empty(len(queries), k, dtype=torch.int64), torch.empty(len(queries), k))
    for start in range(0, len(queries), QUERY_BLOCK):
        part = slice(start, start + QUERY_BLOCK)
        best = find(database, queries[part], k, halves)
        found.rows[part], found.scores[part] = best.rows, best.scores
    return found


def _finder(database: Float, queries: Float, *, device: torch.device) -> Best:
    """How to multiply here: by the quickest kernel that does not round, or by one that does, checked."""
    size = len(database) * len(queries) * queries.shape[1]
    if device.type != "cpu" or size < WORTH_A_LOOK:
        return _find
    with float32_products("medium"):
        error = sample_error(database, queries)
    if error <= ROUNDING:  # nothing is rounded: the same numbers by another kernel, often the faster one
        return _quick_find
    return partial(screen, error=error, best=_quick_find, sure=_find)


def _quick_find(database: Float, queries: Float, k: int, halves: Tensor) -> Screened:
    with float32_products("medium"):
        return _find(database, queries, k, halves)


def _find(database: Float, queries: Float, k: int, halves: Tensor) -> Screened:
    rows, scores = _best_of_block(database, as_tensor(queries).to(halves.device), k, halves=halves)
    return Screened(rows.cpu(), scores.cpu())


def _best_of_block(database: Float, queries: Tensor, k: int, *, halves: Tensor) -> tuple[Tensor, Tensor]:
    rows = torch.empty(len(queries), 0, dtype=torch.int64, device=queries.device)
    scores = torch.empty(len(queries), 0, device=queries.device)
    width = _even_part(len(database))
    room = torch.empty(len(queries), width, device=queries.device)
    for start in range(0, len(database), width):
        block = room[:, : min(width, len(database) - start)]
        _multiply(database[start : start + width], queries, out=block)
        block.sub_(halves[start : start + block.shape[1]])
        values, places = _candidates(block, k, beyond=scores[:, -1:] if scores.shape[1] == k else None)
        scores, rows = torch.cat([scores, values], dim=1), torch.cat([rows, places + start], dim=1)
        scores, order = scores.topk(min(k, scores.shape[1]), dim=1)
        rows = rows.gather(1, order)
    return rows, scores


def _candidates(scores: Tensor, k: int, *, beyond: Tensor | None) -> tuple[Tensor, Tensor]:
    """Scores [q, c] and their columns, among them the k highest of each row.

    Columns are taken in groups of `GROUP`: the k highest lie in the k groups of the highest maxima. To find those takes
    a fraction of the time that it takes to find the k highest of all.

    Args:
        scores: [q, n].
        k: How many are wanted.
        beyond: [q, 1] scores at or below which none is.
    """
    groups = scores.shape[1] // GROUP
    if groups <= k:
        values, columns = scores.topk(min(k, scores.shape[1]), dim=1, sorted=False)
        return values, columns
    grouped = scores[:, : groups * GROUP].view(len(scores), GROUP, groups)
    maxima = grouped.amax(dim=1)
    wanted = k if beyond is None else min(k, int((maxima > beyond).sum(dim=1).max()))
    best = maxima.topk(wanted, dim=1, sorted=False).indices[:, None, :]
    values = grouped.gather(2, best.expand(-1, GROUP, -1)).flatten(1)
    columns = best + groups * torch.arange(GROUP, device=scores.device)[:, None]
    rest = torch.arange(groups * GROUP, scores.shape[1], device=scores.device).expand(len(scores), -1)
    return torch.cat([values, scores[:, groups * GROUP :]], dim=1), torch.cat([columns.flatten(1), rest], dim=1)


def _even_part(rows: int) -> int:
    """`rows` in as few parts as `SCORES_AT_ONCE` allows, and none much smaller than the others."""
    return -(-rows // max(1, -(-rows // SCORES_AT_ONCE)))


def _multiply(database: Float, queries: Tensor, *, out: Tensor) -> None:
    """[q, n] products, a part of the database after the other: each may be converted to 16 bits beside itself."""
    for start in range(0, len(database), DATABASE_BLOCK):
        part = as_tensor(database[start : start + DATABASE_BLOCK]).to(queries.device)
        torch.mm(queries, part.T, out=out[:, start : start + len(part)])
