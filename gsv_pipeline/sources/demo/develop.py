"""From the painted scene to the photograph: night, rain and snow in the air, exposure, colour, noise, JPEG."""

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from gsv_pipeline.sources.demo.weather import Conditions, Light

Pixels = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Film:
    """How a camera renders light: factors around 1, `tint` towards red (positive) or blue."""

    exposure: float
    tint: float
    green: float
    saturation: float
    contrast: float
    grain: float
    softness: float


def draw_film(rng: random.Random, conditions: Conditions) -> Film:
    """A random camera in a random mood; darker and noisier at night."""
    night = conditions.hour == "night"
    return Film(
        exposure=rng.uniform(0.88, 1.35),
        tint=rng.uniform(-0.13, 0.13),
        green=rng.uniform(-0.03, 0.03),
        saturation=rng.uniform(0.6, 1.3),
        contrast=rng.uniform(0.8, 1.2),
        grain=rng.uniform(5, 9) if night else rng.uniform(1.0, 4.5),
        softness=rng.choice((0.0, 0.0, 0.0, rng.uniform(0.3, 0.8))),
    )


def light_up(scene: Image.Image, glow: Image.Image, *, sky_rows: float) -> Image.Image:
    """Night: the scene in the dark, lit by what shines, with a halo around the lamps."""
    dark = np.asarray(scene, np.float32)
    small = glow.reduce(4)
    halo = np.asarray(
        small.filter(ImageFilter.GaussianBlur(5)).resize(glow.size, Image.Resampling.BILINEAR), np.float32
    )
    wide = np.asarray(
        small.reduce(2).filter(ImageFilter.GaussianBlur(11)).resize(glow.size, Image.Resampling.BILINEAR), np.float32
    )
    below = np.clip((np.arange(dark.shape[0]) - sky_rows) / 60 + 0.75, 0.35, 1.0).astype(np.float32)[:, None, None]
    lamp_light = 0.46 + 0.011 * wide * below + np.array((0.05, 0.02, 0.0), np.float32)
    shining = np.asarray(glow, np.float32)
    picture = dark * lamp_light * np.array((0.92, 0.94, 1.06), np.float32) + shining * 0.95 + halo * 0.5
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def add_precipitation(photo: Image.Image, light: Light, rng: random.Random) -> None:
    """Rain streaks or snowflakes in the air, drawn onto the photograph."""
    if not (light.wet or light.snow):
        return
    width, height = 2 * photo.width, 2 * photo.height  # reduced in the end, for soft edges
    layer = Image.new("L", (width, height))
    draw = ImageDraw.Draw(layer)
    if light.wet:
        slant = rng.uniform(-2, 2)
        for _ in range(rng.randint(40, 110)):
            x, y, long = rng.uniform(0, width), rng.uniform(-8, height), rng.uniform(10, 30)
            draw.line((x, y, x + slant * long / 12, y + long), rng.randint(60, 170))
    else:
        for _ in range(rng.randint(60, 220)):
            x, y, size = rng.uniform(0, width), rng.uniform(0, height), rng.choice((0.8, 1.1, 1.5, 2.0, 3.2))
            draw.ellipse((x - size, y - size, x + size, y + size), rng.randint(120, 235))
    photo.paste((208, 214, 222) if light.wet else (246, 248, 252), (0, 0), layer.reduce(2))


def develop(photo: Image.Image, film: Film, *, seed: int) -> Image.Image:
    """Exposure, tint, saturation, contrast, a soft lens, darker corners and grain."""
    if film.softness:
        photo = photo.filter(ImageFilter.GaussianBlur(film.softness))
    picture = np.asarray(photo, np.float32) * (1 / 255)
    grey = picture @ np.array((0.299, 0.587, 0.114), np.float32)
    picture = grey[..., None] + (picture - grey[..., None]) * np.float32(film.saturation)
    gain = film.exposure * np.array((1 + film.tint, 1 + film.green, 1 - film.tint), np.float32)
    picture = (picture - 0.5) * np.float32(film.contrast) + 0.5
    picture = _shoulder(picture * gain * _vignette(photo.size)[..., None])
    noise = np.random.default_rng(seed).standard_normal((photo.height, photo.width), np.float32)
    picture = picture * 255 + film.grain * noise[..., None]
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def _shoulder(picture: Pixels) -> Pixels:
    """Bright values roll off instead of being cut."""
    over = np.maximum(picture - 0.8, 0)
    rolled: Pixels = np.minimum(picture, 0.8) + 0.2 * (1 - np.exp(-over / 0.2))
    return rolled


def _vignette(size: tuple[int, int]) -> Pixels:
    rows, columns = np.ogrid[-1 : 1 : size[1] * 1j, -1 : 1 : size[0] * 1j]
    factors: Pixels = (1 - 0.09 * (rows**2 + columns**2)).astype(np.float32)
    return factors
