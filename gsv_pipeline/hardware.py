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

DEVICE_VARIABLE: Final = "GSV_DEVICE"
DEVICES: Final = (AUTO, "cpu", "cuda")
"""What it may say."""

_WORDS: Final = {"32-true": "float32", "bf16-mixed": "bfloat16", "16-mixed": "float16"}
_NO_MEMORY: Final = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "alloc_failed",
)
"""In lower case: of CUDA, of torch's allocators for the CPU on Windows and elsewhere, of the system, of cuBLAS."""


def choose_device() -> str:
    """What `GSV_DEVICE` asks for; where it says nothing, or `auto`, `cuda` where a GPU answers, else `cpu`.

    Raises:
        ConfigError: It asks for a GPU where none answers, or for something else.
    """
    import torch

    asked = _asked_device()
    if asked == "cpu":
        return asked
    if torch.cuda.is_available():
        return "cuda"
    if asked == "cuda":
        built = torch.version.cuda
        cause = f"torch {torch.__version__} is built {f'for CUDA {built}' if built else 'without CUDA'}"
        raise ConfigError(
            f"{DEVICE_VARIABLE} is cuda, but no GPU answers ({cause}). See whether nvidia-smi shows one, or set "
            f"{DEVICE_VARIABLE} to auto or cpu."
        )
    return "cpu"


def device_words(device: str, precision: str, *, processes: int = 1) -> str:
    """Where a training runs, for people: `No GPU answers: training on 2 processors in bfloat16`.

    Args:
        device: As `choose_device` says.
        precision: As `choose_precision` says.
        processes: That train together.
    """
    import torch

    from gsv_pipeline.images.workers import processors

    count = processors()
    on = f"{count} processor{'s' if count != 1 else ''}"
    together = f", {processes} processes together" if processes > 1 else ""
    if device == "cuda":
        return f"Training on {torch.cuda.get_device_name()} in {_WORDS[precision]}{together}, beside {on}"
    reason = f"{DEVICE_VARIABLE} is cpu" if _asked_device() == "cpu" else "No GPU answers"
    return f"{reason}: training on {on} in {_WORDS[precision]}{together}"


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


def _asked_device() -> str:
    found = os.environ.get(DEVICE_VARIABLE, "")
    asked = found.strip().lower() or AUTO
    if asked not in DEVICES:
        raise ConfigError(
            f"{DEVICE_VARIABLE} is '{found}', expected {', '.join(DEVICES[:-1])} or {DEVICES[-1]}. Change it, or unset "
            "it: then a GPU is used where one answers."
        )
    return asked


def _cpu_has_bf16() -> bool:
    """Native bf16 instructions. Without them bf16 is emulated, and slower than float32."""
    import torch

    capabilities = torch.backends.cpu.get_cpu_capability()
    probes = [getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")]
    return "AVX512" in capabilities and any(probe() for probe in probes if probe is not None)
