"""The table of backbones. A new one is a file with `out_channels` and a row here; a row is exactly one model."""

from functools import partial

from gsv_pipeline.models.backbones.base import Backbone
from gsv_pipeline.models.backbones.convnext import ConvNeXt
from gsv_pipeline.models.backbones.efficientnet import EfficientNet
from gsv_pipeline.models.backbones.mobilenet import MobileNetV3
from gsv_pipeline.models.backbones.resnet import ResNet
from gsv_pipeline.models.backbones.timm_dinov2 import DINOv2
from gsv_pipeline.models.backbones.timm_swin import SwinV2
from gsv_pipeline.registry import Registry

BACKBONES: Registry[Backbone] = Registry(
    "backbone",
    {
        "resnet18": partial(ResNet, "resnet18"),
        "resnet34": partial(ResNet, "resnet34"),
        "resnet50": partial(ResNet, "resnet50"),
        "resnet101": partial(ResNet, "resnet101"),
        "resnet152": partial(ResNet, "resnet152"),
        "resnext50_32x4d": partial(ResNet, "resnext50_32x4d"),
        "resnext101_32x4d": partial(ResNet, "resnext101_32x4d"),
        "resnext101_32x8d": partial(ResNet, "resnext101_32x8d"),
        "efficientnet_b0": partial(EfficientNet, "efficientnet_b0"),
        "efficientnet_b1": partial(EfficientNet, "efficientnet_b1"),
        "efficientnet_b2": partial(EfficientNet, "efficientnet_b2"),
        "efficientnet_b3": partial(EfficientNet, "efficientnet_b3"),
        "efficientnet_b4": partial(EfficientNet, "efficientnet_b4"),
        "mobilenet_v3_large": partial(MobileNetV3, "mobilenet_v3_large"),
        "mobilenet_v3_small": partial(MobileNetV3, "mobilenet_v3_small"),
        "convnext_tiny": partial(ConvNeXt, "convnext_tiny"),
        "convnext_small": partial(ConvNeXt, "convnext_small"),
        "convnext_base": partial(ConvNeXt, "convnext_base"),
        "swinv2_tiny": partial(SwinV2, "swinv2_tiny"),
        "swinv2_small": partial(SwinV2, "swinv2_small"),
        "swinv2_base": partial(SwinV2, "swinv2_base"),
        "dinov2_vits14": partial(DINOv2, "dinov2_vits14"),
        "dinov2_vitb14": partial(DINOv2, "dinov2_vitb14"),
        "dinov2_vits14_reg": partial(DINOv2, "dinov2_vits14_reg"),
        "dinov2_vitb14_reg": partial(DINOv2, "dinov2_vitb14_reg"),
    },
)
