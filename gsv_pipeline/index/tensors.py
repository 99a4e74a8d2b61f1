"""Arrays that are mapped from disk as tensors, without a copy."""

import warnings

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gsv_pipeline.embeddings.blocks import blocks

Float = npt.NDArray[np.float32]


def as_tensor(array: Float) -> Tensor:
    """The array's own memory as a tensor; nobody writes to it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def half_squares(vectors: Float) -> Float:
    """[N] |x|²/2 of [N, D], read a block at a time."""
    halves = np.empty(len(vectors), dtype=np.float32)
    for start, block in blocks(vectors):
        halves[start : start + len(block)] = torch.linalg.vector_norm(as_tensor(block), dim=1).square() / 2
    return halves
