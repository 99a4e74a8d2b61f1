"""`LOCAL_RANK=0 MASTER_PORT=... python -m tests.training.step_process FOLDER`: one of two processes on gloo.

It writes what each scenario gave to `FOLDER/<rank>.pt`, for a test to compare with a single process.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from lightning.fabric import Fabric
from torch import nn

from gsv_pipeline.training.augmentation import AUGMENTATIONS
from gsv_pipeline.training.gather import own_share
from gsv_pipeline.training.losses import build_objective
from tests.training.small_steps import PER_PLACE, convap, gradients_of, images_of, step_of, still

WORLD_SIZE: Final = 2


@dataclass(frozen=True, slots=True)
class Scenario:
    """A batch, and in which pieces each process describes its share; `spoilt`: the process that finds a NaN."""

    num_places: int
    loss: str = "multi_similarity"
    micro_batch: int | None = None
    augmentation: str = "randaugment"
    spoilt: int | None = None


SCENARIOS: Final = (
    Scenario(6),
    Scenario(7),
    Scenario(7, augmentation="street"),
    Scenario(6, micro_batch=4),
    Scenario(7, micro_batch=9),
    Scenario(7, micro_batch=1),  # more pieces than the second process has images
    Scenario(1, loss="contrastive"),  # a second place is not needed, and one process has none
    Scenario(1, loss="contrastive", micro_batch=2),
    Scenario(6, spoilt=1),
)


def run(fabric: Fabric, scenario: Scenario) -> dict[str, Any]:
    """Two steps; gradients and numbers of the first and how often it went through the network, weights after both."""
    batch, images = images_of(scenario.num_places)
    places = own_share(scenario.num_places, rank=fabric.global_rank, world_size=fabric.world_size)
    own = images[places.start * PER_PLACE : places.stop * PER_PLACE]
    model = still(convap().train())
    if scenario.spoilt == fabric.global_rank:
        spoil(model)
    augmentation = AUGMENTATIONS.build(scenario.augmentation)
    miner = "none" if scenario.loss == "contrastive" else scenario.loss
    objective = build_objective(scenario.loss, {}, miner=miner, miner_arguments={})
    step = step_of(fabric, model, micro_batch=scenario.micro_batch, augmentation=augmentation, objective=objective)
    passes: list[int] = []
    model.register_forward_hook(lambda module, given, found: passes.append(len(found)))
    numbers = step(batch, own, epoch=0, step=0)
    num_passes = len(passes)
    gradients = gradients_of(model)
    step(batch, own, epoch=0, step=1)
    return {"numbers": numbers, "gradients": gradients, "weights": model.state_dict(), "passes": num_passes}


def spoil(model: nn.Module) -> None:
    """One descriptor of this process is NaN."""
    model.register_forward_hook(
        lambda module, given, found: found + torch.nan * (torch.arange(len(found)) == 0)[:, None]
    )


def main(folder: Path) -> None:
    fabric = Fabric(accelerator="cpu", devices=WORLD_SIZE, strategy="ddp")
    fabric.launch()
    torch.save([run(fabric, scenario) for scenario in SCENARIOS], folder / f"{fabric.global_rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
