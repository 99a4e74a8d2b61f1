"""Sky, clouds and the far things that close a street: skyline, hill, tower, block of houses, park."""

import math
import random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gsv_pipeline.sources.demo.geometry import Camera
from gsv_pipeline.sources.demo.materials import noise
from gsv_pipeline.sources.demo.painter import Painter
from gsv_pipeline.sources.demo.palettes import Colour, blended, scaled
from gsv_pipeline.sources.demo.weather import Light

_COARSE = 3
"""Clouds are soft: the sky is computed with this many times fewer pixels each way."""


def paint_sky(camera: Camera, light: Light, rng: random.Random) -> Image.Image:
    """An image of the camera's size with the sky on it, down to its lower edge."""
    width, height = camera.width // _COARSE, camera.height // _COARSE
    above = np.clip((camera.horizon / _COARSE - np.arange(height)) / (camera.focal / _COARSE), 0.0, 2.0).astype(
        np.float32
    )
    share = np.clip(above / 0.75, 0, 1)[:, None, None] ** 0.6
    zenith, horizon = np.array(light.zenith, np.float32), np.array(light.horizon, np.float32)
    picture = np.broadcast_to(horizon + (zenith - horizon) * share, (height, width, 3)).copy()
    clouds = noise(41, 512, 6)
    rows = (rng.randrange(512) + 90 / (above + 0.22)).astype(int) % 512
    spread = 0.5 + 0.5 / (above[:, None] + 0.35)
    columns = (rng.randrange(512) + (np.arange(width) - width / 2)[None, :] * (spread * _COARSE / 2)).astype(int) % 512
    field = clouds[rows[:, None], columns] * 1.6
    amount = np.clip((field - (0.55 - 1.25 * light.cover)) * 2.4, 0, 1) * (
        0.0 if light.night and light.cover < 0.5 else 0.92
    )
    tone = np.clip(field * 0.8 + 0.45, 0, 1)[..., None]
    cloud, dark = np.array(light.cloud, np.float32), np.array(light.cloud_shade, np.float32)
    colour = dark + (cloud - dark) * tone
    fading = np.clip(above * 5 + 0.25, 0, 1)[:, None, None]
    picture += (colour - picture) * (amount[..., None] * fading)
    _add_sun(picture, camera, light)
    sky = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    return sky.resize((camera.width, camera.height), Image.Resampling.BILINEAR)


def _add_sun(picture: NDArray[np.float32], camera: Camera, light: Light) -> None:
    """A glow around the sun, if it shines and stands in front of the camera."""
    x, y, z = light.sun_direction
    turned = math.atan2(x, z) - camera.yaw
    if not light.is_sunny or math.cos(turned) < 0.3:
        return
    column = picture.shape[1] / 2 + math.tan(turned) * camera.focal / _COARSE
    row = camera.horizon / _COARSE - y / math.hypot(x, z) * camera.focal / _COARSE / math.cos(turned)
    rows, columns = np.ogrid[0 : picture.shape[0], 0 : picture.shape[1]]
    distance = np.hypot(rows - row, columns - column)
    glow = 0.75 * np.exp(-distance * _COARSE / 52) + 0.9 * np.exp(-((distance * _COARSE / 10) ** 2))
    picture += (np.array((255, 244, 214), np.float32) - picture) * np.clip(glow, 0, 1)[..., None].astype(np.float32)


def paint_distance(painter: Painter, *, closing: str, length: float, seed: int) -> None:
    """What stands behind the houses: a skyline all round, and whatever closes this street."""
    rng = random.Random(seed)
    haze = (132, 142, 152)
    if closing == "hill":
        _paint_hill(painter, rng, haze)
    _paint_skyline(painter, rng, haze)
    if closing == "tower":
        _paint_tower(painter, rng, length)
    elif closing == "trees":
        _paint_park(painter, rng, length)


def _paint_hill(painter: Painter, rng: random.Random, haze: Colour) -> None:
    middle, high = rng.uniform(-150, 150), rng.uniform(70, 130)
    points = [
        (x, high * math.exp(-(((x - middle) / 260) ** 2)) + 6 * math.sin(x / 37), 600.0) for x in range(-900, 901, 60)
    ]
    colour = (214, 218, 224) if painter.light.snow else blended((84, 112, 74), haze, 0.35)
    painter.polygon([(900, 0, 600), (-900, 0, 600), *points], colour, normal=(0, 0.6, -0.8))


def _paint_skyline(painter: Painter, rng: random.Random, haze: Colour) -> None:
    points, x = [], -420.0
    while x < 420:
        width, high = rng.uniform(10, 26), rng.uniform(9, 24)
        points += [
            (x, high, 260.0),
            (x + width * 0.5, high + rng.choice((0.0, 0.0, 4.0)), 260.0),
            (x + width, high, 260.0),
        ]
        x += width
    painter.polygon([(420, 0, 260), (-420, 0, 260), *points], blended((120, 112, 106), haze, 0.5), normal=(0, 0, -1))


def _paint_tower(painter: Painter, rng: random.Random, length: float) -> None:
    x, z = rng.uniform(-8, 8), length + 45
    half, high = rng.uniform(3, 4.5), rng.uniform(24, 34)
    stone: Colour = rng.choice(((186, 172, 148), (164, 120, 98), (172, 172, 170)))
    painter.box((x - 16, 0, z + 4), (x + 16, 12, z + 12), scaled(stone, 0.92))
    painter.box((x - half, 0, z), (x + half, high, z + 2 * half), stone)
    tip = (x, high + rng.uniform(8, 15), z + half)
    roof: Colour = (226, 230, 236) if painter.light.snow else rng.choice(((86, 116, 104), (84, 84, 94), (132, 70, 54)))
    for start, end, normal in (
        ((x - half, z), (x + half, z), (0.0, 0.4, -0.9)),
        ((x - half, z + 2 * half), (x - half, z), (-0.9, 0.4, 0.0)),
        ((x + half, z), (x + half, z + 2 * half), (0.9, 0.4, 0.0)),
    ):
        painter.polygon([(start[0], high, start[1]), (end[0], high, end[1]), tip], roof, normal=normal)
    for level in (high - 5, high - 12):
        painter.polygon(
            [
                (x - 1, level, z - 0.1),
                (x + 1, level, z - 0.1),
                (x + 1, level + 3, z - 0.1),
                (x - 1, level + 3, z - 0.1),
            ],
            (64, 66, 72),
            normal=(0, 0, -1),
            shine=(120, 100, 60),
        )


def _paint_park(painter: Painter, rng: random.Random, length: float) -> None:
    leaf: Colour = (206, 212, 214) if painter.light.snow else (70, 100, 60)
    for _ in range(26):
        x, z, size = rng.uniform(-30, 30), length + rng.uniform(8, 26), rng.uniform(2.5, 5)
        ring = [
            (x + size * math.cos(turn * math.pi / 5), size * 1.1 + size * math.sin(turn * math.pi / 5), z)
            for turn in range(10)
        ]
        painter.polygon(ring, scaled(leaf, rng.uniform(0.75, 1.2)), normal=(0, 0.5, -0.8))
