"""Backbone and aggregator as one model: images in, descriptors out."""

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.models.aggregators import AGGREGATORS
from gsv_pipeline.models.aggregators.base import Aggregator
from gsv_pipeline.models.backbones import BACKBONES
from gsv_pipeline.models.backbones.base import Backbone


class VPRModel(nn.Module):
    """A model for visual place recognition.

    Args:
        backbone: `[B, 3, H, W] -> [B, C, h, w]`.
        aggregator: `[B, C, h, w] -> [B, D]`, made for the backbone's C.

    Attributes:
        out_dim: D.
    """

    def __init__(self, backbone: Backbone, aggregator: Aggregator) -> None:
        super().__init__()
        self.backbone = backbone
        self.aggregator = aggregator
        self.out_dim = aggregator.out_dim

    def forward(self, images: Tensor) -> Tensor:
        """Descriptors of images.

        Args:
            images: `[B, 3, H, W]`, normalised with ImageNet's mean and deviation.

        Returns:
            `[B, D]` float32, rows of length one.
        """
        descriptors: Tensor = self.aggregator(self.backbone(images))
        return descriptors


def build_model(
    *,
    backbone: str,
    backbone_args: Mapping[str, Any],
    aggregator: str,
    aggregator_args: Mapping[str, Any],
    seed: int | None = None,
) -> VPRModel:
    """Build a model by the names of its parts, on the CPU.

    Args:
        backbone: Row of `BACKBONES`.
        backbone_args: Its arguments.
        aggregator: Row of `AGGREGATORS`.
        aggregator_args: Its arguments without `in_channels`, which the backbone gives.
        seed: Start of the random weights; the same seed gives the same weights, and the global generator is left as
            it was. None draws from the global generator.

    Raises:
        ConfigError: Unknown name or argument, or a value out of range.
        DataError: Pretrained weights that cannot be had.
    """
    _check_names(backbone, backbone_args, aggregator=aggregator, aggregator_args=aggregator_args)
    # No CUDA devices in the fork: weights are drawn on the CPU, and asking would start the driver.
    with torch.random.fork_rng(devices=[]) if seed is not None else nullcontext():
        if seed is not None:
            torch.default_generator.manual_seed(seed)
        trunk = BACKBONES.build(backbone, **backbone_args)
        head = AGGREGATORS.build(aggregator, in_channels=trunk.out_channels, **aggregator_args)
    return VPRModel(trunk, head)


def check_model(
    *,
    backbone: str,
    backbone_args: Mapping[str, Any],
    aggregator: str,
    aggregator_args: Mapping[str, Any],
    seed: int | None = None,
) -> None:
    """Check the arguments of `build_model` before any work: no memory for weights, no download, no random number.

    Raises:
        ConfigError: Unknown name or argument, or a value out of range.
    """
    _check_names(backbone, backbone_args, aggregator=aggregator, aggregator_args=aggregator_args)
    # On the meta device a model has shapes but no numbers: constructors check their values in milliseconds.
    with torch.device("meta"):
        trunk = BACKBONES.build(backbone, **{**backbone_args, "weights": "none"})
        AGGREGATORS.build(aggregator, in_channels=trunk.out_channels, **aggregator_args)


def _check_names(
    backbone: str, backbone_args: Mapping[str, Any], *, aggregator: str, aggregator_args: Mapping[str, Any]
) -> None:
    BACKBONES.check(backbone, backbone_args)
    AGGREGATORS.check(aggregator, aggregator_args, provided=("in_channels",))
    weights = backbone_args.get("weights", "imagenet")
    if not isinstance(weights, str | Path) or not str(weights):
        raise ConfigError(f"backbone '{backbone}': 'weights' is {weights!r}; expected imagenet, none or a file.")
