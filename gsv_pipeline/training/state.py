"""What an interrupted run needs to go on, in two files: the state of the last step, and the best weights so far.

Neither holds the state of a random generator: every draw's seed follows from the run's seed and the step.
"""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from gsv_pipeline.errors import DataError
from gsv_pipeline.models.checkpoint import UNREADABLE
from gsv_pipeline.training.saving import write_whole

STATE_FILE: Final = "last.ckpt"
BEST_FILE: Final = "best-{step}.ckpt"
_BEST_FILES: Final = "best-*.ckpt"
_LOGGED: Final = ("step", "history", "validations", "best_score", "best_step", "micro_batch")


@dataclass(slots=True)
class Progressed:
    """How far training has come.

    Args:
        step: Optimizer steps done; epoch and place in the epoch follow from it, and with them every seed.
        history: One row per step: loss, batch accuracy, gradient norm, learning rate, images a second.
        validations: One row per validation: step and recalls; how long there was no better one follows from them.
        best_score: R@1 then R@5 of the first validation benchmark, at the best step; None before the first validation.
        best_step: When that was.
        micro_batch: Images through the network at once, as a lack of memory left it; None: the whole batch.
        best_weights: State dict at the best step, on the CPU, once training is over; kept in a file until then.
    """

    step: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    validations: list[dict[str, float]] = field(default_factory=list)
    best_score: list[float] | None = None
    best_step: int | None = None
    micro_batch: int | None = None
    best_weights: dict[str, Tensor] | None = None

    @property
    def validations_without_better(self) -> int:
        """How many validations came after the best one; an equal one is no better one."""
        waited = 0
        best: list[float] | None = None
        for row in self.validations:
            score = [value for name, value in row.items() if name != "step"][:2]
            if best is None or score > best:
                best, waited = score, 0
            else:
                waited += 1
        return waited


def save_state(fabric: Fabric, folder: Path, *, model: nn.Module, optimizer: Optimizer, progressed: Progressed) -> None:
    """Write the state of the last step; the one before is replaced when the new one is whole.

    Args:
        fabric: Whose precision has a state (the scaler of fp16).
        folder: Made if it is missing.
        model: Bare, so that any number of processes can go on from it.
        optimizer: Over its parameters.
        progressed: The rest.

    Raises:
        RunError: The disk is full; the state before is untouched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "precision": fabric.strategy.precision.state_dict(),
        **{name: getattr(progressed, name) for name in _LOGGED},
    }
    write_whole(folder / STATE_FILE, state)
    # Only now, since until now the state on disk named the older ones.
    _drop_other_bests(folder, keep=progressed.best_step)


def load_state(fabric: Fabric, folder: Path, *, model: nn.Module, optimizer: Optimizer) -> Progressed:
    """Continue from the last state in `folder`, or start where there is none.

    Args:
        fabric: As in `save_state`, and so are the others.
        folder: May be missing.
        model: Changed in place.
        optimizer: Changed in place.

    Raises:
        DataError: A file is damaged, or is of another model.
    """
    path = folder / STATE_FILE
    if not path.is_file():
        return Progressed()
    state = _read(path)
    try:
        model.load_state_dict(state["model"], strict=True)
        optimizer.load_state_dict(state["optimizer"])
        fabric.strategy.precision.load_state_dict(state["precision"])
        progressed = Progressed(**{name: state[name] for name in _LOGGED})
    except UNREADABLE as error:
        raise _damaged(path, error) from error
    if progressed.best_step is not None:
        load_best(folder, progressed.best_step)  # now: a damaged file must not be found out after the last step
    return progressed


def save_best(folder: Path, *, model: nn.Module, step: int) -> None:
    """Keep the weights of `step` beside the state; older best ones stay until a state is saved that names these.

    Raises:
        RunError: The disk is full; what was there is untouched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / BEST_FILE.format(step=step), model.state_dict())


def load_best(folder: Path, step: int) -> dict[str, Tensor]:
    """The weights that `save_best` kept of `step`, on the CPU.

    Raises:
        DataError: The file is missing or damaged.
    """
    weights: dict[str, Tensor] = _read(folder / BEST_FILE.format(step=step))
    return weights


def _drop_other_bests(folder: Path, *, keep: int | None) -> None:
    for path in sorted(folder.glob(_BEST_FILES)):
        if keep is None or path.name != BEST_FILE.format(step=keep):
            path.unlink()


def _read(path: Path) -> dict[str, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise _damaged(path, error) from error
    if not isinstance(content, Mapping):
        raise _damaged(path, TypeError(f"it holds a {type(content).__name__}"))
    return dict(content)


def _damaged(path: Path, error: Exception) -> DataError:
    # torch's own words about a file that is no archive advise to open it without care.
    reason = (
        type(error).__name__
        if isinstance(error, pickle.UnpicklingError)
        else (str(error).splitlines() or [type(error).__name__])[0]
    )
    return DataError(f"{path} cannot be resumed from ({reason}). Start anew with --restart.")
