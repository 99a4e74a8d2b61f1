"""A training step on a CPU: ours against the reference's way, eager float32 in channels-first memory.

Stem, layer1 and layer2 frozen, Conv-AP 1024x2x2, 8 images of 320 px from uint8 to changed weights without augmentation,
one thread. The reference's way calls the library's miner and loss and reads the loss and the mined pairs back.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import numpy as np
import torch
from lightning.fabric import Fabric
from pytorch_metric_learning import distances, losses, miners

from gsv_pipeline.hardware import choose_precision, torch_threads
from gsv_pipeline.models.normalise import normalise_plainly
from gsv_pipeline.models.vpr_model import VPRModel, build_model
from gsv_pipeline.places.sampling import PlaceBatch
from gsv_pipeline.tracking import NullTracker
from gsv_pipeline.training.augmentation import NoAugmentation
from gsv_pipeline.training.losses import build_objective
from gsv_pipeline.training.optimizers import build_optimizer
from gsv_pipeline.training.step import TrainingStep
from tests.perf.measure import Row

SIDE: Final = 320
NUM_IMAGES: Final = 8
IMAGES_PER_PLACE: Final = 4
FROZEN: Final = 2
_ROUNDS: Final = 5
_LEARNING_RATE: Final = 2e-4

Step = Callable[[], float]


def train_step(backbone: str, *, goal: float) -> Row:
    """CPU seconds of a step of both, in turn."""
    with torch_threads(1):
        baseline, ours = _cpu_in_turn(_reference_step(_model(backbone)), _our_step(_model(backbone)))
    note = f"CPU time an image, one thread, {choose_precision('auto', 'cpu')}; eager float32, as the reference"
    return Row(f"step_{backbone}", baseline / NUM_IMAGES * 1000, ours / NUM_IMAGES * 1000, "ms", goal, note)


TRAINING_ROWS: Final[Mapping[str, Callable[[], Row]]] = {
    "step_resnet18": partial(train_step, "resnet18", goal=2.3),
    "step_resnet50": partial(train_step, "resnet50", goal=2.9),
}


def _model(backbone: str) -> VPRModel:
    model = build_model(
        backbone=backbone,
        backbone_args={"weights": "none"},
        aggregator="convap",
        aggregator_args={"out_channels": 1024},
        seed=1,
    )
    # Random weights are never frozen, and pretrained ones are a download.
    model.backbone._freeze(FROZEN)  # type: ignore[operator]
    return model.train()


def _batch() -> tuple[PlaceBatch, np.ndarray[Any, np.dtype[np.uint8]]]:
    labels = np.arange(NUM_IMAGES) // IMAGES_PER_PLACE
    batch = PlaceBatch(np.arange(NUM_IMAGES), labels, np.zeros(NUM_IMAGES, dtype=np.bool_))
    return batch, np.random.default_rng(0).integers(0, 256, (NUM_IMAGES, SIDE, SIDE, 3), dtype=np.uint8)


def _reference_step(model: VPRModel) -> Step:
    miner = miners.MultiSimilarityMiner(epsilon=0.1, distance=distances.CosineSimilarity())
    loss = losses.MultiSimilarityLoss(alpha=1.0, beta=50, base=0.0, distance=distances.DotProductSimilarity())
    optimizer = torch.optim.AdamW(
        [parameter for parameter in model.parameters() if parameter.requires_grad], lr=_LEARNING_RATE
    )
    batch, images = _batch()
    labels = torch.from_numpy(batch.labels)

    def step() -> float:
        pixels = normalise_plainly(torch.from_numpy(images).permute(0, 3, 1, 2))
        descriptors = model(pixels)
        pairs = miner(descriptors, labels)
        value = loss(descriptors, labels, pairs)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return float(value.item()) + 0.0 * len(set(pairs[0].cpu().numpy()))

    return step


def _our_step(model: VPRModel) -> Step:
    fabric = Fabric(accelerator="cpu", devices=1, precision=choose_precision("auto", "cpu"))  # type: ignore[arg-type]
    optimizer = build_optimizer("adamw", model.parameters(), learning_rate=_LEARNING_RATE)
    wrapped, optimizer = fabric.setup(model.to(memory_format=torch.channels_last), optimizer)  # type: ignore[call-overload]
    step = TrainingStep(
        fabric,
        wrapped,
        optimizer=optimizer,
        objective=build_objective("multi_similarity", {}, miner="multi_similarity", miner_arguments={}),
        augmentation=NoAugmentation(),
        seed=1,
        num_rows=NUM_IMAGES,
        images_per_place=IMAGES_PER_PLACE,
        micro_batch=None,
        plain=False,
        tracker=NullTracker(),
    )
    batch, images = _batch()
    return lambda: float(step(batch, images, epoch=0, step=0)[0])


def _cpu_in_turn(*steps: Step) -> list[float]:
    """Median CPU seconds of each, run in turn after one unmeasured round, in which they give the same loss."""
    times: list[list[float]] = [[] for _ in steps]
    found = [step() for step in steps]
    np.testing.assert_allclose(found[0], found[1:], rtol=0.02)
    assert found[0] > 0.01, "nothing is mined, so nothing is learned"
    for _ in range(_ROUNDS):
        for kept, step in zip(times, steps, strict=True):
            started = time.process_time()
            step()
            kept.append(time.process_time() - started)
    return [statistics.median(kept) for kept in times]
