"""RandAugment's operations on tone for a batch: [B, 3, H, W] uint8 and magnitudes [B, 1, 1, 1] -> [B, 3, H, W] uint8.

Nothing here reads a value back from the device, and each image depends on itself alone.
"""

from collections.abc import Callable, Mapping
from typing import Final

import torch
from torch import Tensor

from gsv_pipeline.training.augmentation.plan import Operation

_LEVELS: Final = 256
_TOP: Final = 255


def _brightness(images: Tensor, magnitude: Tensor) -> Tensor:
    return (images * (1.0 + magnitude)).clamp_(0, _TOP).to(torch.uint8)


def _color(images: Tensor, magnitude: Tensor) -> Tensor:
    return _blend(images, _grey(images), ratio=1.0 + magnitude)


def _contrast(images: Tensor, magnitude: Tensor) -> Tensor:
    # Whole numbers add up to the same sum in any order, so the mean does not depend on the batch.
    total = _grey(images).to(torch.int32).sum(dim=(1, 2, 3), keepdim=True)
    mean = (total.double() / (images.shape[2] * images.shape[3])).float()
    return _blend(images, mean, ratio=1.0 + magnitude)


def _sharpness(images: Tensor, magnitude: Tensor) -> Tensor:
    if min(images.shape[2:]) <= 2:
        return images
    inside = images[..., 1:-1, 1:-1]
    wide = images.to(torch.int16)
    rows = wide[..., :-2, :] + wide[..., 1:-1, :] + wide[..., 2:, :]
    total = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:] + 4 * inside.to(torch.int16)
    smooth = (total.float() / 13.0).round_()  # ones around a five, over thirteen
    sharpened = images.clone()
    sharpened[..., 1:-1, 1:-1] = _blend(inside, smooth, ratio=1.0 + magnitude)
    return sharpened


def _posterize(images: Tensor, magnitude: Tensor) -> Tensor:
    step = torch.exp2(8.0 - magnitude)
    return (torch.floor(images / step) * step).to(torch.uint8)


def _solarize(images: Tensor, magnitude: Tensor) -> Tensor:
    return torch.where(images >= magnitude, _TOP - images, images)


def _auto_contrast(images: Tensor, magnitude: Tensor) -> Tensor:
    low, high = (images.amin(dim=(2, 3), keepdim=True).float(), images.amax(dim=(2, 3), keepdim=True).float())
    is_flat = low == high
    scale = torch.where(is_flat, 1.0, (high - low) * (1.0 / _TOP))
    return ((images - torch.where(is_flat, 0.0, low)) / scale).clamp_(0, _TOP).to(torch.uint8)


def _equalize(images: Tensor, magnitude: Tensor) -> Tensor:
    levels = images.flatten(2).long()  # [B, 3, H*W]
    ones = torch.ones((), dtype=torch.int32, device=images.device).expand_as(levels)
    counts = torch.zeros(*levels.shape[:2], _LEVELS, dtype=torch.int32, device=images.device)
    counts.scatter_add_(2, levels, ones)
    brightest = counts.gather(2, levels.amax(dim=2, keepdim=True))
    step = (levels.shape[2] - brightest) // _TOP  # [B, 3, 1]
    below = counts.cumsum(dim=2) - counts
    equalized = ((below + step // 2) // step.clamp(min=1)).clamp_(max=_TOP)
    unchanged = torch.arange(_LEVELS, device=images.device)
    tables = torch.where(step == 0, unchanged, equalized).to(torch.uint8)
    return tables.gather(2, levels).view(images.shape)


def _grey(images: Tensor) -> Tensor:
    """Luma in whole levels, [B, 1, H, W] float32."""
    red, green, blue = images[:, 0:1], images[:, 1:2], images[:, 2:3]
    return (red * 0.2989).add_(green, alpha=0.587).add_(blue, alpha=0.114).floor_()


def _blend(images: Tensor, other: Tensor, *, ratio: Tensor) -> Tensor:
    """`ratio` parts of `images` and the rest of `other`; beyond 1 away from `other`."""
    return (images * ratio).addcmul_(other, 1.0 - ratio).clamp_(0, _TOP).to(torch.uint8)


DEVICE_OPERATIONS: Final[Mapping[Operation, Callable[[Tensor, Tensor], Tensor]]] = {
    Operation.BRIGHTNESS: _brightness,
    Operation.COLOR: _color,
    Operation.CONTRAST: _contrast,
    Operation.SHARPNESS: _sharpness,
    Operation.POSTERIZE: _posterize,
    Operation.SOLARIZE: _solarize,
    Operation.AUTO_CONTRAST: _auto_contrast,
    Operation.EQUALIZE: _equalize,
}
