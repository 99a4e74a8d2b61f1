"""ResNets and ResNeXts, pretrained or not, with stages that can be frozen or cropped."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import torchvision
from torch import nn

from gsv_pipeline.models.backbones.staged import Stage, StagedBackbone

SHALLOW: Final = ("resnet18", "resnet34")
"""Made of basic blocks, a quarter as wide as the bottlenecks of the others (He et al. 2015, table 1)."""


class ResNet(StagedBackbone):
    """A ResNet or ResNeXt without its pooling and classifier.

    He et al. 2015 (arXiv 1512.03385), Xie et al. 2016 (arXiv 1611.05431). Stage 0 is conv1 and bn1, stages 1 to 4 are
    layer1 to layer4.

    Args:
        architecture: torchvision's name, or `resnext101_32x4d`, which torchvision can build but does not name.
        weights: "imagenet", "swsl" or "ssl" where published, "none" or a state dict file of torchvision's format.
        layers_to_freeze: -1 to 3; see `StagedBackbone`.
        layers_to_crop: `[]`, `[4]` or `[3, 4]`. Each halves `out_channels`.
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
        width = 64 if architecture in SHALLOW else 256
        layers = [Stage((f"layer{n}",), width * 2 ** (n - 1), 2 ** (n + 1)) for n in (1, 2, 3, 4)]
        super().__init__(
            architecture,
            make=partial(_make, architecture),
            stages=[Stage(("conv1", "bn1", "relu", "maxpool"), 64, 4), *layers],
            heads=["avgpool", "fc"],
            weights=weights,
            layers_to_freeze=layers_to_freeze,
            layers_to_crop=layers_to_crop,
            freeze_statistics=freeze_statistics,
        )


def _make(architecture: str) -> nn.Module:
    if architecture == "resnext101_32x4d":
        resnet = torchvision.models.resnet
        deep: nn.Module = resnet.ResNet(resnet.Bottleneck, [3, 4, 23, 3], groups=32, width_per_group=4)
        return deep
    named: nn.Module = torchvision.models.get_model(architecture, weights=None)
    return named
