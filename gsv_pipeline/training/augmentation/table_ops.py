"""RandAugment on a CPU: 256-entry tables and shifted rows, one image at a time so that it stays in the cache.

Every operation takes and returns uint8 planes [3, H, W]. Pillow looks tables up and counts levels: it is quicker at
both than NumPy and torch, and lets other threads run meanwhile.
"""

import math
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from gsv_pipeline.training.augmentation.plan import Operation, Plan
from gsv_pipeline.training.augmentation.table_moves import rotate, shear_x, shear_y, translate

Planes = npt.NDArray[np.uint8]
Tables = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

_LEVELS: Final = 256
_TOP: Final = 255
_LUMA: Final = (0.2989, 0.587, 0.114)  # of red, green and blue; torchvision's


def apply_tables(images: Tensor, plan: Plan, *, out: Tensor | None = None) -> Tensor:
    """Carry out a plan on the CPU.

    Args:
        images: [B, 3, H, W] uint8; quickest where contiguous.
        plan: Of B rows.
        out: Where to write, of the shape of `images`; may be `images`. A new tensor in their memory format if None.

    Returns:
        [B, 3, H, W] uint8.
    """
    result = torch.empty_like(images) if out is None else out
    pixels, changed = images.numpy(), result.numpy()
    for row, (operations, magnitudes) in enumerate(zip(plan.operations, plan.magnitudes, strict=True)):
        planes = np.ascontiguousarray(pixels[row])
        for operation, magnitude in zip(operations.tolist(), magnitudes.tolist(), strict=True):
            planes = TABLE_OPERATIONS[Operation(operation)](planes, magnitude)
        for channel in range(3):  # four times as quick into channels-last memory as all channels at once
            changed[row, channel] = planes[channel]
    return result


def _brightness(planes: Planes, magnitude: float) -> Planes:
    levels = np.arange(_LEVELS, dtype=np.float32) * np.float32(1.0 + magnitude)
    return _look_up(planes, np.minimum(levels, _TOP).astype(np.uint8))


def _color(planes: Planes, magnitude: float) -> Planes:
    return _away(planes, _grey(planes).astype(np.int16), strength=magnitude)


def _contrast(planes: Planes, magnitude: float) -> Planes:
    # Whole numbers, and a row of them is exact in float32; so the mean is the same on every machine.
    mean = _grey(planes).sum(axis=1).mean(dtype=np.float64) / planes.shape[2]
    levels = np.arange(_LEVELS, dtype=np.float32) * np.float32(1.0 + magnitude) - np.float32(mean * magnitude)
    return _look_up(planes, np.clip(levels, 0, _TOP).astype(np.uint8))


def _sharpness(planes: Planes, magnitude: float) -> Planes:
    if min(planes.shape[1:]) <= 2:
        return planes
    return np.stack([_sharpened(plane, magnitude) for plane in planes])


def _sharpened(plane: Planes, magnitude: float) -> Planes:
    """Away from Pillow's smoothing (ones around a five, over thirteen), but for the border; [H, W].

    Rows are one long line, which is quicker; what a window catches across two rows falls on the border, which stays.
    """
    height, width = plane.shape
    wide = plane.astype(np.int16)
    rows = wide[:-2] + wide[1:-1]
    rows += wide[2:]
    line, centre = rows.reshape(-1), plane[1:-1].reshape(-1)[1:-1]
    smooth = line[:-2] + line[1:-1]
    smooth += line[2:]
    smooth += wide[1:-1].reshape(-1)[1:-1] * np.int16(4)
    smooth += np.int16(6)
    smooth //= np.int16(13)  # to the nearest level, after the six
    inside = np.empty((height - 2, width), dtype=np.uint8)
    inside.reshape(-1)[1:-1] = _away(centre, smooth, strength=magnitude)
    sharpened = plane.copy()
    sharpened[1:-1, 1:-1] = inside[:, 1:-1]
    return sharpened


def _posterize(planes: Planes, magnitude: float) -> Planes:
    return planes & np.uint8(_TOP << (8 - int(magnitude)) & _TOP)


def _solarize(planes: Planes, magnitude: float) -> Planes:
    # 255 - x has every bit of x flipped; minus one is all bits. `np.where` takes ten times as long, and so does a
    # comparison with a fraction.
    chosen = np.negative((planes >= np.uint8(math.ceil(magnitude))).view(np.uint8))
    return planes ^ chosen


def _auto_contrast(planes: Planes, magnitude: float) -> Planes:
    flat = planes.reshape(3, -1)
    low, high = (level.astype(np.float32)[:, None] for level in (flat.min(axis=1), flat.max(axis=1)))
    levels = np.arange(_LEVELS, dtype=np.float32)
    scale = np.where(low < high, (high - low) * np.float32(1.0 / _TOP), np.float32(1.0))
    stretched = np.clip((levels - low) / scale, 0, _TOP)
    return _look_up_each(planes, np.where(low < high, stretched, levels).astype(np.uint8))


def _equalize(planes: Planes, magnitude: float) -> Planes:
    counts = np.array([_view(plane).histogram() for plane in planes])  # [3, 256]
    below = np.cumsum(counts, axis=1) - counts
    brightest = planes.reshape(3, -1).max(axis=1)
    step = (planes[0].size - counts[np.arange(3), brightest, None]) // _TOP  # [3, 1]
    equalized = np.minimum((below + step // 2) // np.maximum(step, 1), _TOP)
    return _look_up_each(planes, np.where(step == 0, np.arange(_LEVELS), equalized).astype(np.uint8))


def _grey(planes: Planes) -> Floats:
    """Luma in whole levels, [H, W]."""
    grey = np.zeros(planes.shape[1:], dtype=np.float32)
    for plane, weight in zip(planes, _LUMA, strict=True):
        part = plane.astype(np.float32)  # quicker than a product of uint8 and float32
        part *= np.float32(weight)
        grey += part
    return np.floor(grey, out=grey)


def _away(planes: Planes, other: npt.NDArray[np.int16], *, strength: float) -> Planes:
    """Move by `strength` of the distance away from `other`, towards it where negative; in 16-bit fixed point."""
    if strength == 0.0:
        return planes
    # As many bits behind the point as the largest distance leaves room for.
    bits = min(int(math.log2(np.iinfo(np.int16).max / (_TOP * abs(strength)))), 14)
    moved = planes - other
    moved *= np.int16(round(strength * 2**bits))
    moved >>= np.int16(bits)
    moved += planes
    return np.clip(moved, 0, _TOP, out=moved).astype(np.uint8)


def _look_up_each(planes: Planes, tables: Tables) -> Planes:
    """A table for each plane; [3, 256]."""
    changed = np.empty_like(planes)
    for plane, table, out in zip(planes, tables, changed, strict=True):
        out[...] = _look_up(plane, table)
    return changed


def _look_up(planes: Planes, table: Tables) -> Planes:
    pixels: Planes = np.asarray(_view(planes).point(table.tolist()))
    return pixels.reshape(planes.shape)


def _view(planes: Planes) -> Image.Image:
    """Planes below each other as one grey image; nothing is copied."""
    return Image.frombuffer("L", (planes.shape[-1], planes.size // planes.shape[-1]), planes, "raw", "L", 0, 1)


TABLE_OPERATIONS: Final[Mapping[Operation, Callable[[Planes, float], Planes]]] = {
    Operation.IDENTITY: lambda planes, magnitude: planes,
    Operation.SHEAR_X: shear_x,
    Operation.SHEAR_Y: shear_y,
    Operation.TRANSLATE_X: lambda planes, magnitude: translate(planes, right=int(magnitude)),
    Operation.TRANSLATE_Y: lambda planes, magnitude: translate(planes, down=int(magnitude)),
    Operation.ROTATE: rotate,
    Operation.BRIGHTNESS: _brightness,
    Operation.COLOR: _color,
    Operation.CONTRAST: _contrast,
    Operation.SHARPNESS: _sharpness,
    Operation.POSTERIZE: _posterize,
    Operation.SOLARIZE: _solarize,
    Operation.AUTO_CONTRAST: _auto_contrast,
    Operation.EQUALIZE: _equalize,
}
