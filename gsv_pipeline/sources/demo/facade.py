"""Paints a house front as a texture: wall, windows with frame, sill and reflection, shutters, doors, shop and sign."""

import random
from typing import Final

import numpy as np
from PIL import Image

from gsv_pipeline.sources.demo.house import House
from gsv_pipeline.sources.demo.materials import painted, tiled, wall_tile
from gsv_pipeline.sources.demo.openings import Opening
from gsv_pipeline.sources.demo.palettes import ACCENTS, blended, scaled
from gsv_pipeline.sources.demo.sheet import Sheet

_GLASS: Final = (62, 76, 90)
_SKY_IN_GLASS: Final = (150, 172, 190)
_WARM: Final = ((255, 206, 130), (255, 224, 168), (248, 190, 104), (226, 232, 240))


def paint_facade(house: House, scale: int) -> Image.Image:
    """The front of `house` at `scale` pixels per metre, as high as its outline."""
    width, height = max(4, round(house.width * scale)), max(4, round(house.top * scale))
    rng = random.Random(house.seed)
    shade = tiled(wall_tile(house.material, scale), height, width, shift=(rng.randrange(256), rng.randrange(256)))
    soiling = np.clip(np.linspace(1.06, 0.98, height, dtype=np.float32), None, 1.04)[:, None]
    sheet = Sheet(painted(shade * soiling, house.colours.wall), scale)
    _paint_base(sheet, house)
    _paint_mouldings(sheet, house)
    for opening in house.openings:
        if opening.kind == "shop":
            _paint_shop(sheet, house, opening, rng)
        elif opening.kind == "door":
            _paint_door(sheet, house, opening)
        else:
            _paint_window(sheet, house, opening, rng)
    if house.sign:
        _paint_sign(sheet, house)
    return sheet.image


def _paint_base(sheet: Sheet, house: House) -> None:
    if house.colours.base != house.colours.wall:
        low = round((house.ground_height - 0.35) * sheet.scale)
        shade = tiled(wall_tile("stone", int(sheet.scale)), low, sheet.image.width)
        sheet.image.paste(painted(shade, house.colours.base), (0, sheet.image.height - low))
    sheet.box(0, 0, house.width, 0.45, scaled(house.colours.base, 0.72))


def _paint_mouldings(sheet: Sheet, house: House) -> None:
    trim, width = house.colours.trim, house.width
    if house.bands:
        for floor in range(house.floors + 1):
            level = house.ground_height + floor * house.floor_height
            sheet.box(0, level - 0.06, width, level + 0.1, scaled(trim, 0.95))
            sheet.box(0, level - 0.12, width, level - 0.06, scaled(house.colours.wall, 0.7))
    if house.quoins:
        for step in range(int(house.eaves / 0.5)):
            reach = 0.5 if step % 2 else 0.3
            for left in (0.0, width - reach):
                sheet.box(left, step * 0.5, left + reach, step * 0.5 + 0.46, scaled(trim, 0.93 + 0.05 * (step % 2)))
    if house.roof in ("gable", "stepped"):
        edge = [(across, up) for across, up in house.outline[2:]]
        points = [(x * sheet.scale, sheet.image.height - y * sheet.scale) for x, y in edge]
        sheet.draw.line(points, scaled(trim, 0.9), max(1, round(0.28 * sheet.scale)))
    else:
        sheet.box(0, house.top - 0.35, width, house.top, scaled(trim, 0.9))
        sheet.box(0, house.top - 0.45, width, house.top - 0.35, scaled(house.colours.wall, 0.6))


def _paint_window(sheet: Sheet, house: House, opening: Opening, rng: random.Random) -> None:
    left, bottom, right, top = (
        opening.left,
        opening.bottom,
        opening.left + opening.width,
        opening.bottom + opening.height,
    )
    if house.window_kind == "french" and opening.floor > 0 and opening.kind == "window":
        bottom -= 0.45
    sheet.box(left - 0.12, bottom - 0.04, right + 0.12, top + 0.22, scaled(house.colours.trim, 0.84))
    if house.window_kind == "arched" and opening.kind == "window":
        sheet.polygon(
            [(left - 0.12, top + 0.2), ((left + right) / 2, top + 0.48), (right + 0.12, top + 0.2)],
            scaled(house.colours.trim, 0.8),
        )
    sheet.box(left, bottom, right, top, house.colours.trim)
    glass = (left + 0.07, bottom + 0.07, right - 0.07, top - 0.07)
    _paint_glass(sheet, glass, rng)
    _paint_bars(sheet, house, glass)
    sheet.box(left, top - 0.03, right, top + 0.03, scaled(house.colours.trim, 0.55))
    sheet.box(left - 0.16, bottom - 0.14, right + 0.16, bottom, scaled(house.colours.trim, 1.04))
    sheet.box(left - 0.12, bottom - 0.22, right + 0.12, bottom - 0.14, scaled(house.colours.wall, 0.6))
    if house.shutters and opening.kind == "window":
        reach = opening.width * 0.46
        for start in (left - reach - 0.04, right + 0.04):
            sheet.box(start, bottom, start + reach, top, scaled(house.colours.accent, 0.95))
            for slat in range(int((top - bottom) / 0.2)):
                sheet.box(
                    start + 0.06,
                    bottom + 0.2 * slat,
                    start + reach - 0.06,
                    bottom + 0.2 * slat + 0.05,
                    scaled(house.colours.accent, 0.7),
                )


def _paint_glass(sheet: Sheet, glass: tuple[float, float, float, float], rng: random.Random) -> None:
    left, bottom, right, top = glass
    tone = blended(_GLASS, _SKY_IN_GLASS, rng.uniform(0.0, 0.45))
    sheet.box(left, bottom, right, top, tone)
    middle = bottom + (top - bottom) * rng.uniform(0.35, 0.65)
    sheet.polygon(
        [(left, top), (right, top), (right, middle + 0.3), (left, middle - 0.2)], blended(tone, _SKY_IN_GLASS, 0.45)
    )
    kind = rng.random()
    if kind < 0.35:  # curtains
        colour = rng.choice(((226, 220, 206), (202, 190, 172), (190, 150, 130)))
        share = rng.uniform(0.18, 0.34) * (right - left)
        sheet.box(left, bottom, left + share, top, colour)
        sheet.box(right - share, bottom, right, top, scaled(colour, 0.93))
    elif kind < 0.55:  # a blind
        sheet.box(
            left,
            top - (top - bottom) * rng.uniform(0.2, 0.8),
            right,
            top,
            rng.choice(((216, 210, 196), (180, 176, 168), (150, 128, 104))),
        )


def _paint_bars(sheet: Sheet, house: House, glass: tuple[float, float, float, float]) -> None:
    left, bottom, right, top = glass
    colour = scaled(house.colours.trim, 0.96)
    columns, rows = {"sash": (2, 2), "casement": (2, 1), "french": (2, 3), "grid": (3, 4), "arched": (2, 3)}[
        house.window_kind
    ]
    for column in range(1, columns):
        middle = left + (right - left) * column / columns
        sheet.box(middle - 0.035, bottom, middle + 0.035, top, colour)
    for row in range(1, rows):
        middle = bottom + (top - bottom) * row / rows
        sheet.box(left, middle - 0.03, right, middle + 0.03, colour)


def _paint_door(sheet: Sheet, house: House, door: Opening) -> None:
    left, right, top = door.left, door.left + door.width, door.bottom + door.height
    sheet.box(left - 0.18, 0, right + 0.18, top + 0.24, scaled(house.colours.trim, 0.86))
    sheet.box(left, door.bottom, right, top, scaled(house.colours.accent, 0.86))
    sheet.box(left, top - 0.5, right, top - 0.06, blended(_GLASS, _SKY_IN_GLASS, 0.4))
    for column in range(2):
        start = left + 0.1 + column * (door.width / 2 - 0.02)
        sheet.box(start, 0.4, start + door.width / 2 - 0.18, 1.0, scaled(house.colours.accent, 0.62))
        sheet.box(start, 1.15, start + door.width / 2 - 0.18, top - 0.65, scaled(house.colours.accent, 0.68))
    sheet.box(right - 0.16, 1.0, right - 0.1, 1.14, (206, 186, 120))
    sheet.box(left - 0.3, 0, right + 0.3, 0.14, (150, 148, 142))


def _paint_shop(sheet: Sheet, house: House, shop: Opening, rng: random.Random) -> None:
    left, bottom, right, top = shop.left, shop.bottom, shop.left + shop.width, shop.bottom + shop.height
    sheet.box(left - 0.2, 0.1, right + 0.2, top + 0.15, scaled(house.colours.accent, 0.72))
    sheet.box(left, bottom, right, top, (74, 84, 92))
    sheet.polygon([(left, top), (right, top), (right, bottom + 0.9), (left, top - 0.6)], (104, 120, 132))
    for _ in range(max(2, int(shop.width * 1.6))):  # goods in the window
        start, size = rng.uniform(left + 0.1, max(left + 0.12, right - 0.7)), rng.uniform(0.2, 0.6)
        sheet.box(
            start,
            bottom + 0.08,
            start + size,
            bottom + rng.uniform(0.3, 1.1),
            scaled(rng.choice(ACCENTS), rng.uniform(0.7, 1.3)),
        )
    for pane in range(1, max(1, round(shop.width / 1.7))):
        middle = left + shop.width * pane / max(1, round(shop.width / 1.7))
        sheet.box(middle - 0.05, bottom, middle + 0.05, top, scaled(house.colours.accent, 0.6))
    sheet.box(left, top - 0.42, right, top - 0.36, scaled(house.colours.accent, 0.6))


def _paint_sign(sheet: Sheet, house: House) -> None:
    bottom, top = house.ground_height - 0.85, house.ground_height - 0.2
    sheet.box(0.25, bottom, house.width - 0.25, top, house.colours.accent)
    sheet.box(0.25, bottom, house.width - 0.25, bottom + 0.06, scaled(house.colours.accent, 0.6))
    pale = sum(house.colours.accent) < 420
    middle = (house.width * (0.35 + 0.3 * ((house.seed % 97) / 97)), (top + bottom) / 2)
    sheet.text(
        house.sign,
        middle=middle,
        height=0.62,
        width=house.width * 0.6,
        colour=(248, 244, 228) if pale else (34, 30, 30),
    )


def paint_lit_windows(house: House, rng: random.Random, scale: int = 8) -> Image.Image:
    """What shines at night: some windows, most shops and their signs, on black."""
    size = (max(4, round(house.width * scale)), max(4, round(house.top * scale)))
    sheet = Sheet(Image.new("RGB", size), scale)
    share = rng.uniform(0.15, 0.55)
    for opening in house.openings:
        chance = {"shop": 0.75, "door": 0.25}.get(opening.kind, share)
        if rng.random() > chance:
            continue
        colour = scaled(rng.choice(_WARM), rng.uniform(0.55, 0.95))
        bottom = opening.bottom + (opening.height - 0.5 if opening.kind == "door" else 0.0)
        top = opening.bottom + opening.height
        sheet.box(opening.left + 0.07, bottom, opening.left + opening.width - 0.07, top, colour)
        if opening.kind != "door":
            middle = opening.left + opening.width / 2
            sheet.box(middle - 0.04, bottom, middle + 0.04, top, scaled(colour, 0.4))
    if house.sign and rng.random() < 0.7:
        sheet.box(
            0.25,
            house.ground_height - 0.85,
            house.width - 0.25,
            house.ground_height - 0.2,
            scaled(house.colours.accent, 0.8),
        )
    return sheet.image
