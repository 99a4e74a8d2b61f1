"""Solid things on the pavement: lamps, and the boxes, posts, clocks and kiosks that tell one spot from another."""

import math
from dataclasses import dataclass
from typing import Final

from gsv_pipeline.sources.demo.boards import IRON, paint_board, span
from gsv_pipeline.sources.demo.buildings import SNOW
from gsv_pipeline.sources.demo.painter import BLACK, Painter
from gsv_pipeline.sources.demo.palettes import Colour, scaled

_LAMP_SHINE: Final = (255, 232, 180)


@dataclass(frozen=True, slots=True)
class Fitting:
    """Something that stands on the pavement.

    Args:
        kind: A name in the table of painters below.
        across, along: Metres.
        colour: Of its painted parts.
        text: What is written on it.
        height: Metres, where that varies.
    """

    kind: str
    across: float
    along: float
    colour: Colour
    text: str = ""
    height: float = 5.0


def paint_fitting(painter: Painter, fitting: Fitting) -> None:
    """A lamp, post or box on the pavement."""
    x, z = fitting.across, fitting.along
    if painter.sees([(x + reach, up, along) for reach in (-1.4, 1.4) for up in (0.0, 6.0) for along in (z - 1, z + 9)]):
        _PAINTERS[fitting.kind](painter, fitting)


def _pole(painter: Painter, fitting: Fitting, top: float, half: float, colour: Colour) -> None:
    x, z = fitting.across, fitting.along
    painter.box((x - half, 0.0, z - half), (x + half, top, z + half), colour)


def _paint_lamp(painter: Painter, fitting: Fitting) -> None:
    x, z, top = fitting.across, fitting.along, fitting.height
    toward = x - math.copysign(1.3, x)
    _pole(painter, fitting, 0.9, 0.12, IRON)
    _pole(painter, fitting, top, 0.06, IRON)
    low, high = span(x, toward)
    painter.box((low, top - 0.06, z - 0.04), (high, top + 0.04, z + 0.04), IRON)
    painter.box(
        (toward - 0.28, top - 0.2, z - 0.16), (toward + 0.28, top - 0.06, z + 0.16), (222, 218, 200), shine=_LAMP_SHINE
    )


def _paint_lantern(painter: Painter, fitting: Fitting) -> None:
    x, z, top = fitting.across, fitting.along, fitting.height * 0.72
    _pole(painter, fitting, top, 0.07, IRON)
    painter.box((x - 0.2, top, z - 0.2), (x + 0.2, top + 0.5, z + 0.2), (216, 210, 188), shine=_LAMP_SHINE)
    painter.box((x - 0.26, top + 0.5, z - 0.26), (x + 0.26, top + 0.6, z + 0.26), IRON)


def _paint_post_box(painter: Painter, fitting: Fitting) -> None:
    x, z = fitting.across, fitting.along
    painter.box((x - 0.3, 0.35, z - 0.25), (x + 0.3, 1.45, z + 0.25), fitting.colour)
    painter.box((x - 0.2, 0.0, z - 0.15), (x + 0.2, 0.35, z + 0.15), IRON)
    painter.polygon(
        [(x - 0.2, 1.15, z - 0.26), (x + 0.2, 1.15, z - 0.26), (x + 0.2, 1.22, z - 0.26), (x - 0.2, 1.22, z - 0.26)],
        (24, 24, 24),
        normal=(0, 0, -1),
    )


def _paint_bin(painter: Painter, fitting: Fitting) -> None:
    x, z = fitting.across, fitting.along
    painter.box((x - 0.25, 0.1, z - 0.25), (x + 0.25, 0.95, z + 0.25), scaled(fitting.colour, 0.7))
    painter.box((x - 0.3, 0.95, z - 0.3), (x + 0.3, 1.05, z + 0.3), IRON)


def _paint_bollards(painter: Painter, fitting: Fitting) -> None:
    for step in range(5, -1, -1):
        x, z = fitting.across, fitting.along + step * 1.6
        painter.box((x - 0.09, 0.0, z - 0.09), (x + 0.09, 0.9, z + 0.09), (86, 88, 92))
        painter.box((x - 0.1, 0.68, z - 0.1), (x + 0.1, 0.8, z + 0.1), fitting.colour)


def _paint_road_sign(painter: Painter, fitting: Fitting) -> None:
    _pole(painter, fitting, 2.9, 0.04, (150, 152, 154))
    x, z = fitting.across, fitting.along - 0.06
    for reach, colour in ((0.4, fitting.colour), (0.29, (236, 234, 228))):
        ring = [
            (x + reach * math.cos(turn * math.pi / 6), 2.6 + reach * math.sin(turn * math.pi / 6), z - 0.001)
            for turn in range(12)
        ]
        painter.polygon(ring, colour, normal=(0, 0, -1))


def _paint_name_board(painter: Painter, fitting: Fitting) -> None:
    _pole(painter, fitting, 2.7, 0.05, IRON)
    paint_board(
        painter,
        (fitting.across - 0.9, 2.1, fitting.along - 0.07),
        (1.8, 0.55),
        text=fitting.text,
        colour=fitting.colour,
    )


def _paint_kiosk(painter: Painter, fitting: Fitting) -> None:
    x, z = fitting.across, fitting.along
    painter.box((x - 0.8, 0.0, z - 0.9), (x + 0.8, 2.3, z + 0.9), fitting.colour)
    painter.box(
        (x - 1.0, 2.3, z - 1.1),
        (x + 1.0, 2.5, z + 1.1),
        scaled(fitting.colour, 0.6),
        top=SNOW if painter.light.snow else None,
    )
    paint_board(
        painter,
        (x - 0.75, 1.75, z - 0.92),
        (1.5, 0.45),
        text=fitting.text,
        colour=(238, 232, 214),
        shine=(150, 140, 110),
    )
    painter.polygon(
        [(x - 0.6, 0.9, z - 0.91), (x + 0.6, 0.9, z - 0.91), (x + 0.6, 1.65, z - 0.91), (x - 0.6, 1.65, z - 0.91)],
        (70, 82, 92),
        normal=(0, 0, -1),
        shine=(200, 170, 110),
    )
    toward = x - math.copysign(0.81, x)
    painter.polygon(
        [(toward, 0.9, z - 0.7), (toward, 0.9, z + 0.7), (toward, 1.8, z + 0.7), (toward, 1.8, z - 0.7)],
        (70, 82, 92),
        normal=(-math.copysign(1, x), 0, 0),
        shine=(200, 170, 110),
    )


def _paint_column(painter: Painter, fitting: Fitting) -> None:
    """An advertising column: eight sides, poster colours, a dark cap."""
    x, z = fitting.across, fitting.along
    for turn in range(8):
        angles = (turn * math.pi / 4, (turn + 1) * math.pi / 4)
        normal = (math.cos(angles[0] + math.pi / 8), 0.0, math.sin(angles[0] + math.pi / 8))
        (x0, z0), (x1, z1) = ((x + 0.6 * math.cos(angle), z + 0.6 * math.sin(angle)) for angle in angles)
        if painter.faces_camera((x0, 1.0, z0), normal):
            painter.polygon([(x0, 0, z0), (x1, 0, z1), (x1, 2.9, z1), (x0, 2.9, z0)], (176, 172, 160), normal=normal)
            poster = fitting.colour if turn % 2 else (226, 214, 180)
            painter.polygon([(x0, 0.7, z0), (x1, 0.7, z1), (x1, 2.5, z1), (x0, 2.5, z0)], poster, normal=normal)
    painter.box((x - 0.65, 2.9, z - 0.65), (x + 0.65, 3.15, z + 0.65), (58, 84, 72))


def _paint_shelter(painter: Painter, fitting: Fitting) -> None:
    x, z = fitting.across, fitting.along
    back = x + math.copysign(0.7, x)
    low, high = span(x - math.copysign(0.6, x), back)
    for along in (z, z + 3.2):
        painter.box((back - 0.05, 0.0, along - 0.05), (back + 0.05, 2.4, along + 0.05), IRON)
    painter.polygon(
        [(back, 0.4, z), (back, 0.4, z + 3.2), (back, 2.2, z + 3.2), (back, 2.2, z)],
        (148, 166, 176),
        normal=(-math.copysign(1, x), 0, 0),
        shine=(70, 80, 84),
    )
    painter.box((low + 0.2, 0.45, z + 0.4), (high, 0.55, z + 2.8), fitting.colour)
    painter.box(
        (low - 0.2, 2.4, z - 0.2), (high + 0.1, 2.55, z + 3.4), fitting.colour, top=SNOW if painter.light.snow else None
    )


def _paint_planter(painter: Painter, fitting: Fitting) -> None:
    x, z = fitting.across, fitting.along
    painter.box((x - 0.5, 0.0, z - 0.9), (x + 0.5, 0.55, z + 0.9), (150, 140, 126))
    leaf = SNOW if painter.light.snow else (74, 116, 58)
    painter.box((x - 0.42, 0.55, z - 0.8), (x + 0.42, 0.95, z + 0.8), leaf, top=scaled(leaf, 1.1))


def _paint_clock(painter: Painter, fitting: Fitting) -> None:
    _pole(painter, fitting, 3.4, 0.09, fitting.colour)
    x, z = fitting.across, fitting.along - 0.2
    for reach, colour in ((0.55, fitting.colour), (0.46, (240, 238, 226))):
        ring = [
            (x + reach * math.cos(turn * math.pi / 7), 3.8 + reach * math.sin(turn * math.pi / 7), z)
            for turn in range(14)
        ]
        painter.polygon(ring, colour, normal=(0, 0, -1), shine=(200, 196, 170) if reach < 0.5 else BLACK)
    painter.polygon(
        [(x - 0.03, 3.8, z), (x + 0.03, 3.8, z), (x + 0.02, 4.2, z), (x - 0.02, 4.2, z)],
        (20, 20, 24),
        normal=(0, 0, -1),
    )
    painter.polygon(
        [(x, 3.77, z), (x + 0.26, 3.87, z), (x + 0.26, 3.91, z), (x, 3.83, z)], (20, 20, 24), normal=(0, 0, -1)
    )


_PAINTERS: Final = {
    "lamp": _paint_lamp,
    "lantern": _paint_lantern,
    "post_box": _paint_post_box,
    "bin": _paint_bin,
    "bollards": _paint_bollards,
    "road_sign": _paint_road_sign,
    "name_board": _paint_name_board,
    "kiosk": _paint_kiosk,
    "column": _paint_column,
    "shelter": _paint_shelter,
    "planter": _paint_planter,
    "clock": _paint_clock,
}

LANDMARKS: Final = (
    "post_box",
    "bin",
    "bollards",
    "road_sign",
    "name_board",
    "kiosk",
    "column",
    "shelter",
    "planter",
    "clock",
)
"""Kinds of fittings that tell one spot from another."""
