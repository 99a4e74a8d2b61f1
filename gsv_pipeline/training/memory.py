"""Out of memory: how it shows, and giving back what can be given back."""

import gc
from typing import Final

import torch

_SIGNS: Final = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "alloc_failed",
)
"""In lower case: of CUDA, of torch's allocators for the CPU on Windows and elsewhere, of the system, of cuBLAS."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that an allocation failed, on a device or on the host."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)


def give_back(device: torch.device) -> None:
    """Free what nobody refers to any more, so that a smaller piece finds room in one stretch."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
