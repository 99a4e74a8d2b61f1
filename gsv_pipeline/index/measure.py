"""What an index costs and how accurate it is: size, speed at one query and at many, recall, agreement with exact."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import faiss
import numpy as np
import numpy.typing as npt

from gsv_pipeline.index import IndexRow
from gsv_pipeline.index.files import StoredIndex
from gsv_pipeline.index.flat import search

BATCHES: Final = (1, 64)
AGREEMENT_KS: Final = (1, 10)
ROUNDS: Final = 5
LIMIT_S: Final = 2.0
"""For the rounds of one batch size: a slow index need not be waited for five times."""

Float = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Measured:
    """An index at one setting.

    Args:
        kind: Row of INDEXES.
        setting: Of the search.
        is_default: Whether that is the kind's default.
        device: "cpu" or "gpu".
        build_seconds: What building it took.
        bytes_per_image: On disk.
        queries_per_s: Batch size -> rate.
        recall_at: K -> share of queries with a correct image among the first K.
        agreement_at: K -> share of the exact first K that it finds among its own.
        threads: That FAISS could use; 0 where nobody noted it.
        faiss: Its version; empty where nobody noted it.
    """

    kind: str
    setting: Mapping[str, float]
    is_default: bool
    device: str
    build_seconds: float
    bytes_per_image: int
    queries_per_s: Mapping[int, float]
    recall_at: Mapping[int, float]
    agreement_at: Mapping[int, float]
    threads: int = 0
    faiss: str = ""


def measure(
    stored: StoredIndex, queries: Float, *, exact: Ints, recall: Callable[[Ints], Mapping[int, float]], row: IndexRow
) -> list[Measured]:
    """An index at each of its settings, and on a GPU too where FAISS can use one.

    Args:
        stored: The index.
        queries: [Q, D].
        exact: [Q, K] predictions of exact search.
        recall: K -> recall of predictions.
        row: Its row in INDEXES.
    """
    size = round(stored.path.stat().st_size / stored.record.vectors)
    found = []
    for device, index in devices(stored.index).items():
        for number, setting in enumerate(row.settings):
            set_search(index, setting)
            predictions, _ = search(index, queries, exact.shape[1])
            found.append(
                Measured(
                    stored.record.kind,
                    dict(setting),
                    number == row.default,
                    device,
                    stored.record.build_seconds,
                    size,
                    {batch: _rate(index, queries, batch=batch, k=exact.shape[1]) for batch in BATCHES},
                    recall(predictions),
                    {k: agreement(predictions, exact, k) for k in AGREEMENT_KS},
                    int(faiss.omp_get_max_threads()),
                    faiss.__version__,
                )
            )
    return found


def agreement(predictions: Ints, exact: Ints, k: int) -> float:
    """Share of the exact first `k` rows that are among the first `k` of `predictions`."""
    k = min(k, exact.shape[1], predictions.shape[1])
    found = (predictions[:, :k, None] == exact[:, None, :k]) & (exact[:, None, :k] >= 0)  # [Q, k, k]
    return float(found.any(axis=1).mean())


def set_search(index: Any, setting: Mapping[str, float]) -> None:
    """Choose how hard an index searches: efSearch of a graph, nprobe of cells, k_factor of a refinement."""
    for name, value in setting.items():
        holder = index.hnsw if name == "efSearch" else index
        setattr(holder, name, type(getattr(holder, name))(value))


def devices(index: Any) -> dict[str, Any]:
    """The index where it is, and on a GPU where this FAISS has one and the kind can live there."""
    found = {"cpu": index}
    if hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus():
        try:
            found["gpu"] = faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), 0, index)
        except RuntimeError:  # a graph, or more vectors than fit
            return found
    return found


def _rate(index: Any, queries: Float, *, batch: int, k: int) -> float:
    """Queries per second, the median of some rounds over different queries."""
    if len(queries) < batch:
        queries = np.tile(queries, (-(-batch // len(queries)), 1))
    starts = np.linspace(0, len(queries) - batch, ROUNDS + 1).astype(int)
    rates: list[float] = []
    begun = time.perf_counter()
    for number, start in enumerate(starts):
        started = time.perf_counter()
        search(index, queries[start : start + batch], k)
        took = time.perf_counter() - started
        if number:  # the first one reads the index from disk
            rates.append(batch / took)
        if rates and time.perf_counter() - begun > LIMIT_S:
            break
    return statistics.median(rates)
