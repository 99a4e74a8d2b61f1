"""Paints a house into the street: its roof, the wall towards the camera and its front."""

import random
from functools import partial

from gsv_pipeline.sources.demo.buildings import DEPTH_M, SNOW, Building, ClosingFront
from gsv_pipeline.sources.demo.facade import paint_lit_windows
from gsv_pipeline.sources.demo.geometry import Plane
from gsv_pipeline.sources.demo.painter import Painter
from gsv_pipeline.sources.demo.palettes import scaled
from gsv_pipeline.sources.demo.roofs import paint_cornice, paint_roof


def paint_building(painter: Painter, building: Building, lamps: random.Random) -> None:
    """The roof, the wall towards the camera and the front, in this order.

    Args:
        painter: Where to paint.
        building: What to paint.
        lamps: Decides which windows are lit at night.
    """
    paint_roof(painter, building)
    _paint_flank(painter, building, lamps)
    plane, house = building.front_plane(), building.house
    shine = partial(paint_lit_windows, house, lamps)
    outline = [plane.point(across, up) for across, up in house.outline]
    painter.textured(plane, building.front_texture, outline=outline, normal=building.normal, shine=shine)
    if house.roof in ("eaves", "mansard"):
        paint_cornice(painter, building)


def _paint_flank(painter: Painter, building: Building, lamps: random.Random) -> None:
    house, x, start = building.house, building.x, building.start
    back = x + building.side * DEPTH_M
    left, right = min(x, back), max(x, back)
    facing = (0.0, 0.0, -1.0)
    if building.side_house is not None:
        flank = building.side_house
        plane = Plane((left, 0.0, start), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), DEPTH_M, flank.top)
        outline = [plane.point(across, up) for across, up in flank.outline]
        shine = partial(paint_lit_windows, flank, lamps)
        painter.textured(plane, building.flank_texture, outline=outline, normal=facing, shine=shine)
    elif building.shoulder < house.eaves:
        painter.polygon(
            [(left, 0.0, start), (right, 0.0, start), (right, house.eaves, start), (left, house.eaves, start)],
            scaled(house.colours.wall, 0.86),
            normal=facing,
        )
    if house.roof == "eaves":
        ridge = (x + building.side * DEPTH_M / 2, house.eaves + house.roof_rise, start)
        painter.polygon(
            [(left, house.eaves, start), (right, house.eaves, start), ridge],
            scaled(house.colours.wall, 0.84),
            normal=facing,
        )


def paint_closing_front(painter: Painter, front: ClosingFront, lamps: random.Random) -> None:
    """The front and, above its eaves, the roof behind it."""
    house = front.house
    plane = Plane((front.left, 0.0, front.along), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), house.width, house.top)
    facing = (0.0, 0.0, -1.0)
    if house.roof in ("eaves", "mansard"):
        right, high = front.left + house.width, house.eaves + house.roof_rise
        back = front.along + 4.0
        corners = [
            (front.left, house.eaves, front.along),
            (right, house.eaves, front.along),
            (right, high, back),
            (front.left, high, back),
        ]
        painter.polygon(corners, SNOW if painter.light.snow else house.colours.tiles, normal=(0.0, 0.8, -0.6))
    outline = [plane.point(across, up) for across, up in house.outline]
    painter.textured(
        plane, front.texture, outline=outline, normal=facing, shine=partial(paint_lit_windows, house, lamps)
    )
