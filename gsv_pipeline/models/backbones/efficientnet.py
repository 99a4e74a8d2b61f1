"""EfficientNet-B0 to B4 of torchvision."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import torchvision

from gsv_pipeline.models.backbones.staged import Stage, StagedBackbone

STRIDES: Final = (2, 2, 4, 8, 16, 16, 32, 32)
"""Of the stem and the seven stages."""

CHANNELS: Final = {
    "efficientnet_b0": (32, 16, 24, 40, 80, 112, 192, 1280),
    "efficientnet_b1": (32, 16, 24, 40, 80, 112, 192, 1280),
    "efficientnet_b2": (32, 16, 24, 48, 88, 120, 208, 1408),
    "efficientnet_b3": (40, 24, 32, 48, 96, 136, 232, 1536),
    "efficientnet_b4": (48, 24, 32, 56, 112, 160, 272, 1792),
}
"""Of the stem and the seven stages; the last counts the 1x1 convolution that follows it."""


class EfficientNet(StagedBackbone):
    """An EfficientNet without its pooling and classifier (Tan and Le 2019, arXiv 1905.11946).

    A level of `layers_to_freeze` is a stage, here as everywhere; the reference adds 2 to it for this family alone, so
    that its 2 is 4 here. No stochastic depth, as in the reference: gradient caching runs an image twice and needs the
    same network.

    Args:
        architecture: A key of `CHANNELS`.
        weights: "imagenet", "none" or a state dict file of torchvision's format.
        layers_to_freeze: -1 to 6; see `StagedBackbone`.
        layers_to_crop: `[]`, `[7]`, `[6, 7]` and so on to `[4, 5, 6, 7]`; the last convolution goes with stage 7.
        freeze_statistics: Keep the batch-norm statistics of frozen stages.

    Raises:
        ConfigError: A level, a crop or weights that do not exist.
        DataError: The weights cannot be downloaded or read, or do not fit.
    """

    def __init__(
        self,
        architecture: str,
        *,
        weights: str | Path = "imagenet",
        layers_to_freeze: int = 2,
        layers_to_crop: Sequence[int] = (),
        freeze_statistics: bool = False,
    ) -> None:
        modules = [(f"features.{number}",) for number in range(7)] + [("features.7", "features.8")]
        super().__init__(
            architecture,
            make=partial(torchvision.models.get_model, architecture, weights=None, stochastic_depth_prob=0.0),
            stages=[Stage(*row) for row in zip(modules, CHANNELS[architecture], STRIDES, strict=True)],
            heads=["avgpool", "classifier"],
            weights=weights,
            layers_to_freeze=layers_to_freeze,
            layers_to_crop=layers_to_crop,
            freeze_statistics=freeze_statistics,
        )
