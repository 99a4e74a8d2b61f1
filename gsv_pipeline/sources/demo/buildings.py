"""Houses at their spots in the street, with the textures that are painted for them."""

from dataclasses import dataclass, field

from gsv_pipeline.sources.demo.facade import paint_facade
from gsv_pipeline.sources.demo.geometry import Plane, Point
from gsv_pipeline.sources.demo.house import House
from gsv_pipeline.sources.demo.materials import painted, wall_tile
from gsv_pipeline.sources.demo.painter import Texture
from gsv_pipeline.sources.demo.palettes import Colour

DEPTH_M = 9.0
"""How far houses reach back from the street."""

SNOW: Colour = (230, 234, 240)


@dataclass(slots=True)
class Building:
    """A house at its spot. Textures are painted on first use and kept.

    Args:
        house: What it looks like.
        side: -1 left of the street, 1 right of it.
        wall: Distance of the building line from the street's axis, metres.
        start: Where it begins along the street, metres.
        side_house: The look of the wall towards a side street, if there is one.
        shoulder: Eaves height of the nearer neighbour, 0 if there is none.
    """

    house: House
    side: int
    wall: float
    start: float
    side_house: House | None = None
    shoulder: float = 0.0
    _front: Texture | None = field(default=None, init=False)
    _flank: Texture | None = field(default=None, init=False)
    _roof: Texture | None = field(default=None, init=False)

    @property
    def end(self) -> float:
        """Where it ends along the street, metres."""
        return self.start + self.house.width

    @property
    def x(self) -> float:
        """The front's distance from the street's axis, negative on the left."""
        return self.side * (self.wall + self.house.setback)

    @property
    def normal(self) -> Point:
        """Of the front, towards the street."""
        return (-float(self.side), 0.0, 0.0)

    def front_plane(self) -> Plane:
        """The front, with its left end on the left of who looks at it from the street."""
        return front_plane(self.side, self.x, self.start, self.end, self.house.top)

    def front_texture(self) -> Texture:
        """Painted sharper the nearer the house stands."""
        if self._front is None:
            self._front = Texture(paint_facade(self.house, scale_at(self.start)))
        return self._front

    def flank_texture(self) -> Texture:
        """The wall towards a side street."""
        if self._flank is None:
            assert self.side_house is not None
            self._flank = Texture(paint_facade(self.side_house, min(16, scale_at(self.start))))
        return self._flank

    def roof_texture(self) -> Texture:
        """Rows of tiles."""
        if self._roof is None:
            self._roof = Texture(painted(wall_tile("board", 8), self.house.colours.tiles))
        return self._roof


def scale_at(distance: float) -> int:
    """Pixels per metre that a front at this distance deserves."""
    return 32 if distance < 22 else 16 if distance < 55 else 8


def front_plane(side: int, x: float, start: float, end: float, height: float) -> Plane:
    """A wall along the street: text on it reads from left to right on both sides."""
    origin, across = ((x, 0.0, start), (0.0, 0.0, 1.0)) if side < 0 else ((x, 0.0, end), (0.0, 0.0, -1.0))
    return Plane(origin, across, (0.0, 1.0, 0.0), end - start, height)


@dataclass(slots=True)
class ClosingFront:
    """A house front that faces the street where it ends: left edge and distance in metres."""

    house: House
    left: float
    along: float
    _texture: Texture | None = field(default=None, init=False)

    def texture(self) -> Texture:
        """Painted on first use."""
        if self._texture is None:
            self._texture = Texture(paint_facade(self.house, 8))
        return self._texture
