"""Cars, vans and buses: what passes by while the photograph is taken."""

import math
import random
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from gsv_pipeline.sources.demo.geometry import Point
from gsv_pipeline.sources.demo.painter import Painter
from gsv_pipeline.sources.demo.palettes import CAR_COLOURS, Colour, varied

_GLASS: Final = (58, 70, 82)
_SKY_GLASS: Final = (112, 130, 144)

Profile = tuple[tuple[float, float, str], ...]
"""Side view from the lower front over the roof to the lower rear.

For each point: share of the length, height in metres, and what the strip to the next point is.
"""

_PROFILES: Final[dict[str, tuple[float, float, Profile]]] = {
    "saloon": (
        4.5,
        1.75,
        (
            (0.0, 0.3, "nose"),
            (0.0, 0.72, "body"),
            (0.26, 0.92, "glass"),
            (0.42, 1.42, "roof"),
            (0.72, 1.42, "glass"),
            (0.86, 0.98, "body"),
            (1.0, 0.92, "tail"),
            (1.0, 0.32, "end"),
        ),
    ),
    "hatchback": (
        3.9,
        1.7,
        (
            (0.0, 0.3, "nose"),
            (0.0, 0.75, "body"),
            (0.24, 0.95, "glass"),
            (0.42, 1.5, "roof"),
            (0.86, 1.46, "glass"),
            (0.98, 0.95, "tail"),
            (1.0, 0.32, "end"),
        ),
    ),
    "van": (
        5.2,
        1.95,
        (
            (0.0, 0.35, "nose"),
            (0.0, 1.0, "body"),
            (0.12, 1.15, "glass"),
            (0.24, 2.2, "roof"),
            (1.0, 2.25, "back"),
            (1.0, 0.9, "tail"),
            (1.0, 0.38, "end"),
        ),
    ),
    "bus": (
        9.5,
        2.4,
        (
            (0.0, 0.4, "nose"),
            (0.0, 1.0, "glass"),
            (0.02, 2.7, "body"),
            (0.03, 3.1, "roof"),
            (1.0, 3.1, "body"),
            (1.0, 2.6, "glass"),
            (1.0, 1.3, "tail"),
            (1.0, 0.4, "end"),
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A vehicle on the road.

    Args:
        kind: A name in the table of profiles.
        across, along: Position of its middle line and of its rear or front end that is nearer, metres.
        oncoming: Shows its front.
        colour: Of the body.
    """

    kind: str
    across: float
    along: float
    oncoming: bool
    colour: Colour

    @property
    def length(self) -> float:
        """Metres."""
        return _PROFILES[self.kind][0]


def draw_vehicle(rng: random.Random, *, across: float, along: float, oncoming: bool) -> Vehicle:
    """A random vehicle; buses only where they do not fill the picture."""
    kinds, weights = (
        ("saloon", "hatchback", "van", "bus"),
        (0.44, 0.36, 0.15 if along > 9 else 0.0, 0.05 if along > 16 else 0.0),
    )
    kind = rng.choices(kinds, weights)[0]
    colour = (
        rng.choice(((170, 36, 36), (214, 164, 50), (40, 84, 140)))
        if kind == "bus"
        else varied(rng.choice(CAR_COLOURS), rng, 6)
    )
    return Vehicle(kind, across, along, oncoming, colour)


def paint_vehicle(painter: Painter, vehicle: Vehicle) -> None:
    """The strips of the body from far to near, then the side that shows."""
    length, width, profile = _PROFILES[vehicle.kind]
    left, right = vehicle.across - width / 2, vehicle.across + width / 2
    turned = [
        ((share if vehicle.oncoming else 1 - share) * length + vehicle.along, up, part) for share, up, part in profile
    ]
    _paint_shadow(painter, left, right, vehicle.along, vehicle.along + length)
    strips = sorted(pairwise(turned), key=lambda strip: -(strip[0][0] + strip[1][0]))
    for (along, up, part), (next_along, next_up, _) in strips:
        run, rise = next_along - along, next_up - up
        size = math.hypot(run, rise) or 1.0
        normal = (0.0, abs(run) / size, (-1.0 if vehicle.oncoming else 1.0) * rise / size)
        if not painter.faces_camera((vehicle.across, up, along), normal):
            continue
        corners = [(left, up, along), (right, up, along), (right, next_up, next_along), (left, next_up, next_along)]
        snowy = painter.light.snow and part == "roof"
        base = (224, 228, 234) if snowy else _SKY_GLASS if part == "glass" else vehicle.colour
        painter.polygon(corners, base, normal=normal)
        if part in ("nose", "tail"):
            _paint_lamps(
                painter,
                vehicle,
                left,
                right,
                along=along,
                low=min(up, next_up),
                high=max(up, next_up),
                front=part == "nose",
            )
    _paint_side(painter, vehicle, turned, left if painter.camera.position[0] < vehicle.across else right)


def _paint_shadow(painter: Painter, left: float, right: float, near: float, far: float) -> None:
    painter.polygon(
        [
            (left - 0.1, 0.01, near - 0.1),
            (right + 0.1, 0.01, near - 0.1),
            (right + 0.1, 0.01, far),
            (left - 0.1, 0.01, far),
        ],
        (40, 40, 44),
    )


def _paint_lamps(
    painter: Painter, vehicle: Vehicle, left: float, right: float, *, along: float, low: float, high: float, front: bool
) -> None:
    colour: Colour = (236, 232, 214) if front else (186, 28, 28)
    shine: Colour = (255, 246, 214) if front else (220, 30, 24)
    toward = -0.01 if (front == vehicle.oncoming) else 0.01
    bottom, top = low + (high - low) * 0.45, low + (high - low) * 0.85
    for start in (left + 0.08, right - 0.48):
        painter.polygon(
            [
                (start, bottom, along + toward),
                (start + 0.4, bottom, along + toward),
                (start + 0.4, top, along + toward),
                (start, top, along + toward),
            ],
            colour,
            normal=(0, 0, -1),
            shine=shine,
        )
    middle, plate = vehicle.across, along + toward
    painter.polygon(
        [
            (middle - 0.26, low + 0.08, plate),
            (middle + 0.26, low + 0.08, plate),
            (middle + 0.26, low + 0.2, plate),
            (middle - 0.26, low + 0.2, plate),
        ],
        (222, 220, 206),
        normal=(0, 0, -1),
    )


def _paint_side(painter: Painter, vehicle: Vehicle, turned: list[tuple[float, float, str]], x: float) -> None:
    normal = (-1.0 if x < vehicle.across else 1.0, 0.0, 0.0)
    if not painter.faces_camera((x, 0.5, vehicle.along), normal):
        return
    painter.polygon([(x, up, along) for along, up, _ in turned], vehicle.colour, normal=normal)
    outer = x + 0.005 * normal[0]
    length = vehicle.length
    for start, end in {"van": ((0.2, 0.34),), "bus": ((0.05, 0.32), (0.36, 0.62), (0.66, 0.94))}.get(
        vehicle.kind, ((0.36, 0.55), (0.58, 0.76))
    ):
        low, high = {"van": (1.25, 1.95), "bus": (1.3, 2.5)}.get(vehicle.kind, (0.96, 1.34))
        shares = (start, end, end - 0.04, start + 0.05) if vehicle.kind != "bus" else (start, end, end, start)
        places = [vehicle.along + (share if vehicle.oncoming else 1 - share) * length for share in shares]
        painter.polygon(
            [(outer, level, along) for level, along in zip((low, low, high, high), places, strict=True)],
            _GLASS,
            normal=normal,
        )
    for share in (0.18, 0.8):
        along = vehicle.along + (share if vehicle.oncoming else 1 - share) * length
        radius = 0.46 if vehicle.kind == "bus" else 0.32
        for reach, colour in ((radius, (26, 26, 28)), (radius * 0.55, (128, 130, 134))):
            painter.polygon(_disc((outer, radius, along), reach), colour, normal=normal)


def _disc(middle: Point, radius: float) -> list[Point]:
    x, y, z = middle
    return [
        (x, y + radius * math.sin(turn * math.pi / 5), z + radius * math.cos(turn * math.pi / 5)) for turn in range(10)
    ]
