"""The scene of one place: rows of houses, side streets, what closes the view, trees and things on the pavement."""

import math
import random
from dataclasses import dataclass, field, replace

from gsv_pipeline.sources.demo.buildings import DEPTH_M, Building, ClosingFront
from gsv_pipeline.sources.demo.fittings import LANDMARKS, Fitting
from gsv_pipeline.sources.demo.geometry import Plane
from gsv_pipeline.sources.demo.ground import Crossing, Road, design_road, paint_ground
from gsv_pipeline.sources.demo.house import design_house, flank_of
from gsv_pipeline.sources.demo.painter import Texture
from gsv_pipeline.sources.demo.palettes import ACCENTS, STYLES, WORDS, Style
from gsv_pipeline.sources.demo.plan import Place
from gsv_pipeline.sources.demo.trees import TREE_KINDS

_FIRST_HOUSE_M = -9.0


@dataclass(frozen=True, slots=True)
class StreetStyle:
    """What all places of a street have in common."""

    style: Style
    road: Road
    height_bias: int
    lamp: str
    lamp_gap: float
    tree: int
    tree_share: float
    closing: str


@dataclass(frozen=True, slots=True)
class StandingTree:
    """A tree on the pavement: position and height in metres."""

    kind: int
    across: float
    along: float
    height: float


@dataclass(slots=True)
class Scene:
    """Everything of a place that stays over the years.

    Args:
        common: What its street shares.
        buildings: All houses, farthest first.
        crossings: Side streets.
        trees, fittings: Things on the pavement.
        closing_fronts: Houses that face along the street: at its end and in side streets.
        length: Metres until the street is closed.
        skyline: Heights of the far roofs, and the closing landmark's place, decided by this number.
    """

    common: StreetStyle
    buildings: tuple[Building, ...]
    crossings: tuple[Crossing, ...]
    trees: tuple[StandingTree, ...]
    fittings: tuple[Fitting, ...]
    closing_fronts: tuple[ClosingFront, ...]
    length: float
    skyline: int
    _grounds: dict[bool, list[tuple[Plane, Texture]]] = field(default_factory=dict)

    def ground(self, *, snow: bool) -> list[tuple[Plane, Texture]]:
        """The street's surface, painted on first use."""
        if snow not in self._grounds:
            self._grounds[snow] = paint_ground(self.common.road, self.crossings, seed=self.skyline, snow=snow)
        return self._grounds[snow]


def design_street(seed: int, city: str, street: int) -> StreetStyle:
    """Style, road, lamps and trees of a street."""
    rng = random.Random(f"{seed}/{city}/street {street}")
    style = rng.choice(STYLES)
    walls = tuple(rng.sample(style.walls, min(4, len(style.walls))))
    return StreetStyle(
        style=replace(style, walls=walls),
        road=design_road(rng),
        height_bias=rng.choice((-1, 0, 0, 1)),
        lamp=rng.choice(("lamp", "lantern")),
        lamp_gap=rng.uniform(16, 26),
        tree=rng.choice((*range(TREE_KINDS - 1), *range(TREE_KINDS))),
        tree_share=rng.choice((0.0, 0.2, 0.4, 0.7)),
        closing=rng.choice(("block", "tower", "hill", "trees", "block")),
    )


def build_scene(seed: int, city: str, place: Place) -> Scene:
    """The scene of `place`; the same at every call."""
    common = design_street(seed, city, place.street)
    rng = random.Random(f"{seed}/{city}/scene {place.place_id}")
    length = rng.uniform(85, 125)
    crossing = _draw_crossing(rng)
    crossings = (crossing,) if crossing else ()
    rows = [_build_row(common, rng, side, length=length, crossing=crossing) for side in (-1, 1)]
    buildings = sorted((building for row in rows for building in row), key=lambda building: -building.start)
    return Scene(
        common=common,
        buildings=tuple(buildings),
        crossings=crossings,
        trees=_plant_trees(common, rng, length=length, crossing=crossing),
        fittings=_place_fittings(common, rng, length=length, crossing=crossing),
        closing_fronts=_side_street_fronts(common, rng, crossing) + _close(common, rng, length),
        length=length,
        skyline=rng.randrange(1 << 30),
    )


def _draw_crossing(rng: random.Random) -> Crossing | None:
    if rng.random() < 0.3:
        return None
    start = rng.uniform(12, 45)
    left, right = rng.choice(((True, False), (False, True), (True, True)))
    return Crossing(start, start + rng.uniform(7, 10), left, right, zebra=rng.random() < 0.5)


def _build_row(
    common: StreetStyle, rng: random.Random, side: int, *, length: float, crossing: Crossing | None
) -> list[Building]:
    """One side of the street: a terrace, or two with a side street between them."""
    first = _FIRST_HOUSE_M - rng.uniform(0, 4)
    if crossing is None or not (crossing.left if side < 0 else crossing.right):
        return _build_terrace(common, rng, side, start=first, length=length)
    before = _build_terrace(common, rng, side, start=first, length=crossing.start, bounded=True)
    behind = _build_terrace(common, rng, side, start=crossing.end, length=length)
    behind[0].side_house = flank_of(behind[0].house, common.style, rng)
    return before + behind


def _build_terrace(
    common: StreetStyle, rng: random.Random, side: int, *, start: float, length: float, bounded: bool = False
) -> list[Building]:
    """Houses wall to wall from `start` until `length`: exactly, if it is bounded."""
    row: list[Building] = []
    along, shoulder = start, 0.0
    while along < length - 0.01:
        room = length - along if bounded else math.inf
        house = design_house(common.style, rng, height_bias=common.height_bias, room=room)
        row.append(Building(house, side, common.road.wall, along, shoulder=shoulder))
        along, shoulder = along + house.width, house.eaves
    return row


def _close(common: StreetStyle, rng: random.Random, length: float) -> tuple[ClosingFront, ...]:
    """Houses across the street's end, where its style says so."""
    fronts, left = [], -20.0
    while common.closing == "block" and left < 20:
        house = design_house(common.style, rng, height_bias=common.height_bias)
        fronts.append(ClosingFront(house, left, length + 12))
        left += house.width
    return tuple(fronts)


def _side_street_fronts(common: StreetStyle, rng: random.Random, crossing: Crossing | None) -> tuple[ClosingFront, ...]:
    """The next houses of a side street's far row, behind the corner house."""
    fronts: list[ClosingFront] = []
    for side in (-1, 1):
        if crossing is None or not (crossing.left if side < 0 else crossing.right):
            continue
        inner = common.road.wall + DEPTH_M + 0.5
        for _ in range(3):
            house = design_house(common.style, rng, height_bias=common.height_bias)
            fronts.append(ClosingFront(house, inner if side > 0 else -inner - house.width, crossing.end + 0.3))
            inner += house.width
    return tuple(fronts)


def _plant_trees(
    common: StreetStyle, rng: random.Random, *, length: float, crossing: Crossing | None
) -> tuple[StandingTree, ...]:
    trees = []
    for side in (-1, 1):
        along = rng.uniform(9, 18)
        while along < length:
            free = crossing is None or not crossing.start - 2 < along < crossing.end + 2
            if free and rng.random() < common.tree_share:
                across = side * (common.road.half + rng.uniform(0.7, 1.2))
                trees.append(StandingTree(common.tree, across, along, rng.uniform(4.2, 6.8)))
            along += rng.uniform(7, 12)
    return tuple(trees)


def _place_fittings(
    common: StreetStyle, rng: random.Random, *, length: float, crossing: Crossing | None
) -> tuple[Fitting, ...]:
    fittings = []
    along = rng.uniform(5, 12)
    side = rng.choice((-1, 1))
    while along < length:
        side = -side
        fittings.append(Fitting(common.lamp, side * (common.road.half + 0.5), along, (60, 60, 60), height=5.4))
        along += common.lamp_gap
    for _ in range(rng.randint(2, 5)):
        kind, spot = rng.choice(LANDMARKS), rng.uniform(6, 42)
        if crossing is not None and crossing.start - 2 < spot < crossing.end + 2:
            continue
        reach = 0.55 if kind in ("bollards", "road_sign", "bin", "name_board") else common.road.pavement * 0.5
        across = rng.choice((-1, 1)) * (common.road.half + reach)
        fittings.append(Fitting(kind, across, spot, rng.choice(ACCENTS), rng.choice(WORDS)))
    return tuple(fittings)
