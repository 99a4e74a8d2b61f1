"""The exact FAISS index, its file, and the search in it. The only module that imports FAISS."""

from pathlib import Path
from typing import Any, Final

import faiss
import numpy as np
import numpy.typing as npt

from gsv_pipeline.errors import DataError

INDEX_FILE: Final = "index.faiss"

Float = npt.NDArray[np.float32]


def build_flat(descriptors: Float) -> Any:
    """An `IndexFlatL2` over [N, D]: exact, and on unit vectors in the order of cosine similarity (FIELD 1.7)."""
    index = faiss.IndexFlatL2(descriptors.shape[1])
    index.add(np.ascontiguousarray(descriptors, dtype=np.float32))
    return index


def save_index(index: Any, path: Path) -> None:
    """Write FAISS's own format."""
    faiss.write_index(index, str(path))


def load_index(path: Path) -> Any:
    """Read what `save_index` wrote.

    Raises:
        DataError: Missing, damaged or no index.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing. Run the index stage again with --force.")
    try:
        return faiss.read_index(str(path))
    except RuntimeError as error:
        raise DataError(
            f"{path} is no readable FAISS index ({str(error).splitlines()[0]}). Run the index stage with --force."
        ) from error


def search(index: Any, queries: Float, k: int) -> tuple[npt.NDArray[np.int64], Float]:
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


def self_query_error(index: Any, descriptors: Float, *, sample: int = 100) -> float:
    """How far the best score of a descriptor that is in the index is from the score of its own row.

    Equal images may share a descriptor, so it is the score that counts and not whose it is.

    Returns:
        The largest difference over an even sample; 2, the largest there is, for an index of another size.
    """
    if index.ntotal != len(descriptors):
        return 2.0
    rows = np.linspace(0, len(descriptors) - 1, min(sample, len(descriptors))).astype(np.int64)
    queries = np.asarray(descriptors[rows])
    _, scores = search(index, queries, 1)
    stored = np.stack([index.reconstruct(int(row)) for row in rows])
    own = 1.0 - np.square(stored - queries).sum(axis=1) / 2.0
    return float(max(np.abs(scores[:, 0] - own).max(), np.abs(1.0 - own).max()))
