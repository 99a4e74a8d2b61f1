"""Solid things on house fronts, for parallax: balconies, bays, awnings and hanging signs."""

from gsv_pipeline.sources.demo.boards import IRON, paint_board, span
from gsv_pipeline.sources.demo.buildings import SNOW, Building
from gsv_pipeline.sources.demo.painter import Painter
from gsv_pipeline.sources.demo.palettes import Colour, scaled


def paint_front_fittings(painter: Painter, building: Building) -> None:
    """Whatever hangs on the front of a building, in front of its wall."""
    house = building.house
    near = building.start - painter.camera.position[2] < 34
    inner = building.x - 1.3 * building.side
    if not painter.sees(
        [
            (x, up, along)
            for x in (building.x, inner)
            for up in (0.0, house.eaves)
            for along in (building.start, building.end)
        ]
    ):
        return
    for floor in house.extras.balcony_floors:
        _paint_balcony(painter, building, floor, bars=near)
    if house.extras.bay is not None:
        _paint_bay(painter, building)
    if house.extras.awning:
        _paint_awning(painter, building)
    if house.extras.hanging_sign and near:
        _paint_hanging_sign(painter, building)


def _paint_balcony(painter: Painter, building: Building, floor: int, *, bars: bool) -> None:
    house, x, side = building.house, building.x, building.side
    level = house.ground_height + (floor - 1) * house.floor_height + 0.12
    start, end, toward = building.start + 0.9, building.end - 0.9, x - side * 0.8
    low, high = span(x, toward)
    slab, snow = scaled(house.colours.trim, 0.9), SNOW if painter.light.snow else None
    painter.box((low, level, start), (high, level + 0.16, end), slab, top=snow)
    iron = IRON if house.seed % 3 else house.colours.accent
    painter.box((toward - 0.03, level + 1.0, start), (toward + 0.03, level + 1.08, end), iron)
    if house.seed % 4 == 0:
        painter.box((toward - 0.02, level + 0.2, start), (toward + 0.02, level + 0.95, end), scaled(iron, 1.2))
        painter.box((low, level + 0.2, start), (high, level + 0.95, start + 0.02), iron)
    elif bars:
        count = max(3, int((end - start) / 0.45))
        for z in (start + (end - start) * step / count for step in range(count + 1)):
            edges = (
                (level + 0.16, z - 0.03),
                (level + 0.16, z + 0.03),
                (level + 1.0, z + 0.03),
                (level + 1.0, z - 0.03),
            )
            painter.polygon([(toward, up, along) for up, along in edges], iron, normal=building.normal)


def _paint_bay(painter: Painter, building: Building) -> None:
    house, x, side, bay = building.house, building.x, building.side, building.house.extras.bay
    assert bay is not None
    middle = bay.left + bay.width / 2 if side < 0 else house.width - bay.left - bay.width / 2
    z, half = building.start + middle, bay.width / 2 + 0.35
    toward = x - side * 0.7
    low, high = span(x, toward)
    bottom, top = bay.bottom - 0.4, house.ground_height + min(2, house.floors) * house.floor_height - 0.3
    painter.box(
        (low, bottom, z - half),
        (high, top, z + half),
        scaled(house.colours.trim, 0.9),
        top=SNOW if painter.light.snow else house.colours.tiles,
    )
    glass = (74, 90, 104)
    front, edge = toward - side * 0.01, z - half - 0.01
    for floor in range(min(2, house.floors)):
        sill = bay.bottom + floor * house.floor_height
        head = min(sill + bay.height, top - 0.1)
        painter.polygon(
            [
                (front, sill, z - half + 0.15),
                (front, sill, z + half - 0.15),
                (front, head, z + half - 0.15),
                (front, head, z - half + 0.15),
            ],
            glass,
            normal=building.normal,
        )
        painter.polygon(
            [(low + 0.12, sill, edge), (high - 0.12, sill, edge), (high - 0.12, head, edge), (low + 0.12, head, edge)],
            glass,
            normal=(0, 0, -1),
        )


def _paint_awning(painter: Painter, building: Building) -> None:
    house, x, side = building.house, building.x, building.side
    start, end, level = building.start + 0.4, building.end - 0.4, house.ground_height - 0.9
    toward, drop = x - side * 1.3, level - 0.75
    stripes = max(1, round((end - start) / 0.7)) if house.extras.striped else 1
    pale = (236, 230, 214)
    normal = (-side * 0.5, 0.866, 0.0)
    for stripe in range(stripes):
        low, high = start + (end - start) * stripe / stripes, start + (end - start) * (stripe + 1) / stripes
        colour: Colour = house.colours.second_accent if stripe % 2 == 0 else pale
        cloth = SNOW if painter.light.snow else colour
        if painter.camera.position[1] > drop:
            painter.polygon(
                [(x, level, low), (x, level, high), (toward, drop, high), (toward, drop, low)], cloth, normal=normal
            )
        else:
            painter.polygon(
                [(x, level, low), (x, level, high), (toward, drop, high), (toward, drop, low)],
                scaled(colour, 0.75),
                normal=normal,
            )
        painter.polygon(
            [(toward, drop, low), (toward, drop, high), (toward, drop - 0.28, high), (toward, drop - 0.28, low)],
            scaled(colour, 0.92),
            normal=building.normal,
        )
    painter.polygon(
        [(x, level, start), (toward, drop, start), (toward, drop - 0.28, start), (x, drop - 0.28, start)],
        scaled(house.colours.second_accent, 0.7),
        normal=(0, 0, -1),
    )


def _paint_hanging_sign(painter: Painter, building: Building) -> None:
    house, x, side = building.house, building.x, building.side
    z, level = building.start + house.width * 0.3, house.ground_height + 0.1
    low, high = span(x, x - side * 1.15)
    painter.box((low, level + 0.95, z), (high, level + 1.02, z + 0.06), IRON)
    inner = min(x - side * 0.15, x - side * 1.1)
    paint_board(
        painter,
        (inner, level, z),
        (0.95, 0.9),
        text=house.sign[:6],
        colour=house.colours.second_accent,
        shine=scaled(house.colours.second_accent, 0.7),
    )
