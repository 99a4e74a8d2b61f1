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
from gsv_pipeline.models.backbones.pretrained import check_weights


class VPRModel(nn.Module):
    """A model for visual place recognition.

    Args:
        backbone: `[B, 3, H, W] -> [B, C, h, w]`, or a pair of that and a class token `[B, C]` if it
            `gives_class_token`.
        aggregator: `[B, C, h, w] -> [B, D]`, made for the backbone's C.

    Attributes:
        out_dim: D.

    Raises:
        ConfigError: An aggregator that needs a class token over a backbone that gives none.
    """

    def __init__(self, backbone: Backbone, aggregator: Aggregator) -> None:
        super().__init__()
        if aggregator.needs_class_token and not backbone.gives_class_token:
            raise ConfigError(
                f"{type(aggregator).__name__} needs a backbone with a class token, and '{backbone.name}' has none. "
                "Set the backbone to a vision transformer such as dinov2_vitb14, or use another aggregator."
            )
        self.backbone = backbone
        self.aggregator = aggregator
        self.out_dim = aggregator.out_dim

    def forward(self, images: Tensor) -> Tensor:
        """Descriptors of images.

        Args:
            images: `[B, 3, H, W]`, normalised with ImageNet's mean and deviation.

        Returns:
            `[B, D]` float32, rows of length one.

        Raises:
            ConfigError: Images of a size that the aggregator does not take.
        """
        parts = self.backbone(images)
        features, *token = parts if isinstance(parts, tuple) else (parts,)
        _check_map(self.aggregator.map_size, features=features, images=images, stride=self.backbone.stride)
        descriptors: Tensor = self.aggregator(features, *(token if self.aggregator.needs_class_token else ()))
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
        ConfigError: Unknown name or argument, a value out of range, or parts that do not fit each other.
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
    image_size: tuple[int, int] | None = None,
) -> None:
    """Check the arguments of `build_model` before any work: no memory for weights, no download, no random number.

    Args:
        backbone: As in `build_model`, and so are the other names and arguments.
        backbone_args: Its arguments.
        aggregator: Row of `AGGREGATORS`.
        aggregator_args: Its arguments.
        image_size: (H, W) that the model will see; None leaves that unchecked.

    Raises:
        ConfigError: Unknown name or argument, a value out of range, parts that do not fit each other, or images of a
            size that they do not take.
    """
    _check_names(backbone, backbone_args, aggregator=aggregator, aggregator_args=aggregator_args)
    # On the meta device a model has shapes but no numbers: constructors check their values in milliseconds.
    with torch.device("meta"), torch.no_grad():
        trunk = BACKBONES.build(backbone, **{**backbone_args, "weights": "none"})
        head = AGGREGATORS.build(aggregator, in_channels=trunk.out_channels, **aggregator_args)
        model = VPRModel(trunk, head).eval()
        if image_size is not None:
            trunk.check_size(*image_size)
            model(torch.empty(1, 3, *image_size))


def _check_names(
    backbone: str, backbone_args: Mapping[str, Any], *, aggregator: str, aggregator_args: Mapping[str, Any]
) -> None:
    BACKBONES.check(backbone, backbone_args)
    AGGREGATORS.check(aggregator, aggregator_args, provided=("in_channels",))
    weights = backbone_args.get("weights", "imagenet")
    if not isinstance(weights, str | Path) or not str(weights):
        raise ConfigError(f"backbone '{backbone}': 'weights' is {weights!r}; expected imagenet, none or a file.")
    check_weights(backbone, weights)


def _check_map(wanted: tuple[int, int] | None, *, features: Tensor, images: Tensor, stride: int) -> None:
    found = tuple(features.shape[2:])
    if wanted is not None and found != wanted:
        height, width = images.shape[2:]
        raise ConfigError(
            f"The aggregator takes maps of {wanted[0]} x {wanted[1]} cells, and images of {height} x {width} px become "
            f"{found[0]} x {found[1]}. Set the image size to {wanted[0] * stride} x {wanted[1] * stride} px "
            "(height x width), or train with other cells."
        )
