"""Roofs and what stands on them: chimneys, dormers, the cornice at their edge."""

from gsv_pipeline.sources.demo.buildings import DEPTH_M, SNOW, Building
from gsv_pipeline.sources.demo.geometry import Plane
from gsv_pipeline.sources.demo.painter import BLACK, Painter
from gsv_pipeline.sources.demo.palettes import Colour, scaled


def paint_roof(painter: Painter, building: Building) -> None:
    """The side of the roof that shows, with what stands on it."""
    house, x, side = building.house, building.x, building.side
    if house.roof == "flat":
        return
    start, end, eaves, top = building.start, building.end, house.eaves, house.eaves + house.roof_rise
    for share in house.extras.chimneys:
        _paint_chimney(painter, building, share)
    if house.roof in ("gable", "stepped"):
        middle, back, slope = (start + end) / 2, x + side * DEPTH_M, house.roof_rise / (house.width / 2)
        normal = (0.0, 1 / (1 + slope**2) ** 0.5, -slope / (1 + slope**2) ** 0.5)
        corners = [(x, eaves, start), (x, top, middle), (back, top, middle), (back, eaves, start)]
        if painter.faces_camera(corners[0], normal):
            painter.polygon(corners, SNOW if painter.light.snow else house.colours.tiles, normal=normal)
        return
    reach = 1.0 if house.roof == "mansard" else DEPTH_M / 2
    length = (reach**2 + house.roof_rise**2) ** 0.5
    normal = (-side * house.roof_rise / length, reach / length, 0.0)
    if not painter.faces_camera((x, eaves, start), normal):
        return
    if painter.light.snow:
        painter.polygon(
            [(x, eaves, start), (x, eaves, end), (x + side * reach, top, end), (x + side * reach, top, start)],
            SNOW,
            normal=normal,
        )
    else:
        upwards = (side * reach / length, house.roof_rise / length, 0.0)
        plane = Plane(
            (x, eaves, start if side < 0 else end), (0.0, 0.0, 1.0 if side < 0 else -1.0), upwards, house.width, length
        )
        painter.textured(plane, building.roof_texture, outline=plane.corners(), normal=normal)
    for number in range(house.extras.dormers):
        _paint_dormer(painter, building, (number + 0.5) / house.extras.dormers, steep=house.roof == "mansard")


def _paint_chimney(painter: Painter, building: Building, share: float) -> None:
    house = building.house
    x = building.x + building.side * DEPTH_M * 0.38
    z = building.start + house.width * share
    top = house.eaves + house.roof_rise + 0.9
    painter.box((x - 0.35, house.eaves, z - 0.4), (x + 0.35, top, z + 0.4), (142, 88, 70))
    painter.box(
        (x - 0.42, top, z - 0.48),
        (x + 0.42, top + 0.15, z + 0.48),
        (106, 92, 86),
        top=SNOW if painter.light.snow else None,
    )


def _paint_dormer(painter: Painter, building: Building, share: float, *, steep: bool) -> None:
    house, side = building.house, building.side
    z = building.start + house.width * share
    out, low = (0.15, house.eaves + 0.5) if steep else (1.1, house.eaves + house.roof_rise * 0.28)
    x, back = building.x + side * out, building.x + side * (out + 1.6)
    high = low + 1.35
    painter.box((min(x, back), low, z - 0.6), (max(x, back), high, z + 0.6), scaled(house.colours.trim, 0.94))
    pane = x - side * 0.01
    painter.polygon(
        [
            (pane, low + 0.18, z - 0.42),
            (pane, low + 0.18, z + 0.42),
            (pane, high - 0.14, z + 0.42),
            (pane, high - 0.14, z - 0.42),
        ],
        (70, 84, 98),
        normal=building.normal,
    )
    roof: Colour = SNOW if painter.light.snow else scaled(house.colours.tiles, 0.8)
    painter.box((min(x, back) - 0.1, high, z - 0.72), (max(x, back) + 0.1, high + 0.14, z + 0.72), roof)


def paint_cornice(painter: Painter, building: Building) -> None:
    """The gutter along the eaves."""
    house, x = building.house, building.x
    toward = x - building.side * 0.28
    colour = scaled(house.colours.trim, 0.92)
    painter.box(
        (min(x, toward), house.eaves - 0.16, building.start),
        (max(x, toward), house.eaves + 0.08, building.end),
        colour,
        shine=BLACK,
    )
