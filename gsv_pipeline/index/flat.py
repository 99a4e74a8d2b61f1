"""The exact FAISS index, its file, and the search in it."""

from pathlib import Path
from typing import Any, Final

import faiss
import numpy as np
import numpy.typing as npt

from gsv_pipeline.errors import DataError

INDEX_FILE: Final = "index.faiss"
_BLOCK_ROWS: Final = 8192

Float = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def build_flat(descriptors: Float, *, missing: Ints | None = None) -> Any:
    """An `IndexFlatL2` over [N, D]: exact, and on unit vectors in the order of cosine similarity (FIELD 1.7).

    Args:
        descriptors: In memory or mapped.
        missing: Rows without a descriptor. They are left out, and the others are known by their row all the same.
    """
    index: Any = faiss.IndexFlatL2(descriptors.shape[1])
    kept = np.arange(len(descriptors), dtype=np.int64)
    if missing is not None and len(missing):
        kept = np.setdiff1d(kept, missing)
        index = faiss.IndexIDMap2(index)
    for start in range(0, len(kept), _BLOCK_ROWS):
        rows = kept[start : start + _BLOCK_ROWS]
        block = np.ascontiguousarray(descriptors[rows], dtype=np.float32)
        if len(kept) == len(descriptors):
            index.add(block)
        else:
            index.add_with_ids(block, rows)
    return index


def save_index(index: Any, path: Path) -> None:
    """Write FAISS's own format; a file that is there is replaced, and whoever has it mapped keeps the old one."""
    temporary = path.with_name(f".{path.name}.tmp")
    faiss.write_index(index, str(temporary))
    temporary.replace(path)


def load_index(path: Path) -> Any:
    """Read what `save_index` wrote; the vectors stay on disk until they are read, where this FAISS can (1.11).

    Raises:
        DataError: Missing, damaged or no index.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing. Run the index stage again with --force.")
    try:
        return faiss.read_index(str(path), getattr(faiss, "IO_FLAG_MMAP_IFC", 0))
    except RuntimeError as error:
        raise DataError(
            f"{path} is no readable FAISS index ({str(error).splitlines()[0]}). It was cut short, or is something "
            "else. Run the index stage with --force."
        ) from error


def vectors_of(index: Any) -> tuple[Float, Ints]:
    """The vectors of a flat index as [n, D], where they lie, and the database row of each.

    Raises:
        DataError: An index of another kind.
    """
    inner = faiss.downcast_index(getattr(index, "index", index))
    if not isinstance(inner, faiss.IndexFlat):
        raise DataError(f"A {type(index).__name__} is no flat index. Run the index stage with --force.")
    vectors = faiss.rev_swig_ptr(inner.get_xb(), inner.ntotal * inner.d).reshape(inner.ntotal, inner.d)
    rows = faiss.vector_to_array(index.id_map) if hasattr(index, "id_map") else np.arange(index.ntotal)
    return vectors, rows.astype(np.int64)


def search(index: Any, queries: Float, k: int) -> tuple[Ints, Float]:
    """The `k` nearest database rows of each query, best first.

    Args:
        index: What `build_flat` made; k is cut to its size.
        queries: [Q, D] unit vectors.
        k: How many.

    Returns:
        Predictions [Q, k] int64 and cosine similarities [Q, k] float32.
    """
    distances, predictions = index.search(np.ascontiguousarray(queries, dtype=np.float32), min(k, index.ntotal))
    return predictions.astype(np.int64), (1.0 - distances / 2.0).astype(np.float32)


def self_query_error(index: Any, descriptors: Float, *, missing: Ints | None = None, sample: int = 100) -> float:
    """How far the best score of a descriptor that is in the index is from the score of its own row.

    Equal images may share a descriptor, so it is the score that counts and not whose it is.

    Args:
        index: Of `build_flat`.
        descriptors: [N, D], what it should hold.
        missing: Rows that it should not.
        sample: So many rows are looked at.

    Returns:
        The largest difference over an even sample; 2, the largest there is, for an index of another size.
    """
    kept = np.setdiff1d(np.arange(len(descriptors)), np.empty(0, np.int64) if missing is None else missing)
    if index.ntotal != len(kept):
        return 2.0
    rows = kept[np.linspace(0, len(kept) - 1, min(sample, len(kept))).astype(np.int64)]
    queries = np.asarray(descriptors[rows])
    _, scores = search(index, queries, 1)
    stored = np.stack([index.reconstruct(int(row)) for row in rows])
    own = 1.0 - np.square(stored - queries).sum(axis=1) / 2.0
    return float(max(np.abs(scores[:, 0] - own).max(), np.abs(1.0 - own).max()))
