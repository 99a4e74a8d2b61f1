"""Tree pictures with transparent background for each kind and season, drawn once per process."""

import math
import random
from functools import lru_cache
from typing import Final

from PIL import Image, ImageDraw, ImageFilter

from gsv_pipeline.sources.demo.palettes import Colour, scaled, varied

TREE_KINDS: Final = 5
_WIDTH: Final = 200
_HEIGHT: Final = 260

_LEAVES: Final[dict[str, tuple[Colour, ...]]] = {
    "spring": ((118, 156, 62), (138, 170, 84), (198, 158, 178)),
    "summer": ((62, 112, 48), (74, 124, 54), (54, 100, 52)),
    "autumn": ((196, 118, 44), (180, 84, 40), (206, 162, 60)),
}
_CONIFER: Final = (44, 78, 52)


@lru_cache(maxsize=64)
def tree(kind: int, season: str, *, snow: bool) -> Image.Image:
    """An RGBA picture of a tree, its foot in the middle of the lower edge.

    Args:
        kind: 0 to `TREE_KINDS` - 1; the last one is a conifer, green all year.
        season: See `Conditions.season`.
        snow: White on the branches.
    """
    rng = random.Random(f"tree {kind}")
    image = Image.new("RGBA", (_WIDTH, _HEIGHT), (96, 110, 84, 0))
    if kind == TREE_KINDS - 1:
        _paint_conifer(image, rng, snow=snow)
    elif season == "winter":
        _paint_branches(image, rng, depth=6)
    else:
        _paint_branches(image, rng, depth=3)
        _paint_crown(image, rng, _LEAVES[season][kind % 3])
    if snow and kind != TREE_KINDS - 1:
        _whiten(image)
    return image


def _paint_branches(image: Image.Image, rng: random.Random, *, depth: int) -> None:
    draw = ImageDraw.Draw(image)
    bark = varied((86, 70, 58), rng)

    def grow(x: float, y: float, angle: float, length: float, width: float, left: int) -> None:
        end_x, end_y = x + length * math.sin(angle), y - length * math.cos(angle)
        draw.line((x, y, end_x, end_y), (*bark, 255), max(1, round(width)))
        if left:
            for turn in (-rng.uniform(0.25, 0.6), rng.uniform(0.25, 0.6), rng.uniform(-0.15, 0.15)):
                grow(end_x, end_y, angle + turn, length * rng.uniform(0.62, 0.78), width * 0.62, left - 1)

    draw.rectangle((_WIDTH / 2 - 5, _HEIGHT - 110, _WIDTH / 2 + 5, _HEIGHT), (*bark, 255))
    grow(_WIDTH / 2, _HEIGHT - 100, 0.0, 46.0, 8.0, min(depth, 5))


def _paint_crown(image: Image.Image, rng: random.Random, leaf: Colour) -> None:
    draw = ImageDraw.Draw(image)
    wide, high = rng.uniform(58, 78), rng.uniform(62, 84)
    middle = _HEIGHT - 100 - high * 0.72
    for layer, tone in ((0, 0.62), (1, 0.82), (2, 1.0), (3, 1.18)):
        for _ in range((60, 60, 60, 34)[layer]):
            angle, reach = rng.uniform(0, 2 * math.pi), math.sqrt(rng.random()) * (0.98 - 0.12 * layer)
            x = _WIDTH / 2 + math.cos(angle) * reach * wide - 4 * layer
            y = middle + math.sin(angle) * reach * high - 7 * layer
            size = rng.uniform(6, 15)
            draw.ellipse(
                (x - size, y - size * 0.8, x + size, y + size * 0.8), (*varied(scaled(leaf, tone), rng, 5), 255)
            )


def _paint_conifer(image: Image.Image, rng: random.Random, *, snow: bool) -> None:
    draw = ImageDraw.Draw(image)
    draw.rectangle((_WIDTH / 2 - 6, _HEIGHT - 40, _WIDTH / 2 + 6, _HEIGHT), (84, 68, 54, 255))
    for step in range(13):
        reach, y = 66 * (1 - step / 13), _HEIGHT - 34 - step * 16.5
        for piece in range(max(2, int(reach / 5))):
            x = _WIDTH / 2 - reach + 2 * reach * (piece + 0.5) / max(2, int(reach / 5))
            tone = varied(scaled(_CONIFER, 0.85 + 0.025 * step), rng, 7)
            draw.polygon([(x, y - 34), (x - 9, y + rng.uniform(0, 8)), (x + 9, y + rng.uniform(0, 8))], (*tone, 255))
            if snow:
                draw.polygon([(x, y - 34), (x - 5, y - 16), (x + 5, y - 16)], (228, 232, 238, 255))


def _whiten(image: Image.Image) -> None:
    """Snow on the upper side of whatever is opaque."""
    alpha = image.getchannel("A")
    lowered = Image.new("L", image.size)
    lowered.paste(alpha, (0, 3))
    shadowed = Image.composite(Image.new("L", image.size), alpha, lowered.filter(ImageFilter.MinFilter(3)))
    image.paste((230, 234, 240), (0, 0), shadowed)
