"""The affine operations on a CPU: [3, H, W] uint8 in and out, black where nothing was.

Translations copy, shears shift rows; only a rotation needs a warp. Composing them would save little of that and would
smooth less than torchvision does, so they run one after the other.
"""

import math
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

Planes = npt.NDArray[np.uint8]

_ONE: Final = 256  # a whole pixel in fixed point: 8 bits of weight and 8 of grey level fit 16


def translate(planes: Planes, *, right: int = 0, down: int = 0) -> Planes:
    """Move by whole pixels."""
    moved = np.zeros_like(planes)
    height, width = planes.shape[1:]
    to_rows, from_rows = _overlap(down, height)
    to_columns, from_columns = _overlap(right, width)
    moved[:, to_rows, to_columns] = planes[:, from_rows, from_columns]
    return moved


def shear_x(planes: Planes, tangent: float) -> Planes:
    """Shift row y to the left by `tangent * (y + 0.5)`, between two pixels linearly in fixed point."""
    height = planes.shape[1]
    shift = tangent * (np.arange(height) + 0.5)
    whole = np.floor(shift).astype(np.int64)
    right_weight = np.rint((shift - whole) * _ONE).astype(np.uint16)[:, None]  # [H, 1]
    both = _shifted_rows(planes, whole)  # [3, H, W+1]
    blended = np.multiply(both[..., :-1], _ONE - right_weight, dtype=np.uint16)
    blended += np.multiply(both[..., 1:], right_weight, dtype=np.uint16)
    blended += _ONE // 2
    blended >>= 8
    sheared: Planes = blended.astype(np.uint8)
    return sheared


def shear_y(planes: Planes, tangent: float) -> Planes:
    """Shift column x upwards by `tangent * (x + 0.5)`."""
    return np.ascontiguousarray(shear_x(planes.transpose(0, 2, 1), tangent).transpose(0, 2, 1))


def rotate(planes: Planes, degrees: float) -> Planes:
    """Turn about the centre, anticlockwise."""
    if degrees == 0.0:
        return planes
    pixels = torch.from_numpy(planes.astype(np.float32))[None]
    grid = _turned_grid(*planes.shape[1:], degrees)
    turned: npt.NDArray[np.float32] = F.grid_sample(pixels, grid, align_corners=False)[0].numpy()
    return np.rint(turned, out=turned).astype(np.uint8)


@lru_cache(maxsize=4)  # a run has one size and one angle in two directions
def _turned_grid(height: int, width: int, degrees: float) -> Tensor:
    """Where each pixel comes from, in half sides from the centre as `grid_sample` counts; [1, H, W, 2], only read."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = torch.arange(width) - (width - 1) / 2, torch.arange(height)[:, None] - (height - 1) / 2
    across, down = cosine * x - sine * y, sine * x + cosine * y
    return torch.stack([across / (width / 2), down / (height / 2)], dim=-1)[None]


def _shifted_rows(planes: Planes, whole: npt.NDArray[np.int64]) -> Planes:
    """W + 1 pixels of each row from column `whole` [H] on, black beyond the image; [3, H, W+1]."""
    _, height, width = planes.shape
    margin = int(np.abs(whole).max()) + 1
    stride = width + 2 * margin
    padded = np.zeros((3, height, stride), dtype=np.uint8)
    padded[..., margin : margin + width] = planes
    starts = np.arange(3 * height).reshape(3, height) * stride + margin + whole
    taken: Planes = np.lib.stride_tricks.sliding_window_view(padded.reshape(-1), width + 1)[starts]
    return taken


def _overlap(offset: int, side: int) -> tuple[slice, slice]:
    """Where pixels land and where they come from, along one side."""
    kept = max(side - abs(offset), 0)
    to, origin = max(offset, 0), max(-offset, 0)
    return slice(to, to + kept), slice(origin, origin + kept)
