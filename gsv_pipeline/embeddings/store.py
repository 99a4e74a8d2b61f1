"""Descriptors on disk: one `.npy` per side of a benchmark, and which images have none."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gsv_pipeline.embeddings.blocks import blocks
from gsv_pipeline.errors import DataError, RunError, few
from gsv_pipeline.manifest import read_json, write_json

DATABASE_FILE: Final = "database.npy"
QUERIES_FILE: Final = "queries.npy"
BROKEN_FILE: Final = "broken.json"
NORM_TOLERANCE: Final = 1e-3

_SHOWN: Final = 5

Float = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def check_descriptors(descriptors: Float, *, rows: int, what: str, missing: Sequence[int] | Ints = ()) -> None:
    """Refuse descriptors that cannot be searched; a block at a time, so that mapped ones stay on disk.

    Args:
        descriptors: [N, D].
        rows: N, as it should be.
        what: Opens the message.
        missing: Rows of images that could not be read, which have no descriptor.

    Raises:
        RunError: Wrong number of rows, values that are not finite, or rows that are not unit vectors.
    """
    if descriptors.ndim != 2 or len(descriptors) != rows:
        raise RunError(f"{what}: descriptors of shape {descriptors.shape}, expected {rows} rows.")
    norms = row_norms(descriptors)
    norms[np.asarray(missing, dtype=np.int64)] = 1.0
    bad = int((~np.isfinite(norms)).sum())
    if bad:
        raise RunError(f"{what}: {bad} of {rows} descriptors are not finite. The checkpoint is damaged; train again.")
    off = float(np.abs(norms - 1).max())
    if off > NORM_TOLERANCE:
        raise RunError(f"{what}: a descriptor's norm is off 1 by {off:.3g}, expected at most {NORM_TOLERANCE}.")


def check_batch(descriptors: Float, names: Sequence[str], *, what: str) -> None:
    """Refuse a batch of descriptors that are not numbers or all zero, naming their images.

    Args:
        descriptors: [B, D].
        names: [B] the images.
        what: Opens the message.

    Raises:
        RunError: A descriptor that no search can use.
    """
    norms = row_norms(descriptors)
    for wrong, words in ((~np.isfinite(norms), "not finite"), (norms == 0, "zero in every place")):
        if wrong.any():
            images = few([name for name, bad in zip(names, wrong, strict=True) if bad], _SHOWN)
            raise RunError(
                f"{what}: {int(wrong.sum())} of {len(names)} descriptors of a batch are {words}: {images}. "
                "The checkpoint is damaged, or --precision is too low for it. Train again, or describe in 32-true."
            )


def row_norms(descriptors: Float) -> npt.NDArray[np.float64]:
    """[N] lengths, read a block at a time; NaN or infinity where a value is none."""
    norms = np.empty(len(descriptors), dtype=np.float64)
    for start, block in blocks(descriptors):
        squares = np.einsum("nd,nd->n", block, block, dtype=np.float64)
        norms[start : start + len(block)] = np.sqrt(squares)
    return norms


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


def save_broken(folder: Path, broken: Mapping[str, Mapping[int, str]], names: Mapping[str, Sequence[str]]) -> None:
    """Write which images of each side could not be read; nothing where all could.

    Args:
        folder: Of the descriptors.
        broken: Side -> row -> what is wrong.
        names: Side -> the images' names.
    """
    rows = {
        side: [{"row": row, "image": names[side][row], "problem": text} for row, text in sorted(found.items())]
        for side, found in broken.items()
        if found
    }
    if rows:
        write_json(folder / BROKEN_FILE, rows)


def load_broken(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Side -> row, image and problem of each image that has no descriptor; empty where all have one."""
    path = folder / BROKEN_FILE
    found: dict[str, list[dict[str, Any]]] = read_json(path) if path.is_file() else {}
    return found


def missing_rows(folder: Path, side: str) -> Ints:
    """Rows of a side that have no descriptor, sorted."""
    return np.array([item["row"] for item in load_broken(folder).get(side, [])], dtype=np.int64)
