"""RandAugment by torchvision, one image and one operation after the other: slow, and what the others must equal."""

import math
from typing import Final

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as tv

from gsv_pipeline.training.augmentation.plan import Operation, Plan

_BILINEAR: Final = InterpolationMode.BILINEAR


def apply_plain(images: Tensor, plan: Plan, *, out: Tensor | None = None) -> Tensor:
    """Carry out a plan with torchvision.

    Args:
        images: [B, 3, H, W] uint8.
        plan: Of B rows.
        out: Where to write, of the shape of `images`; may be `images`. A new tensor in their memory format if None.

    Returns:
        [B, 3, H, W] uint8.
    """
    changed = torch.empty_like(images) if out is None else out
    for row, (operations, magnitudes) in enumerate(zip(plan.operations, plan.magnitudes, strict=True)):
        image = images[row].contiguous()
        for operation, magnitude in zip(operations.tolist(), magnitudes.tolist(), strict=True):
            image = apply_one(image, Operation(operation), magnitude=magnitude)
        changed[row] = image
    return changed


def apply_one(image: Tensor, operation: Operation, *, magnitude: float) -> Tensor:
    """One operation on one image; [3, H, W] uint8 in and out."""
    match operation:
        case Operation.IDENTITY:
            return image
        case Operation.BRIGHTNESS:
            changed = tv.adjust_brightness(image, 1.0 + magnitude)
        case Operation.COLOR:
            changed = tv.adjust_saturation(image, 1.0 + magnitude)
        case Operation.CONTRAST:
            changed = tv.adjust_contrast(image, 1.0 + magnitude)
        case Operation.SHARPNESS:
            changed = tv.adjust_sharpness(image, 1.0 + magnitude)
        case Operation.POSTERIZE:
            changed = tv.posterize(image, int(magnitude))
        case Operation.SOLARIZE:
            changed = tv.solarize(image, magnitude)
        case Operation.AUTO_CONTRAST:
            changed = tv.autocontrast(image)
        case Operation.EQUALIZE:
            changed = tv.equalize(image)
        case _:
            changed = _moved(image, operation, magnitude)
    assert isinstance(changed, torch.Tensor)
    return changed


def _moved(image: Tensor, operation: Operation, magnitude: float) -> Tensor:
    if operation is Operation.ROTATE:
        rotated: Tensor = tv.rotate(image, magnitude, interpolation=_BILINEAR)
        return rotated
    degrees, pixels = math.degrees(math.atan(magnitude)), int(magnitude)
    shear = {Operation.SHEAR_X: [degrees, 0.0], Operation.SHEAR_Y: [0.0, degrees]}.get(operation)
    moved: Tensor = tv.affine(
        image,
        angle=0.0,
        translate={Operation.TRANSLATE_X: [pixels, 0], Operation.TRANSLATE_Y: [0, pixels]}.get(operation, [0, 0]),
        scale=1.0,
        shear=shear or [0.0, 0.0],
        interpolation=_BILINEAR,
        # AutoAugment shears about the upper left corner.
        center=[0.0, 0.0] if shear else None,
    )
    return moved
