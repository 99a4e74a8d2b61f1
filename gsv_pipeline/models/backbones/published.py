"""Which pretrained weights are published for which backbone, where, and under which licence."""

from dataclasses import dataclass
from typing import Final

import torchvision

NONE: Final = "none"
IMAGENET: Final = "imagenet"

TORCHVISION_LICENCE: Final = "BSD-3-Clause"
BILLION_LICENCE: Final = "CC-BY-NC-4.0"
"""Of the weakly and semi-supervised weights: not for commercial use."""

_BILLION: Final = "https://dl.fbaipublicfiles.com/semiweaksupervision/model_files"
_DINOV2: Final = "https://dl.fbaipublicfiles.com/dinov2"
_TIMM: Final = "https://huggingface.co/timm"


@dataclass(frozen=True, slots=True)
class Published:
    """A weights file.

    Args:
        url: Its address. torchvision's habit is kept: `-<hex>` at the end of a name is the start of the SHA-256.
        licence: Of the weights.
        file: Its name in the cache; empty means the last part of the address.
    """

    url: str
    licence: str
    file: str = ""

    @property
    def file_name(self) -> str:
        """The file's name in the cache."""
        return self.file or self.url.rsplit("/", 1)[-1]


def _billion(name: str, swsl: str, *, ssl: str) -> dict[str, Published]:
    # Yalniz et al. 2019 (arXiv 1905.00546): "swsl" saw a billion tagged pictures, "ssl" 100 million without tags.
    return {
        "swsl": Published(f"{_BILLION}/semi_weakly_supervised_{name}-{swsl}.pth", BILLION_LICENCE),
        "ssl": Published(f"{_BILLION}/semi_supervised_{name}-{ssl}.pth", BILLION_LICENCE),
    }


def _dinov2(folder: str, file: str) -> dict[str, Published]:
    # The word is "imagenet" for every backbone, so that another one can be named without changing 'weights';
    # these saw LVD-142M, which was collected around ImageNet (Oquab et al. 2023, arXiv 2304.07193).
    return {IMAGENET: Published(f"{_DINOV2}/{folder}/{file}_pretrain.pth", "Apache-2.0")}


def _timm(name: str) -> dict[str, Published]:
    return {IMAGENET: Published(f"{_TIMM}/{name}/resolve/main/model.safetensors", "MIT", f"{name}.safetensors")}


_GLUON: Final = "https://github.com/rwightman/pytorch-pretrained-gluonresnet/releases/download/v0.1"

BESIDE_TORCHVISION: Final[dict[str, dict[str, Published]]] = {
    "resnet18": _billion("resnet18", "118f1556", ssl="d92f0530"),
    "resnet50": _billion("resnet50", "16a12f1b", ssl="08389792"),
    "resnext50_32x4d": _billion("resnext50_32x4", "72679e44", ssl="ddb3e555"),
    "resnext101_32x4d": {
        # torchvision has no such model; these are GluonCV's, as timm converted them.
        IMAGENET: Published(f"{_GLUON}/gluon_resnext101_32x4d-b253c8c4.pth", "Apache-2.0"),
        **_billion("resnext101_32x4", "3f87e46b", ssl="dc43570a"),
    },
    "resnext101_32x8d": _billion("resnext101_32x8", "b4712904", ssl="2cfe2f8b"),
    "swinv2_tiny": _timm("swinv2_tiny_window16_256.ms_in1k"),
    "swinv2_small": _timm("swinv2_small_window16_256.ms_in1k"),
    "swinv2_base": _timm("swinv2_base_window12to16_192to256.ms_in22k_ft_in1k"),
    "dinov2_vits14": _dinov2("dinov2_vits14", "dinov2_vits14"),
    "dinov2_vitb14": _dinov2("dinov2_vitb14", "dinov2_vitb14"),
    "dinov2_vits14_reg": _dinov2("dinov2_vits14", "dinov2_vits14_reg4"),
    "dinov2_vitb14_reg": _dinov2("dinov2_vitb14", "dinov2_vitb14_reg4"),
}
"""Backbone -> value of its 'weights' -> file, beside torchvision's own."""


def published_weights(backbone: str) -> dict[str, Published]:
    """What a backbone's 'weights' can name: `imagenet` and, for some, `swsl` and `ssl`.

    Args:
        backbone: Row of `BACKBONES`.

    Returns:
        Value of 'weights' -> file; torchvision's are its IMAGENET1K_V1, which the reference takes.
    """
    rows = dict(BESIDE_TORCHVISION.get(backbone, {}))
    if IMAGENET not in rows:
        weights = torchvision.models.get_model_weights(backbone)["IMAGENET1K_V1"]
        rows[IMAGENET] = Published(weights.url, TORCHVISION_LICENCE)
    return dict(sorted(rows.items()))
