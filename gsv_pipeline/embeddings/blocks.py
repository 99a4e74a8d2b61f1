"""Descriptors that are mapped from disk, read a part at a time."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

BLOCK_ROWS: Final = 2048

Float = npt.NDArray[np.float32]


def blocks(descriptors: Float) -> Iterator[tuple[int, Float]]:
    """[n, D] float32 parts of [N, D], side by side in memory, each with the number of its first row."""
    for start in range(0, len(descriptors), BLOCK_ROWS):
        yield start, np.ascontiguousarray(descriptors[start : start + BLOCK_ROWS], dtype=np.float32)
