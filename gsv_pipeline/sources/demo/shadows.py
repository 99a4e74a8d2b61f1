"""Shadows that houses throw on the street and on the houses across it, and the pools of light at night."""

import math
from typing import Final

from PIL import Image, ImageDraw, ImageFilter

from gsv_pipeline.sources.demo.buildings import Building
from gsv_pipeline.sources.demo.fittings import Fitting
from gsv_pipeline.sources.demo.geometry import Point
from gsv_pipeline.sources.demo.painter import Painter

_SHADE: Final = (0.62, 0, 0, 0, 0, 0.66, 0, 0, 0, 0, 0.74, 0)
_POOLS: Final = ((4.6, (26, 21, 13)), (3.2, (48, 39, 25)), (1.8, (74, 61, 40)))


def paint_ground_shadows(painter: Painter, buildings: tuple[Building, ...]) -> None:
    """The shadow of each house on the sunny side, from its foot to where its eaves' shadow falls."""
    sun_x, sun_y, sun_z = painter.light.sun_direction
    shapes = []
    for building in buildings:
        if building.side * sun_x > 0.05 * sun_y:  # the sun stands behind this row
            high, x = building.house.eaves, building.x
            tip_x, tip_z = x - sun_x / sun_y * high, -sun_z / sun_y * high
            shapes.append(
                [
                    (x, 0.0, building.start),
                    (x, 0.0, building.end),
                    (tip_x, 0.0, building.end + tip_z),
                    (tip_x, 0.0, building.start + tip_z),
                ]
            )
    _darken(painter, shapes)


def paint_wall_shadows(painter: Painter, buildings: tuple[Building, ...]) -> None:
    """What the sunny side's houses throw on the fronts across the street, below those fronts' eaves."""
    sun_x, sun_y, sun_z = painter.light.sun_direction
    if abs(sun_x) < 0.2:
        return
    shapes = []
    for caster in buildings:
        if caster.side * sun_x <= 0:
            continue
        width = 2 * caster.wall
        reach = caster.house.eaves - width / abs(sun_x) * sun_y
        shift = -sun_z / abs(sun_x) * width
        if reach <= 0.2:
            continue
        for wall in buildings:
            start, end = max(wall.start, caster.start + shift), min(wall.end, caster.end + shift)
            if wall.side == -caster.side and start < end:
                high = min(reach, wall.house.eaves)
                shapes.append([(wall.x, 0.0, start), (wall.x, 0.0, end), (wall.x, high, end), (wall.x, high, start)])
    _darken(painter, shapes)


def _darken(painter: Painter, shapes: list[list[Point]]) -> None:
    outlines = [outline for outline in map(painter.camera.project, shapes) if painter.camera.touches(outline)]
    if not outlines:
        return
    mask = Image.new("L", painter.canvas.size)
    draw = ImageDraw.Draw(mask)
    for outline in outlines:
        draw.polygon(outline, 255)
    painter.canvas.paste(painter.canvas.convert("RGB", _SHADE), (0, 0), mask)


def paint_light_pools(painter: Painter, lamps: list[Fitting]) -> None:
    """Rings of light on the ground under the lamps; nothing by day."""
    if painter.glow is None:
        return
    draw = ImageDraw.Draw(painter.glow)
    for radius, colour in _POOLS:
        for lamp in lamps:
            x, z = lamp.across - math.copysign(0.8, lamp.across), lamp.along
            ring: list[Point] = [
                (x + radius * math.cos(turn * math.pi / 10), 0.0, z + radius * math.sin(turn * math.pi / 10))
                for turn in range(20)
            ]
            outline = painter.camera.project(ring)
            if painter.camera.touches(outline):
                draw.polygon(outline, colour)
    painter.glow.paste(
        painter.glow.reduce(4)
        .filter(ImageFilter.GaussianBlur(1.6))
        .resize(painter.glow.size, Image.Resampling.BILINEAR)
    )
