"""Descriptors on disk: one `.npy` per side of a benchmark."""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from gsv_pipeline.errors import DataError, RunError

DATABASE_FILE: Final = "database.npy"
QUERIES_FILE: Final = "queries.npy"
NORM_TOLERANCE: Final = 1e-3

Float = npt.NDArray[np.float32]


def check_descriptors(descriptors: Float, *, rows: int, what: str) -> None:
    """Refuse descriptors that cannot be searched.

    Raises:
        RunError: Wrong number of rows, values that are not finite, or rows that are not unit vectors.
    """
    if descriptors.ndim != 2 or len(descriptors) != rows:
        raise RunError(f"{what}: descriptors of shape {descriptors.shape}, expected {rows} rows.")
    if not np.isfinite(descriptors).all():
        bad = int((~np.isfinite(descriptors).all(axis=1)).sum())
        raise RunError(f"{what}: {bad} of {rows} descriptors are not finite. The checkpoint is damaged; train again.")
    off = float(np.abs(np.linalg.norm(descriptors, axis=1) - 1).max())
    if off > NORM_TOLERANCE:
        raise RunError(f"{what}: a descriptor's norm is off 1 by {off:.3g}, expected at most {NORM_TOLERANCE}.")


def save_descriptors(path: Path, descriptors: Float) -> None:
    """Write [N, D] float32."""
    np.save(path, np.ascontiguousarray(descriptors, dtype=np.float32))


def load_descriptors(path: Path) -> Float:
    """Map [N, D] float32 read-only into memory.

    Raises:
        DataError: Missing or damaged file.
    """
    try:
        found: Float = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} holds no descriptors ({error}). Run the embed stage again with --force.") from error
    return found
