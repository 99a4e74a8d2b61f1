"""MobileNetV3, large and small, of torchvision."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import torchvision

from gsv_pipeline.models.backbones.staged import Stage, StagedBackbone


def _stage(first: int, last: int, *, channels: int, stride: int) -> Stage:
    return Stage(tuple(f"features.{number}" for number in range(first, last + 1)), channels, stride)


STAGES: Final = {
    "mobilenet_v3_large": (
        _stage(0, 0, channels=16, stride=2),
        _stage(1, 1, channels=16, stride=2),
        _stage(2, 3, channels=24, stride=4),
        _stage(4, 6, channels=40, stride=8),
        _stage(7, 10, channels=80, stride=16),
        _stage(11, 12, channels=112, stride=16),
        _stage(13, 16, channels=960, stride=32),
    ),
    "mobilenet_v3_small": (
        _stage(0, 0, channels=16, stride=2),
        _stage(1, 1, channels=16, stride=4),
        _stage(2, 3, channels=24, stride=8),
        _stage(4, 6, channels=40, stride=16),
        _stage(7, 8, channels=48, stride=16),
        _stage(9, 12, channels=576, stride=32),
    ),
}
"""A stage is the blocks of one width (Howard et al. 2019, tables 1 and 2); the last has the final 1x1 convolution."""


class MobileNetV3(StagedBackbone):
    """A MobileNetV3 without its pooling and classifier (Howard et al. 2019, arXiv 1905.02244).

    Args:
        architecture: A key of `STAGES`.
        weights: "imagenet", "none" or a state dict file of torchvision's format.
        layers_to_freeze: -1 to 5 for large, to 4 for small; see `StagedBackbone`.
        layers_to_crop: Stages from the last one (6 or 5) back to stride 8.
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
        super().__init__(
            architecture,
            make=partial(torchvision.models.get_model, architecture, weights=None),
            stages=STAGES[architecture],
            heads=["avgpool", "classifier"],
            weights=weights,
            layers_to_freeze=layers_to_freeze,
            layers_to_crop=layers_to_crop,
            freeze_statistics=freeze_statistics,
        )
