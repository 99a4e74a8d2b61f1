"""Boards with text that face whoever comes along the street: shop signs, name boards."""

from functools import lru_cache, partial
from typing import Final

from PIL import Image

from gsv_pipeline.sources.demo.geometry import Plane, Point
from gsv_pipeline.sources.demo.painter import BLACK, Painter, Texture
from gsv_pipeline.sources.demo.palettes import Colour, scaled
from gsv_pipeline.sources.demo.sheet import Sheet

IRON: Final = (66, 70, 74)


def span(one: float, two: float) -> tuple[float, float]:
    """The smaller and the larger of two numbers."""
    return min(one, two), max(one, two)


@lru_cache(maxsize=64)
def _sign_texture(text: str, colour: Colour, size: tuple[float, float]) -> Texture:
    sheet = Sheet(Image.new("RGB", (round(size[0] * 40), round(size[1] * 40)), scaled(colour, 0.6)), 40)
    sheet.box(0.05, 0.05, size[0] - 0.05, size[1] - 0.05, colour)
    dark = sum(colour) > 420
    sheet.text(
        text,
        middle=(size[0] / 2, size[1] / 2),
        height=min(size[1] * 0.7, 0.5),
        width=size[0] * 0.9,
        colour=(30, 30, 34) if dark else (250, 246, 234),
    )
    return Texture(sheet.image)


def paint_board(
    painter: Painter, corner: Point, size: tuple[float, float], *, text: str, colour: Colour, shine: Colour = BLACK
) -> None:
    """A board that faces whoever comes along the street; `corner` is its lower left one."""
    plane = Plane(corner, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), *size)
    texture, glow = partial(_sign_texture, text, colour, size), partial(Image.new, "RGB", (4, 4), shine)
    painter.textured(plane, texture, outline=plane.corners(), normal=(0.0, 0.0, -1.0), shine=glow)
