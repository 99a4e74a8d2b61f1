"""The table of backbones. A new one is a file with `out_channels` and a row here."""

from gsv_pipeline.models.backbones.base import Backbone
from gsv_pipeline.models.backbones.resnet import resnet18, resnet50
from gsv_pipeline.registry import Registry

BACKBONES: Registry[Backbone] = Registry(
    "backbone",
    {
        "resnet18": resnet18,
        "resnet50": resnet50,
    },
)
