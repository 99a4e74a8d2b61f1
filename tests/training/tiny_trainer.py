"""A trainer of a tiny model on eight made-up places."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from lightning.fabric import Fabric

from gsv_pipeline.models.vpr_model import build_model
from gsv_pipeline.places.dataset import Places
from gsv_pipeline.places.sampling import PlaceSampler
from gsv_pipeline.tracking import NullTracker
from gsv_pipeline.training.augmentation import AUGMENTATIONS
from gsv_pipeline.training.loop import Trainer
from gsv_pipeline.training.loop_settings import LoopSettings
from gsv_pipeline.training.losses import build_objective
from gsv_pipeline.training.optimizers import SCHEDULES, build_optimizer
from gsv_pipeline.training.processes import Processes

NUM_PLACES, PER_PLACE = 8, 4
RATE = 3e-3


def pictures() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Places that differ in texture; images of a place that differ in noise."""
    generator = np.random.default_rng(0)
    bases = generator.integers(40, 215, (NUM_PLACES, 1, 8, 10, 3)).repeat(4, axis=2).repeat(4, axis=3)
    noise = generator.integers(-25, 25, (NUM_PLACES, PER_PLACE, 32, 40, 3))
    return (bases + noise).reshape(-1, 32, 40, 3).astype(np.uint8)


class Pictures:
    """Stands in for an image reader; what it yields is valid until the next batch, as in the real one."""

    def __init__(self) -> None:
        self.images = pictures()
        self.paths = [Path(f"city_{row // PER_PLACE:07d}_{row:02d}.jpg") for row in range(len(self.images))]

    def __len__(self) -> int:
        return len(self.paths)

    def batches(self, rows: Any) -> Iterator[np.ndarray[Any, np.dtype[np.uint8]]]:
        buffer = np.zeros((0, 32, 40, 3), np.uint8)
        for batch in rows:
            buffer[:] = 0
            buffer = self.images[batch]
            yield buffer


def trainer(
    folder: Path,
    *,
    epochs: int = 3,
    validate: Any = None,
    tracker: Any = None,
    fabric: Fabric | None = None,
    processes: Processes | None = None,
    frozen_statistics: bool = False,
    optimizer: str = "adamw",
    **changed: Any,
) -> Trainer:
    offsets = np.arange(NUM_PLACES + 1, dtype=np.int64) * PER_PLACE
    reader = Pictures()
    model = build_model(
        backbone="resnet18",
        backbone_args={"weights": "none", "layers_to_crop": [3, 4]},
        aggregator="convap",
        aggregator_args={"out_channels": 8},
        seed=1,
    )
    if frozen_statistics:  # batch norm in eval mode, so that an image's descriptor depends on no other image
        model.train = lambda mode=True: type(model).train(model, False)  # type: ignore[method-assign]
    settings: dict[str, Any] = {"validate_every_epochs": 1, "checkpoint_every_steps": 1, **changed}
    return Trainer(
        fabric or Fabric(accelerator="cpu", devices=1, precision="32-true"),
        model,
        optimizer=build_optimizer(optimizer, model.parameters(), learning_rate=RATE),
        sampler=PlaceSampler(
            Places(reader.paths, offsets, np.zeros(NUM_PLACES, np.int64)),
            places_per_batch=4,
            images_per_place=3,
            sampling="all_cities",
            mirrored_places=True,
        ),
        reader=reader,
        settings=LoopSettings(
            objective=build_objective("multi_similarity", {}, miner="multi_similarity", miner_arguments={}),
            schedule=SCHEDULES.build("multi_step", warmup_steps=4, milestones=[2], gamma=0.1),
            augmentation=AUGMENTATIONS.build("street"),
            learning_rate=RATE,
            epochs=epochs,
            seed=1,
            **settings,
        ),
        validate=validate,
        state_folder=folder,
        tracker=tracker or NullTracker(),
        processes=processes,
    )
