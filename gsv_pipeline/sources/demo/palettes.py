"""What streets are made of: wall colours, materials, building styles and the words on shop signs."""

import random
from dataclasses import dataclass
from typing import Final

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Style:
    """How the houses of a street are built. Streets share styles, within a city and across cities.

    Args:
        walls: Wall colours that the houses of the street choose from.
        materials: Names of wall materials (see `materials.wall_tile`).
        roofs: Roof kinds to choose from: `flat`, `eaves`, `gable`, `stepped`, `mansard`.
        roof_colours: Colours of roof tiles.
        trims: Colours of window frames, cornices and corner stones.
        floors: Fewest and most storeys above the ground floor.
        windows: Window kinds: `sash`, `casement`, `french`, `grid`, `arched`.
        shutters: Chance that a house has shutters.
        balconies: Chance that a house has balconies.
        shops: Chance that the ground floor is a shop.
    """

    walls: tuple[Colour, ...]
    materials: tuple[str, ...]
    roofs: tuple[str, ...]
    roof_colours: tuple[Colour, ...]
    trims: tuple[Colour, ...]
    floors: tuple[int, int]
    windows: tuple[str, ...]
    shutters: float
    balconies: float
    shops: float


_TILES: Final = ((150, 82, 62), (122, 70, 58), (104, 92, 88), (88, 92, 100))
_LIGHT_TRIMS: Final = ((240, 236, 226), (226, 216, 196), (206, 200, 190))
_DARK_TRIMS: Final = ((62, 66, 74), (84, 62, 50), (44, 74, 66))

STYLES: Final[tuple[Style, ...]] = (
    Style(
        ((168, 92, 72), (150, 84, 70), (184, 122, 92), (196, 168, 138), (128, 78, 70)),
        ("brick",),
        ("stepped", "gable", "eaves", "gable"),
        _TILES,
        _LIGHT_TRIMS,
        (1, 3),
        ("sash", "grid"),
        0.15,
        0.1,
        0.5,
    ),
    Style(
        ((228, 196, 150), (222, 170, 128), (236, 220, 188), (206, 144, 116), (214, 200, 168)),
        ("stucco",),
        ("eaves", "eaves", "flat"),
        _TILES[:2],
        _LIGHT_TRIMS,
        (2, 4),
        ("french", "casement"),
        0.75,
        0.4,
        0.5,
    ),
    Style(
        ((214, 204, 184), (200, 192, 176), (224, 214, 198), (188, 180, 168)),
        ("stone", "stucco"),
        ("mansard", "mansard", "flat"),
        _TILES[2:],
        _LIGHT_TRIMS,
        (3, 5),
        ("french", "arched"),
        0.25,
        0.5,
        0.55,
    ),
    Style(
        ((196, 198, 200), (168, 174, 180), (214, 208, 198), (150, 142, 134), (178, 196, 204)),
        ("panel", "stucco", "brick"),
        ("flat", "flat", "eaves"),
        _TILES[2:],
        _DARK_TRIMS,
        (2, 5),
        ("grid", "casement"),
        0.0,
        0.4,
        0.45,
    ),
    Style(
        ((204, 182, 160), (172, 188, 196), (216, 190, 182), (190, 200, 170), (224, 210, 170)),
        ("stucco", "board"),
        ("gable", "eaves", "stepped"),
        _TILES,
        _LIGHT_TRIMS + _DARK_TRIMS[:1],
        (1, 3),
        ("casement", "sash"),
        0.5,
        0.15,
        0.45,
    ),
    Style(
        ((178, 104, 82), (200, 176, 150), (222, 214, 200), (140, 100, 84)),
        ("brick", "stucco", "stone"),
        ("eaves", "flat", "gable"),
        _TILES,
        _LIGHT_TRIMS,
        (2, 4),
        ("sash", "arched"),
        0.1,
        0.2,
        0.6,
    ),
)

ACCENTS: Final[tuple[Colour, ...]] = (
    (176, 44, 40),
    (34, 78, 136),
    (36, 104, 72),
    (206, 156, 40),
    (92, 44, 92),
    (40, 44, 52),
    (214, 104, 38),
    (42, 128, 136),
)
"""Colours of doors, signs, awnings and shutters."""

CAR_COLOURS: Final[tuple[Colour, ...]] = (
    (226, 228, 230),
    (38, 40, 44),
    (150, 154, 160),
    (166, 30, 34),
    (34, 62, 120),
    (92, 98, 92),
    (206, 196, 176),
    (54, 92, 70),
    (214, 164, 40),
)

WORDS: Final[tuple[str, ...]] = (
    "BAKERY",
    "CAFE",
    "BOOKS",
    "OPTIK",
    "PHARMA",
    "FLORA",
    "SALON",
    "HOTEL",
    "BANK",
    "PIZZA",
    "MODA",
    "SPORT",
    "RADIO",
    "TAXI",
    "VINO",
    "SHOES",
    "KIOSK",
    "TEA",
    "BAR",
    "MUSIC",
    "CYCLES",
    "FISH",
    "DELI",
    "TAILOR",
    "PAPER",
    "TOYS",
    "LAMPS",
    "COPY",
    "ZOO",
    "WOOL",
    "NOODLES",
    "BISTRO",
    "ATELIER",
    "CLOCKS",
    "MARKET",
    "CHEESE",
    "STUDIO",
    "GALLERY",
    "JEWEL",
    "HATS",
)


def varied(colour: Colour, rng: random.Random, amount: float = 8.0) -> Colour:
    """`colour` with a small random change of brightness and hue."""
    common = rng.gauss(0, amount)
    red, green, blue = (min(255, max(0, round(channel + common + rng.gauss(0, amount / 3)))) for channel in colour)
    return red, green, blue


def scaled(colour: Colour, factor: float) -> Colour:
    """`colour` made lighter or darker by a factor."""
    red, green, blue = int(colour[0] * factor), int(colour[1] * factor), int(colour[2] * factor)
    return red if red < 255 else 255, green if green < 255 else 255, blue if blue < 255 else 255


def blended(colour: Colour, other: tuple[float, float, float], share: float) -> Colour:
    """`colour` moved towards `other` by `share` (0: unchanged, 1: replaced)."""
    red, green, blue = (round(one + (two - one) * share) for one, two in zip(colour, other, strict=True))
    return red, green, blue
