"""Resizing decoded images as Pillow does: in Torch where that is the same to within one grey level, else by Pillow."""

from enum import Enum
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch.nn import functional as F

from gsv_pipeline.images.opening import RESAMPLING, Interpolation

Pixels = npt.NDArray[np.uint8]

MOST_LEVELS: Final = 1
MEAN_LEVELS: Final = 0.05
"""How far a resized image may be off Pillow's: what published weights were trained on."""
_KNOWN_SIZES: Final = 4096  # of images whose resizing was compared


class _Way(Enum):
    WIDTH_FIRST = 0
    HEIGHT_FIRST = 1
    BY_PILLOW = 2


def resize_into(out: Pixels, pixels: Pixels, *, interpolation: Interpolation) -> None:
    """Resize one image with antialiasing, aspect ratio not kept.

    Torch's bilinear kernel takes a quarter of Pillow's time. It uses the calling thread alone for one image, whatever
    `torch.set_num_threads` says, and outside the interpreter lock: many threads may call this at once. Its bicubic
    kernel is left out: where the weights overshoot, it ends two levels off Pillow.

    Args:
        out: [H, W, 3], written to.
        pixels: [height, width, 3], contiguous and writable (Torch warns of read-only memory).
        interpolation: "bilinear" or "bicubic".
    """
    if pixels.shape == out.shape:
        np.copyto(out, pixels)
        return
    old, new = pixels.shape[:2], out.shape[:2]
    way = _Way.BY_PILLOW if interpolation == "bicubic" else _way(old, new)
    resized = _by_pillow(pixels, new, interpolation) if way is _Way.BY_PILLOW else _by_torch(pixels, new, way)
    np.copyto(out, resized)


@lru_cache(_KNOWN_SIZES)
def _way(old: tuple[int, int], new: tuple[int, int]) -> _Way:
    """How Torch resizes as Pillow does, found out on noise: the same for the same sizes in every process.

    Both resize along one axis, round, and go on along the other. Pillow 13 begins with the height where that is
    quicker, earlier versions never did, and the wrong order moves every fourth value. In the right one values differ
    that lie between two levels. Where both sides shrink to four fifths many do, and some end two levels off.
    """
    noise = np.random.default_rng(0).integers(0, 256, (*old, 3), dtype=np.uint8)
    expected = _by_pillow(noise, new, "bilinear").astype(np.int16)
    for way in (_Way.WIDTH_FIRST, _Way.HEIGHT_FIRST):
        difference = np.abs(_by_torch(noise, new, way) - expected)
        if difference.max() <= MOST_LEVELS and difference.mean() <= MEAN_LEVELS:
            return way
    return _Way.BY_PILLOW


def _by_torch(pixels: Pixels, size: tuple[int, int], way: _Way) -> Pixels:
    images = torch.from_numpy(pixels).unsqueeze(0).permute(0, 3, 1, 2)  # [1, 3, h, w] in channels-last memory, a view
    sizes = [(size[0], pixels.shape[1]), size] if way is _Way.HEIGHT_FIRST else [size]
    for each in sizes:
        images = F.interpolate(images, each, mode="bilinear", antialias=True)
    resized: Pixels = images[0].permute(1, 2, 0).numpy()  # [H, W, 3]
    return resized


def _by_pillow(pixels: Pixels, size: tuple[int, int], interpolation: Interpolation) -> Pixels:
    height, width = size
    return np.asarray(Image.fromarray(pixels).resize((width, height), RESAMPLING[interpolation]))
