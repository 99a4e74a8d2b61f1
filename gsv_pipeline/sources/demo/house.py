"""What one house of a row looks like: sizes, storeys, openings, roof and shop. Decided here, painted elsewhere."""

import math
import random
from dataclasses import dataclass, replace
from typing import Final

from gsv_pipeline.sources.demo.openings import Opening, lay_out_openings
from gsv_pipeline.sources.demo.palettes import ACCENTS, WORDS, Colour, Style, varied

_NARROWEST_M: Final = 5.5

Corner = tuple[float, float]
"""Metres to the right and up from the lower left corner of a façade."""


@dataclass(frozen=True, slots=True)
class Colours:
    """Of the wall, the ground floor, frames and mouldings, doors and signs, a second accent, and the roof's tiles."""

    wall: Colour
    base: Colour
    trim: Colour
    accent: Colour
    second_accent: Colour
    tiles: Colour


@dataclass(frozen=True, slots=True)
class Extras:
    """Solid parts in front of the wall and on the roof.

    Args:
        awning, striped, hanging_sign: What a shop has.
        balcony_floors: Storeys with a balcony.
        bay: The window that is built out, if there is one.
        dormers: How many.
        chimneys: Where, as shares of the width.
    """

    awning: bool
    striped: bool
    hanging_sign: bool
    balcony_floors: tuple[int, ...]
    bay: Opening | None
    dormers: int
    chimneys: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class House:
    """A house front and its roof, in metres and colours.

    Args:
        width, eaves, top: Metres; `top` is the highest point of the front.
        outline: The front's corners, counter-clockwise from the lower left.
        ground_height, floor_height: Heights of the ground floor and of each of the `floors` above.
        roof: `flat`, `eaves`, `gable`, `stepped` or `mansard`; it rises `roof_rise` metres above the eaves.
        openings: Windows, doors and shop windows.
        sign: Text over the shop, or empty.
        setback: Metres that the front stands behind the building line.
        seed: Decides curtains, goods in the shop window and other small things.
    """

    width: float
    eaves: float
    top: float
    outline: tuple[Corner, ...]
    ground_height: float
    floor_height: float
    floors: int
    colours: Colours
    material: str
    roof: str
    roof_rise: float
    window_kind: str
    shutters: bool
    quoins: bool
    bands: bool
    openings: tuple[Opening, ...]
    sign: str
    extras: Extras
    setback: float
    seed: int


def design_house(style: Style, rng: random.Random, *, height_bias: int, room: float = math.inf) -> House:
    """A house in the manner of `style`.

    Args:
        style: What the houses of the street have in common.
        rng: Decides everything else.
        height_bias: Storeys that houses of this street have more (or fewer) than the style says.
        room: Metres until a side street; the house leaves either nothing of it or enough for another one.
    """
    width = _draw_width(rng, room)
    floors = max(1, rng.randint(*style.floors) + height_bias)
    ground_height, floor_height = rng.uniform(3.3, 4.3), rng.uniform(2.8, 3.5)
    eaves = ground_height + floors * floor_height + rng.uniform(0.3, 0.8)
    roof, rise = _draw_roof(style, rng, width)
    outline = _outline(roof, width, eaves=eaves, rise=rise)
    has_shop = rng.random() < style.shops
    openings = lay_out_openings(
        rng, width, ground_height=ground_height, floor_height=floor_height, floors=floors, has_shop=has_shop
    )
    if roof in ("gable", "stepped"):
        openings += (Opening("attic", width / 2 - 0.5, eaves + rise * 0.18, 1.0, min(1.4, rise * 0.4), floors + 1),)
    return House(
        width=width,
        eaves=eaves,
        top=max(up for _, up in outline),
        outline=outline,
        ground_height=ground_height,
        floor_height=floor_height,
        floors=floors,
        colours=_draw_colours(style, rng),
        material=rng.choice(style.materials),
        roof=roof,
        roof_rise=rise,
        window_kind=rng.choice(style.windows),
        shutters=rng.random() < style.shutters,
        quoins=rng.random() < 0.25,
        bands=rng.random() < 0.5,
        openings=openings,
        sign=rng.choice(WORDS) if has_shop else "",
        extras=_draw_extras(style, rng, openings, roof=roof, floors=floors, has_shop=has_shop),
        setback=rng.choice((0.0, 0.0, 0.15, 0.3, 0.5)),
        seed=rng.randrange(1 << 30),
    )


def _draw_width(rng: random.Random, room: float) -> float:
    width = rng.uniform(5.5, 8.5) if rng.random() < 0.55 else rng.uniform(8.5, 13.0)
    if room - width >= _NARROWEST_M:
        return width
    return room if room < 2 * _NARROWEST_M else room / 2


def _draw_roof(style: Style, rng: random.Random, width: float) -> tuple[str, float]:
    """Kind of the roof and its height above the eaves; wide houses turn no gable to the street."""
    roof = rng.choice(style.roofs)
    if roof in ("gable", "stepped") and width > 10:
        roof = "eaves"
    rises = {"flat": 0.0, "eaves": rng.uniform(2.2, 3.6), "mansard": rng.uniform(2.4, 3.0)}
    return roof, rises.get(roof, width * rng.uniform(0.4, 0.6))


def _draw_colours(style: Style, rng: random.Random) -> Colours:
    wall = varied(rng.choice(style.walls), rng)
    accent, second_accent = rng.sample(ACCENTS, 2)
    return Colours(
        wall=wall,
        base=varied(rng.choice((wall, (168, 162, 152), (120, 114, 108), (202, 196, 184))), rng, 5),
        trim=rng.choice(style.trims),
        accent=accent,
        second_accent=second_accent,
        tiles=varied(rng.choice(style.roof_colours), rng),
    )


def _draw_extras(
    style: Style, rng: random.Random, openings: tuple[Opening, ...], *, roof: str, floors: int, has_shop: bool
) -> Extras:
    low = [opening for opening in openings if opening.kind == "window" and opening.floor == 1]
    has_dormers = roof == "mansard" or (roof == "eaves" and rng.random() < 0.35)
    return Extras(
        awning=has_shop and rng.random() < 0.5,
        striped=rng.random() < 0.6,
        hanging_sign=has_shop and rng.random() < 0.4,
        balcony_floors=tuple(floor for floor in range(1, floors + 1) if rng.random() < style.balconies * 0.7),
        bay=rng.choice(low) if low and rng.random() < 0.15 else None,
        dormers=rng.randint(1, 3) if has_dormers else 0,
        chimneys=tuple(rng.uniform(0.1, 0.9) for _ in range(rng.randint(0, 2))) if roof != "flat" else (),
    )


def flank_of(house: House, style: Style, rng: random.Random, *, depth: float = 9.0) -> House:
    """The wall of `house` towards a side street: its height, wall and base, but other windows.

    Args:
        house: The house on the corner.
        style: Of the street.
        rng: Decides the windows.
        depth: Metres that the house reaches back.
    """
    openings = lay_out_openings(
        rng,
        depth,
        ground_height=house.ground_height,
        floor_height=house.floor_height,
        floors=house.floors,
        has_shop=rng.random() < style.shops / 2,
    )
    few = tuple(opening for opening in openings if opening.kind != "window" or rng.random() < 0.7)
    eaves = house.eaves
    return replace(
        house,
        width=depth,
        top=eaves,
        outline=((0.0, 0.0), (depth, 0.0), (depth, eaves), (0.0, eaves)),
        openings=few,
        roof="flat",
        sign="",
    )


def _outline(roof: str, width: float, *, eaves: float, rise: float) -> tuple[Corner, ...]:
    foot = ((0.0, 0.0), (width, 0.0))
    if roof == "gable":
        return (*foot, (width, eaves), (width / 2, eaves + rise), (0.0, eaves))
    if roof == "stepped":
        steps, right = 4, []
        for step in range(steps):
            inset, height = width / 2 * step / steps, eaves + rise * (step + 1) / steps
            right += [(width - inset, height), (width - width / 2 * (step + 1) / steps, height)]
        left = [(width - across, up) for across, up in reversed(right)]
        return (*foot, *right[:-1], *left[1:])
    parapet = 0.5 if roof == "flat" else 0.0
    return (*foot, (width, eaves + parapet), (0.0, eaves + parapet))
