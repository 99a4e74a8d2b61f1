"""ResNets of torchvision, pretrained or not, with stages that can be frozen or cropped."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch
import torchvision
from torch import Tensor, nn

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.models.arguments import require_whole, require_wholes
from gsv_pipeline.models.backbones.base import Backbone
from gsv_pipeline.models.backbones.pretrained import read_pretrained
from gsv_pipeline.models.checkpoint import load_strictly

DEEPEST_FREEZE: Final = 3
"""Level at which layer3 is frozen too; layer4 is always trained, as in the reference."""

CROPS: Final = (frozenset[int](), frozenset({4}), frozenset({3, 4}))
"""Which layers can be dropped: only from the end, or the channels no longer fit."""

COUNTER: Final = ".num_batches_tracked"

CHANNELS_OF_LAYER4: Final = {"resnet18": 512, "resnet50": 2048}


class ResNet(Backbone):
    """A ResNet without its pooling and classifier (He et al. 2015, arXiv 1512.03385).

    Args:
        architecture: Torchvision's name, a key of `CHANNELS_OF_LAYER4`.
        weights: "imagenet", "none" or a state dict file of torchvision's format.
        layers_to_freeze: Only if pretrained: 0 freezes conv1 and bn1, 1 layer1 too, 2 layer2, 3 layer3; -1 nothing.
            Frozen means that gradients stop; batch-norm statistics go on moving, as in the reference.
        layers_to_crop: Layers to drop: `[4]` or `[3, 4]`. Each halves `out_channels`.

    Raises:
        ConfigError: A level or a crop that does not exist.
        DataError: The weights cannot be downloaded or read, or do not fit.
    """

    def __init__(
        self, architecture: str, *, weights: str | Path, layers_to_freeze: int, layers_to_crop: Sequence[int]
    ) -> None:
        super().__init__()
        _check_layers(architecture, layers_to_freeze=layers_to_freeze, layers_to_crop=layers_to_crop)
        # Named `model` because released checkpoints hold `backbone.model.conv1.weight` and so on.
        self.model: nn.Module = torchvision.models.get_model(architecture, weights=None)
        dropped = ["avgpool", "fc", *(f"layer{number}" for number in sorted(set(layers_to_crop)))]
        for name in dropped:
            delattr(self.model, name)
        self.out_channels = CHANNELS_OF_LAYER4[architecture] // 2 ** len(set(layers_to_crop))
        if str(weights) != "none":
            self._load(architecture, weights, dropped=dropped)
            self._freeze(layers_to_freeze)

    def forward(self, images: Tensor) -> Tensor:
        """`[B, 3, H, W] -> [B, out_channels, h, w]`."""
        features = images
        for stage in self.model.children():
            features = stage(features)
        return features  # [B, C, H/32, W/32], twice as large for each dropped layer

    def _load(self, architecture: str, weights: str | Path, *, dropped: Sequence[str]) -> None:
        state, source = read_pretrained(architecture, weights)
        kept = {name: value for name, value in state.items() if name.split(".")[0] not in dropped}
        # Files from before torch 0.4.1, ImageNet's among them, have no step counters in their batch norms.
        counted = [name.removesuffix(".running_mean") + COUNTER for name in kept if name.endswith(".running_mean")]
        load_strictly({**{name: torch.tensor(0) for name in counted}, **kept}, self.model, source=source)

    def _freeze(self, level: int) -> None:
        steps = (("conv1", "bn1"), ("layer1",), ("layer2",), ("layer3",))
        frozen = {name for names in steps[: level + 1] for name in names}
        for name, stage in self.model.named_children():
            if name in frozen:
                stage.requires_grad_(False)


def resnet18(
    weights: str | Path = "imagenet", layers_to_freeze: int = 2, layers_to_crop: Sequence[int] = ()
) -> Backbone:
    """ResNet18, 512 channels. See `ResNet`."""
    return ResNet("resnet18", weights=weights, layers_to_freeze=layers_to_freeze, layers_to_crop=layers_to_crop)


def resnet50(
    weights: str | Path = "imagenet", layers_to_freeze: int = 2, layers_to_crop: Sequence[int] = ()
) -> Backbone:
    """ResNet50, 2048 channels. See `ResNet`."""
    return ResNet("resnet50", weights=weights, layers_to_freeze=layers_to_freeze, layers_to_crop=layers_to_crop)


def _check_layers(architecture: str, *, layers_to_freeze: int, layers_to_crop: Sequence[int]) -> None:
    owner = f"backbone '{architecture}'"
    require_whole(owner, least=-1, layers_to_freeze=layers_to_freeze)
    if layers_to_freeze > DEEPEST_FREEZE:
        raise ConfigError(
            f"{owner}: 'layers_to_freeze' is {layers_to_freeze}; expected -1 (nothing) to {DEEPEST_FREEZE} (layer3)."
        )
    require_wholes(owner, layers_to_crop=layers_to_crop)
    if set(layers_to_crop) not in CROPS:
        raise ConfigError(
            f"{owner}: 'layers_to_crop' is {list(layers_to_crop)}; expected [], [4] or [3, 4]. "
            "layer4 works on the channels of layer3, so 3 goes only together with 4."
        )
