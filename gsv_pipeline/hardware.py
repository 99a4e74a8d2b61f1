"""Which device and which precision: the best that is there, or what the experiment asks for."""

from typing import Final, Literal

from gsv_pipeline.errors import ConfigError

Precision = Literal["auto", "32-true", "16-mixed", "bf16-mixed"]
AUTO: Final = "auto"


def choose_device() -> str:
    """`cuda` where a GPU answers, else `cpu`."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def choose_precision(asked: str, device: str) -> str:
    """The precision to run in; `auto` is bf16 where the hardware has it, else fp16 on a GPU, else float32.

    Raises:
        ConfigError: fp16 on a CPU, which has no fast fp16.
    """
    if asked == "16-mixed" and device == "cpu":
        raise ConfigError("training.precision is 16-mixed, but there is no GPU. Use auto, 32-true or bf16-mixed.")
    if asked != AUTO:
        return asked
    if device == "cpu":
        return "bf16-mixed" if _cpu_has_bf16() else "32-true"
    import torch

    return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"


def _cpu_has_bf16() -> bool:
    """Native bf16 instructions. Without them bf16 is emulated, and slower than float32."""
    import torch

    capabilities = torch.backends.cpu.get_cpu_capability()
    probes = [getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")]
    return "AVX512" in capabilities and any(probe() for probe in probes if probe is not None)
