"""Training steps small enough to check by hand: tiny models, textures instead of photographs."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from gsv_pipeline.models.aggregators.salad import SALAD
from gsv_pipeline.models.vpr_model import VPRModel, build_model
from gsv_pipeline.places.sampling import PlaceBatch
from gsv_pipeline.tracking import NullTracker
from gsv_pipeline.training.augmentation import AUGMENTATIONS
from gsv_pipeline.training.losses import build_objective
from gsv_pipeline.training.step import TrainingStep

PER_PLACE: Final = 3
HEIGHT: Final = 32
WIDTH: Final = 40


def images_of(num_places: int) -> tuple[PlaceBatch, npt.NDArray[np.uint8]]:
    """Places that differ in texture, every other one mirrored; images of a place that differ in noise."""
    generator = np.random.default_rng(0)
    bases = generator.integers(40, 215, (num_places, 1, HEIGHT // 4, WIDTH // 4, 3)).repeat(4, axis=2).repeat(4, axis=3)
    noise = generator.integers(-25, 25, (num_places, PER_PLACE, HEIGHT, WIDTH, 3))
    labels = np.arange(num_places).repeat(PER_PLACE)
    batch = PlaceBatch(np.arange(num_places * PER_PLACE), labels, labels % 2 == 1)
    return batch, (bases + noise).reshape(-1, HEIGHT, WIDTH, 3).astype(np.uint8)


def convap() -> VPRModel:
    """Batch norm and convolutions."""
    return build_model(
        backbone="resnet18",
        backbone_args={"weights": "none", "layers_to_crop": [3, 4]},
        aggregator="convap",
        aggregator_args={"out_channels": 8},
        seed=1,
    ).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


class Salad(nn.Module):
    """Dropout, and no batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, kernel_size=8, stride=8)
        self.aggregator = SALAD(16, num_clusters=4, cluster_dim=4, token_dim=8, dropout=0.3)

    def forward(self, images: Tensor) -> Tensor:
        features = self.patches(images)
        descriptors: Tensor = self.aggregator(features, features.mean(dim=(2, 3)))
        return descriptors


def salad() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return Salad()


def still(model: nn.Module) -> nn.Module:
    """Batch norm that uses and keeps its running statistics, whatever mode the rest is in."""
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eval()
    return model


def cpu(precision: Any = "32-true") -> Fabric:
    return Fabric(accelerator="cpu", devices=1, precision=precision)


def adamw(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.01, fused=True)


def objective_of(*, plain: bool = False) -> Any:
    return build_objective("multi_similarity", {}, miner="multi_similarity", miner_arguments={}, plain=plain)


def step_of(
    fabric: Fabric,
    model: nn.Module,
    *,
    optimizer: Callable[[Any], torch.optim.Optimizer] = adamw,
    micro_batch: int | None = None,
    **changed: Any,
) -> TrainingStep:
    """A step as the loop makes it; the model as it was set up is its `_gradients._model`."""
    wrapped, wrapped_optimizer = fabric.setup(model, optimizer(model.parameters()))
    settings: dict[str, Any] = {
        "objective": objective_of(),
        "augmentation": AUGMENTATIONS.build("street"),
        "seed": 1,
        "num_rows": 1000,
        "images_per_place": PER_PLACE,
        "plain": False,
        "tracker": NullTracker(),
    }
    return TrainingStep(
        fabric, wrapped, optimizer=wrapped_optimizer, micro_batch=micro_batch, **{**settings, **changed}
    )


def gradients_of(model: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}


def furthest(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> float:
    """Largest relative difference of a gradient, by its norm."""
    assert found.keys() == wanted.keys()
    assert wanted
    return max(float((found[name] - wanted[name]).norm() / wanted[name].norm()) for name in wanted)
