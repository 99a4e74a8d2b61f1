"""From stored uint8 images to what a backbone expects."""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)

_TOP: Final = 255.0


def to_channels_first(images: Tensor) -> Tensor:
    """[B, H, W, 3] uint8 -> [B, 3, H, W] uint8 in channels-last memory: a view, nothing is copied."""
    return images.permute(0, 3, 1, 2)


def normalise(images: Tensor) -> Tensor:
    """Subtract ImageNet's mean and divide by its deviation, in one multiply-add.

    Args:
        images: [B, 3, H, W]; uint8 in 0..255 or float in [0, 1].

    Returns:
        [B, 3, H, W] float32 in channels-last memory.
    """
    is_bytes = images.dtype == torch.uint8
    scale = _per_channel([1.0 / (deviation * (_TOP if is_bytes else 1.0)) for deviation in IMAGENET_STD], images.device)
    offset = _per_channel(
        [-mean / deviation for mean, deviation in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)], images.device
    )
    # uint8 as it is: the kernel converts what it reads, so no float copy of the images is written.
    pixels = torch.addcmul(offset, images if is_bytes else images.float(), scale)
    return pixels.contiguous(memory_format=torch.channels_last)


def normalise_plainly(images: Tensor) -> Tensor:
    """`normalise` one operation after the other and in channels-first memory, as the reference does."""
    unit = images.float() / _TOP if images.dtype == torch.uint8 else images.float()
    mean = torch.tensor(IMAGENET_MEAN, device=images.device).view(1, 3, 1, 1)
    deviation = torch.tensor(IMAGENET_STD, device=images.device).view(1, 3, 1, 1)
    return ((unit - mean) / deviation).contiguous()


def _per_channel(values: Sequence[float], device: torch.device) -> Tensor:
    """[1, C, 1, 1]. Filled on the device, since a copy from the host would wait for everything queued there."""
    return torch.stack([torch.full((), value, device=device) for value in values]).view(1, -1, 1, 1)
