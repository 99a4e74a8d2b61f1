"""ConvNeXt, tiny to base, of torchvision."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import torchvision

from gsv_pipeline.models.backbones.staged import Stage, StagedBackbone

WIDTHS: Final = {"convnext_tiny": 96, "convnext_small": 96, "convnext_base": 128}
"""Channels of the stem and of stage 1; they double from stage to stage."""


class ConvNeXt(StagedBackbone):
    """A ConvNeXt without its pooling, last norm and classifier (Liu et al. 2022, arXiv 2201.03545).

    A stage is its downsampling and its blocks. It has layer norms, hence no statistics to freeze. No stochastic depth:
    gradient caching runs an image twice and needs the same network.

    Args:
        architecture: A key of `WIDTHS`.
        weights: "imagenet", "none" or a state dict file of torchvision's format.
        layers_to_freeze: -1 to 3; see `StagedBackbone`.
        layers_to_crop: `[]`, `[4]` or `[3, 4]`. Each halves `out_channels`.

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
    ) -> None:
        width = WIDTHS[architecture]
        later = [
            Stage((f"features.{2 * n - 2}", f"features.{2 * n - 1}"), width * 2 ** (n - 1), 2 ** (n + 1))
            for n in (2, 3, 4)
        ]
        super().__init__(
            architecture,
            make=partial(torchvision.models.get_model, architecture, weights=None, stochastic_depth_prob=0.0),
            stages=[Stage(("features.0",), width, 4), Stage(("features.1",), width, 4), *later],
            heads=["avgpool", "classifier"],
            weights=weights,
            layers_to_freeze=layers_to_freeze,
            layers_to_crop=layers_to_crop,
        )
