"""Device and precision: the best that is there, or what the experiment asks for; and memory that has run out."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal

from gsv_pipeline.errors import ConfigError

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "32-true", "16-mixed", "bf16-mixed"]
AUTO: Final = "auto"

_NO_MEMORY: Final = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "alloc_failed",
)
"""In lower case: of CUDA, of torch's allocators for the CPU on Windows and elsewhere, of the system, of cuBLAS."""


def choose_device() -> str:
    """`cuda` where a GPU answers, else `cpu`."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def choose_precision(asked: str, device: str, *, setting: str = "precision") -> str:
    """The precision to run in; `auto` is bf16 where the hardware has it, else fp16 on a GPU, else float32.

    Args:
        asked: `auto`, or a precision.
        device: To run on.
        setting: How a person calls it, for messages.

    Raises:
        ConfigError: fp16 on a CPU, which has no fast fp16.
    """
    if asked == "16-mixed" and device == "cpu":
        raise ConfigError(f"{setting} is 16-mixed, but there is no GPU. Use auto, 32-true or bf16-mixed.")
    if asked != AUTO:
        return asked
    if device == "cpu":
        return "bf16-mixed" if _cpu_has_bf16() else "32-true"
    import torch

    return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"


@contextmanager
def spare_core(device: str) -> Iterator[None]:
    """Leave one core to the rest of the machine while training on a CPU; `OMP_NUM_THREADS` overrules it.

    The threads of one operation wait for the slowest of them. With a neighbour on one of two cores, a step of the demo
    took 1.0 to 3 s on two threads and 0.5 s on one, against 0.34 s on two threads of an idle machine.
    """
    if device != "cpu" or "OMP_NUM_THREADS" in os.environ:
        yield
        return
    import torch

    with torch_threads(max(1, torch.get_num_threads() - 1)):
        yield


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let an operation of torch use `count` threads, inside the block."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that an allocation failed, on a device or on the host."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _NO_MEMORY)


def give_back(device: "torch.device") -> None:
    """Free what nobody refers to any more, so that a smaller piece finds room in one stretch."""
    import torch

    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _cpu_has_bf16() -> bool:
    """Native bf16 instructions. Without them bf16 is emulated, and slower than float32."""
    import torch

    capabilities = torch.backends.cpu.get_cpu_capability()
    probes = [getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")]
    return "AVX512" in capabilities and any(probe() for probe in probes if probe is not None)
