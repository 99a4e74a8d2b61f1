"""People on the pavement."""

import math
import random
from dataclasses import dataclass

from gsv_pipeline.sources.demo.painter import BLACK, Painter
from gsv_pipeline.sources.demo.palettes import Colour, scaled


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on foot: position in metres, height and colours of coat and trousers."""

    across: float
    along: float
    height: float
    coat: Colour
    trousers: Colour
    stride: float


def draw_person(rng: random.Random, *, across: float, along: float) -> Person:
    """A random passer-by."""
    coats = ((150, 44, 44), (44, 62, 104), (54, 54, 58), (120, 104, 74), (196, 180, 150), (70, 104, 78), (190, 130, 60))
    trousers = ((40, 44, 60), (34, 34, 36), (92, 84, 74), (70, 80, 110))
    return Person(
        across, along, rng.uniform(1.55, 1.88), rng.choice(coats), rng.choice(trousers), rng.uniform(0.08, 0.3)
    )


def paint_person(painter: Painter, person: Person) -> None:
    """Two legs, a coat, arms and a head, turned towards the camera."""
    x, z, tall = person.across, person.along, person.height
    facing = (0.0, 0.8, -0.6)

    def part(left: float, right: float, low: float, high: float, colour: Colour, lean: float = 0.0) -> None:
        corners = [
            (x + left + lean, low * tall, z),
            (x + right + lean, low * tall, z),
            (x + right, high * tall, z),
            (x + left, high * tall, z),
        ]
        painter.polygon(corners, colour, normal=facing, shine=BLACK)

    part(-0.16, -0.01, 0.0, 0.5, person.trousers, -person.stride / 2)
    part(0.01, 0.16, 0.0, 0.5, scaled(person.trousers, 0.85), person.stride / 2)
    part(-0.3, -0.2, 0.42, 0.8, scaled(person.coat, 0.8), -0.04)
    part(0.2, 0.3, 0.42, 0.8, scaled(person.coat, 0.75), 0.04)
    part(-0.22, 0.22, 0.44, 0.83, person.coat)
    head = [
        (x + 0.11 * math.cos(turn * math.pi / 4), 0.91 * tall + 0.14 * math.sin(turn * math.pi / 4), z)
        for turn in range(8)
    ]
    painter.polygon(head, (196, 158, 134), normal=facing)
    part(-0.1, 0.1, 0.93, 0.99, scaled(person.trousers, 0.7))
