"""FAISS indexes for deployment: smaller or quicker than the exact one, and not always right."""

from typing import Any, Final

import faiss
import numpy as np
import numpy.typing as npt

from gsv_pipeline.embeddings.blocks import blocks
from gsv_pipeline.errors import DataError

LEAST_VECTORS: Final = 16
POINTS_PER_CELL: Final = 39
"""FAISS's own floor for clustering; with fewer it warns that cells are badly placed."""
TRAINING_VECTORS: Final = 50_000
"""Drawn evenly: cells, codes and ranges hardly change with more, and training takes minutes."""
BITS: Final = 8
POINTS_PER_WORD: Final = 64
ROUNDS: Final = 12
"""Of k-means for code books. FAISS takes 256 and 25, which costs eight times as much for the same agreement."""

Float = npt.NDArray[np.float32]


def build_hnsw_sq8(descriptors: Float, *, links: int, build_effort: int) -> Any:
    """A navigable small world graph (Malkov and Yashunin 2016, arXiv 1603.09320) over 8-bit scalars.

    Args:
        descriptors: [N, D], in memory or mapped.
        links: Neighbours per vector, M of the paper.
        build_effort: efConstruction of the paper.
    """
    quantizer: Any = faiss.ScalarQuantizer.QT_8bit
    index = faiss.IndexHNSWSQ(descriptors.shape[1], quantizer, links)
    index.hnsw.efConstruction = build_effort
    return _filled(index, descriptors)


def build_ivf_flat(descriptors: Float) -> Any:
    """Inverted lists of whole vectors; as many cells as four times the root of N, or as N can place."""
    size = descriptors.shape[1]
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(size), size, num_cells(len(descriptors)))
    return _filled(index, descriptors)


def build_ivf_pq(descriptors: Float, *, numbers_per_byte: int) -> Any:
    """Inverted lists of product quantised residuals (Jégou et al. 2011).

    Args:
        descriptors: [N, D].
        numbers_per_byte: So many numbers become a code of a byte; the nearest that divides D is taken.
    """
    rows, size = descriptors.shape
    parts = _divisor(size, size // numbers_per_byte)
    # A code book needs as many vectors as it has words.
    bits = min(BITS, int(np.log2(min(rows, TRAINING_VECTORS))))
    index = faiss.IndexIVFPQ(faiss.IndexFlatL2(size), size, num_cells(rows), parts, bits)
    index.pq.cp.min_points_per_centroid = 1
    index.pq.cp.max_points_per_centroid = POINTS_PER_WORD
    index.pq.cp.niter = ROUNDS
    return _filled(index, descriptors)


def build_rabitq(descriptors: Float) -> Any:
    """One bit per number (Gao and Long 2024, arXiv 2405.12497), refined by 8-bit scalars."""
    size = descriptors.shape[1]
    coarse = faiss.IndexRaBitQ(size, faiss.METRIC_L2)
    fine = faiss.IndexScalarQuantizer(size, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_L2)
    index = faiss.IndexRefine(coarse, fine)  # FAISS's Python keeps both alive as long as the index
    return _filled(index, descriptors)


def num_cells(rows: int) -> int:
    """Cells of inverted lists over so many vectors."""
    return max(1, min(int(4 * np.sqrt(rows)), rows // POINTS_PER_CELL))


def _filled(index: Any, descriptors: Float) -> Any:
    rows = len(descriptors)
    if rows < LEAST_VECTORS:
        raise DataError(
            f"An approximate index is made of {LEAST_VECTORS} descriptors at least, and there are {rows}. Use flat, "
            "which is exact and quick at this size."
        )
    drawn = np.linspace(0, rows - 1, min(rows, TRAINING_VECTORS)).astype(np.int64)
    if hasattr(index, "cp"):
        index.cp.min_points_per_centroid = 1
    index.train(np.ascontiguousarray(descriptors[drawn], dtype=np.float32))
    for _, block in blocks(descriptors):
        index.add(block)
    return index


def _divisor(size: int, wanted: int) -> int:
    """The divisor of `size` that is nearest to `wanted`."""
    divisors = [number for number in range(1, size + 1) if size % number == 0]
    return min(divisors, key=lambda number: (abs(number - wanted), number))
