"""What an interrupted run needs to go on, and its file. Fabric reads and writes it; the rename makes it whole."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from gsv_pipeline.errors import DataError

STATE_FILE: Final = "last.ckpt"


@dataclass(slots=True)
class Progressed:
    """How far training has come.

    Args:
        step: Optimizer steps done; epoch and place in the epoch follow from it, and with them the sampler's state.
        history: One row per step: loss, batch accuracy, learning rate.
        validations: One row per validation: step and recalls.
        best_score: R@1 then R@5 of the first validation benchmark, at the best step; None before the first validation.
        best_step: When that was.
        best_weights: State dict at that step, on the CPU.
    """

    step: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    validations: list[dict[str, float]] = field(default_factory=list)
    best_score: list[float] | None = None
    best_step: int | None = None
    best_weights: dict[str, Tensor] | None = None


def save_state(fabric: Fabric, folder: Path, *, model: nn.Module, optimizer: Optimizer, progressed: Progressed) -> None:
    """Write everything to a temporary file, then rename it over the last one."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{STATE_FILE}.tmp"
    state = {
        "model": model,
        "optimizer": optimizer,
        "rng": torch.get_rng_state(),
        "precision": fabric.strategy.precision.state_dict(),  # the fp16 scaler's, else empty
        **{name: getattr(progressed, name) for name in Progressed.__dataclass_fields__},
    }
    fabric.save(temporary, state)
    temporary.replace(folder / STATE_FILE)


def load_state(fabric: Fabric, folder: Path, *, model: nn.Module, optimizer: Optimizer) -> Progressed:
    """Continue from the last state in `folder`, or start where there is none.

    Raises:
        DataError: The file is damaged.
    """
    path = folder / STATE_FILE
    if not path.is_file():
        return Progressed()
    state: dict[str, Any] = {"model": model, "optimizer": optimizer}
    try:
        rest = fabric.load(path, state, strict=True, weights_only=True)
        rng = rest.pop("rng")
        fabric.strategy.precision.load_state_dict(rest.pop("precision"))
        progressed = Progressed(**rest)
    except (RuntimeError, KeyError, EOFError, TypeError, ValueError, OSError) as error:
        raise DataError(f"{path} cannot be resumed from ({error}). Start anew with --restart.") from error
    torch.set_rng_state(rng)
    return progressed
