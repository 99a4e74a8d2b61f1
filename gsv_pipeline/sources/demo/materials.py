"""Seamless grey tiles for walls and ground, made of noise and lines. Everything is computed once per process."""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TILE_M: Final = 8.0
"""Side of a tile in metres."""

FULL_SCALE: Final = 32
"""Pixels per metre of the sharpest tile."""

_UNIT: Final = 127.0
"""The byte that stands for the factor 1."""

_SIDE: Final = int(TILE_M * FULL_SCALE)


@lru_cache(maxsize=16)
def noise(seed: int, side: int = _SIDE, octaves: int = 5) -> NDArray[np.float32]:
    """Smooth seamless noise in [-1, 1], `[side, side]`, coarse and fine waves added up."""
    rng = np.random.default_rng(seed)
    total = np.zeros((side, side), np.float32)
    for octave in range(octaves):
        cells = 4 << octave
        grid = np.pad(rng.standard_normal((cells, cells)).astype(np.float32), 2, mode="wrap")
        step = side / cells
        box = (2.0, 2.0, 2.0 + cells, 2.0 + cells)
        layer = Image.fromarray(grid).resize((side, side), Image.Resampling.BICUBIC, box=box)
        total += np.asarray(layer) * (step / side) ** 0.5
    waves: NDArray[np.float32] = (total / np.abs(total).max()).astype(np.float32)
    return waves


def _courses(height: int, length: int, *, joint: float, spread: float, seed: int) -> NDArray[np.float32]:
    """Bricks or stones of `height` × `length` pixels in running bond: a tone each, darker or lighter joints."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:_SIDE, 0:_SIDE]
    course = rows // height
    shifted = columns + (course % 2) * (length // 2)
    tones = rng.normal(1.0, spread, (_SIDE // height + 1, _SIDE // length + 1)).astype(np.float32)
    tile: NDArray[np.float32] = tones[course, (shifted % _SIDE) // length]
    tile[(rows % height == 0) | (shifted % length == 0)] = joint
    return tile


def _boards(height: int) -> NDArray[np.float32]:
    ramp = np.linspace(1.06, 0.96, height, dtype=np.float32)
    ramp[-1] = 0.72
    return np.tile(ramp, _SIDE // height)[:, None].repeat(_SIDE, axis=1)


@lru_cache(maxsize=64)
def wall_tile(material: str, scale: int) -> NDArray[np.float32]:
    """Brightness factors around 1 of a wall `material`, `[8·scale, 8·scale]`, at 32, 16 or 8 pixels per metre."""
    if scale < FULL_SCALE:
        small: NDArray[np.float32] = (
            wall_tile(material, scale * 2).reshape(int(TILE_M * scale), 2, -1, 2).mean(axis=(1, 3))
        )
        return small
    if material == "brick":
        tile = _courses(4, 8, joint=1.16, spread=0.08, seed=11)
    elif material == "stone":
        tile = _courses(16, 32, joint=0.82, spread=0.04, seed=12)
    elif material == "panel":
        tile = _courses(64, 64, joint=0.7, spread=0.03, seed=13)
    elif material == "board":
        tile = _boards(8)
    elif material == "slabs":
        tile = _courses(16, 16, joint=0.78, spread=0.05, seed=14)
    elif material == "cobbles":
        tile = _courses(8, 8, joint=0.68, spread=0.1, seed=15)
    else:
        tile = np.ones((_SIDE, _SIDE), np.float32)
    grain = np.random.default_rng(16).normal(0, 0.03, (_SIDE, _SIDE)).astype(np.float32)
    return tile * (1 + 0.09 * noise(17)) + grain


def tiled(
    tile: NDArray[np.float32], height: int, width: int, *, shift: tuple[int, int] = (0, 0)
) -> NDArray[np.float32]:
    """The tile repeated over `[height, width]`, starting `shift` rows and columns into it."""
    rolled = np.roll(tile, (-shift[0], -shift[1]), axis=(0, 1))
    repeats = (-(-height // tile.shape[0]), -(-width // tile.shape[1]))
    return np.tile(rolled, repeats)[:height, :width]


def painted(shade: NDArray[np.float32], colour: tuple[int, int, int]) -> Image.Image:
    """An RGB image of `colour` times the brightness factors `[H, W]`, which may reach 2."""
    grey = Image.fromarray((shade * _UNIT).astype(np.uint8))
    red, green, blue = (channel / _UNIT for channel in colour)
    return Image.merge("RGB", (grey, grey, grey)).convert("RGB", (red, 0, 0, 0, 0, green, 0, 0, 0, 0, blue, 0))
