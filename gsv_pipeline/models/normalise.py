"""From stored uint8 images to what a backbone expects."""

from typing import Final

import torch
from torch import Tensor

IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)


def to_channels_first(images: Tensor) -> Tensor:
    """[B, H, W, 3] uint8 -> [B, 3, H, W] uint8 in channels-last memory: a view, nothing is copied."""
    return images.permute(0, 3, 1, 2)


def normalise(images: Tensor) -> Tensor:
    """Subtract ImageNet's mean and divide by its deviation.

    Args:
        images: [B, 3, H, W]; uint8 in 0..255 or float in [0, 1].

    Returns:
        [B, 3, H, W] float32 in channels-last memory.
    """
    unit = images.float() / 255.0 if images.dtype == torch.uint8 else images.float()
    mean = torch.tensor(IMAGENET_MEAN, device=images.device).view(1, 3, 1, 1)
    std = torch.tensor(IMAGENET_STD, device=images.device).view(1, 3, 1, 1)
    return ((unit - mean) / std).contiguous(memory_format=torch.channels_last)
