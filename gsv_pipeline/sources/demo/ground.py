"""The street's surface as two textures, a sharp one near the camera and a coarse one far away."""

import random
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from gsv_pipeline.sources.demo.geometry import Plane
from gsv_pipeline.sources.demo.materials import noise, painted, tiled, wall_tile
from gsv_pipeline.sources.demo.painter import Texture
from gsv_pipeline.sources.demo.palettes import Colour, scaled
from gsv_pipeline.sources.demo.sheet import Sheet

HALF_WIDTH_M: Final = 26.0
_NEAR_M: Final = (-4.0, 26.0)
_FAR_M: Final = (24.0, 184.0)


@dataclass(frozen=True, slots=True)
class Road:
    """A street's cross-section and markings.

    Args:
        half: Half the carriageway's width, metres.
        pavement: Width of each pavement, metres.
        asphalt, slabs: Colours.
        cobbled: Cobbles in place of asphalt.
        centre: `none`, `dashes`, `line` or `double`.
        yellow: Whether the centre line is yellow.
        rails: Whether a tram runs here.
        parking: Whether there are marked parking bays.
    """

    half: float
    pavement: float
    asphalt: Colour
    slabs: Colour
    cobbled: bool
    centre: str
    yellow: bool
    rails: bool
    parking: bool

    @property
    def wall(self) -> float:
        """Distance of the building line from the axis, metres."""
        return self.half + self.pavement


@dataclass(frozen=True, slots=True)
class Crossing:
    """Where side streets meet the road: metres along the street, and whether there is a zebra before it."""

    start: float
    end: float
    left: bool
    right: bool
    zebra: bool


def design_road(rng: random.Random) -> Road:
    """A street's cross-section."""
    grey = rng.randint(82, 112)
    pale = rng.randint(128, 160)
    warm = rng.randint(-2, 10)
    return Road(
        half=rng.uniform(3.5, 5.4),
        pavement=rng.uniform(2.2, 3.6),
        asphalt=(grey + 1, grey, grey + 3),
        slabs=(pale + warm, pale, pale - warm),
        cobbled=rng.random() < 0.22,
        centre=rng.choice(("none", "dashes", "dashes", "line", "double")),
        yellow=rng.random() < 0.3,
        rails=rng.random() < 0.18,
        parking=rng.random() < 0.35,
    )


def paint_ground(road: Road, crossings: tuple[Crossing, ...], *, seed: int, snow: bool) -> list[tuple[Plane, Texture]]:
    """The far and the near part of the street's surface, in the order in which they are painted."""
    parts = []
    for (start, end), scale in ((_FAR_M, 6), (_NEAR_M, 20)):
        plane = Plane((-HALF_WIDTH_M, 0.0, start), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0), 2 * HALF_WIDTH_M, end - start)
        image = _paint_part(road, crossings, start=start, end=end, scale=scale, seed=seed)
        parts.append((plane, Texture(_snowed(image, road, scale) if snow else image)))
    return parts


def _paint_part(
    road: Road, crossings: tuple[Crossing, ...], *, start: float, end: float, scale: int, seed: int
) -> Image.Image:
    width, height = round(2 * HALF_WIDTH_M * scale), round((end - start) * scale)
    rng = random.Random(seed)
    tile_scale = 16 if scale > 10 else 8
    blotches = 1 + 0.16 * tiled(noise(31), height, width, shift=(rng.randrange(256), rng.randrange(256)))
    slabs = painted(tiled(wall_tile("slabs", tile_scale), height, width) * blotches, road.slabs)
    surface = wall_tile("cobbles" if road.cobbled else "plain", tile_scale)
    carriageway = painted(tiled(surface, height, width) * blotches, road.asphalt)
    sheet = Sheet(slabs, scale)
    middle = HALF_WIDTH_M
    carriageway_box = (round((middle - road.half) * scale), 0, round((middle + road.half) * scale), height)
    slabs.paste(carriageway.crop(carriageway_box), carriageway_box[:2])
    for crossing in crossings:
        _open_side_streets(slabs, carriageway, crossing, road=road, start=start, scale=scale)
    marks = _Marks(sheet, start, end)
    _paint_markings(marks, road, crossings, rng)
    return slabs


def _open_side_streets(
    slabs: Image.Image, carriageway: Image.Image, crossing: Crossing, *, road: Road, start: float, scale: int
) -> None:
    low, high = (
        slabs.height - round((crossing.start + 1.2 - start) * scale),
        slabs.height - round((crossing.end - 1.2 - start) * scale),
    )
    low, high = min(low, slabs.height), max(high, 0)
    if high >= low:
        return
    edge = round((HALF_WIDTH_M - road.half) * scale)
    spans = [(0, edge)] * crossing.left + [(slabs.width - edge, slabs.width)] * crossing.right
    for left, right in spans:
        slabs.paste(carriageway.crop((left, high, right, low)), (left, high))


class _Marks:
    """Draws onto the ground in metres of the street."""

    def __init__(self, sheet: Sheet, start: float, end: float) -> None:
        self.sheet, self.start, self.end = sheet, start, end

    def box(self, left: float, near: float, right: float, far: float, colour: Colour) -> None:
        """A rectangle from `left` to `right` of the axis, from `near` to `far` along the street."""
        if far > self.start and near < self.end:
            self.sheet.box(left + HALF_WIDTH_M, near - self.start, right + HALF_WIDTH_M, far - self.start, colour)


def _paint_markings(marks: _Marks, road: Road, crossings: tuple[Crossing, ...], rng: random.Random) -> None:
    paint = (206, 168, 62) if road.yellow else (206, 206, 200)
    for side in (-1, 1):
        edge = side * road.half
        marks.box(edge - 0.14, marks.start, edge + 0.14, marks.end, scaled(road.slabs, 1.14))
        gutter = edge - side * 0.24
        marks.box(gutter - 0.1, marks.start, gutter + 0.1, marks.end, scaled(road.asphalt, 0.74))
        if road.rails:
            for rail in (0.72, 2.16):
                for shade, reach in ((0.62, 0.13), (1.35, 0.05)):
                    marks.box(
                        side * rail - reach, marks.start, side * rail + reach, marks.end, scaled(road.asphalt, shade)
                    )
        if road.parking:
            for bay in range(int(marks.start // 6) * 6, int(marks.end), 6):
                marks.box(min(edge, edge - side * 2.1), bay, max(edge, edge - side * 2.1), bay + 0.12, paint)
    _paint_centre(marks, road, paint)
    for _ in range(14):  # manholes and patches of newer asphalt
        across, along = rng.uniform(-road.half + 0.8, road.half - 0.8), rng.uniform(0, 110)
        size = rng.choice((0.35, 0.35, rng.uniform(0.6, 1.4)))
        marks.box(
            across - size,
            along - size,
            across + size,
            along + size * rng.uniform(0.8, 2.5),
            scaled(road.asphalt, rng.uniform(0.72, 0.92)),
        )
    for crossing in crossings:
        for side, is_open in ((-1, crossing.left), (1, crossing.right)):
            if is_open:
                edge = side * road.half
                marks.box(edge - 0.16, crossing.start + 1.2, edge + 0.16, crossing.end - 1.2, road.asphalt)
        if crossing.zebra:
            for stripe in np.arange(-road.half + 0.4, road.half - 0.5, 1.0).tolist():
                marks.box(stripe, crossing.start - 4.2, stripe + 0.5, crossing.start - 1.2, (212, 212, 206))


def _paint_centre(marks: _Marks, road: Road, paint: Colour) -> None:
    if road.centre == "dashes":
        for dash in range(int(marks.start // 6) * 6, int(marks.end), 6):
            marks.box(-0.08, dash, 0.08, dash + 3, paint)
    elif road.centre == "line":
        marks.box(-0.08, marks.start, 0.08, marks.end, paint)
    elif road.centre == "double":
        marks.box(-0.2, marks.start, -0.08, marks.end, paint)
        marks.box(0.08, marks.start, 0.2, marks.end, paint)


def _snowed(image: Image.Image, road: Road, scale: int) -> Image.Image:
    """The ground under snow, with tyre tracks where cars drive."""
    cover = 0.86 + 0.25 * tiled(noise(32), image.height, image.width)
    across = np.abs(np.arange(image.width) / scale - HALF_WIDTH_M)
    for track in (0.9, 2.5):
        cover *= 1 - 0.5 * np.exp(-(((across - track) / 0.3) ** 2))
    cover *= np.where(across < road.half, 0.93, 1.0)
    mask = Image.fromarray(np.clip(cover * 255, 0, 255).astype(np.uint8))
    return Image.composite(Image.new("RGB", image.size, (232, 236, 242)), image, mask)
