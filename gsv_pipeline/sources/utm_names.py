"""File names that hold UTM coordinates, as VPR-datasets-downloader writes them, and the places that they form.

`@UTM_east@UTM_north@zone_number@zone_letter@latitude@longitude@pano_id@tile@heading@pitch@roll@height@timestamp@note@.jpg`
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from gsv_pipeline.errors import ConfigError

FORM: Final = "@UTM_east@UTM_north@...@.jpg"
CELLS: Final = 5  # N of CosPlace: every fifth cell, in both directions, may be in the same group
SECTORS: Final = 2  # L of CosPlace: every second heading sector
_FIELDS: Final = 14
_ZONES: Final = 60
_BANDS: Final = frozenset("CDEFGHJKLMNPQRSTUVWX")  # from 80° south to 84° north; from N on they are northern
_DATE: Final = re.compile(r"(\d{4})(?:[-_.:]?(\d{2}))?")
_FIRST_PHOTOGRAPH: Final = 1826
_LAST_YEAR: Final = 2100


@dataclass(frozen=True, slots=True)
class UtmName:
    """What such a file name says.

    Args:
        east: Metres.
        north: Metres.
        zone: UTM zone, 1 to 60; 0 where the name does not say.
        hemisphere: 'N', 'S', or empty where the name does not say.
        lat: Degrees; not a number where the name does not say.
        lon: Degrees, likewise.
        heading: Degrees clockwise from north, as written; not a number where the name does not say.
        year: 0 where the name does not say.
        month: 1 to 12, or 0.
        view: The panorama, and which part of it where it is cut into several; may be empty.
        unreadable: The first field that holds something else than it should; empty for a sound name.
    """

    east: float
    north: float
    zone: int
    hemisphere: str
    lat: float
    lon: float
    heading: float
    year: int
    month: int
    view: str
    unreadable: str


def parse_utm_name(name: str) -> UtmName | None:
    """Read a file name; None where it does not begin with two coordinates. Every field after those may be empty."""
    fields = name.split("@")[1:-1]  # what stands before the first `@` and after the last is no field
    east, north = (_number(field) for field in fields[:2]) if len(fields) >= 2 else (None, None)
    if east is None or north is None or math.isnan(east) or math.isnan(north):
        return None
    fields += [""] * (_FIELDS - len(fields))
    zone, letter = _zone(fields[2]), fields[3].strip().upper()
    lat, lon, heading = _number(fields[4]), _number(fields[5]), _number(fields[8])
    unreadable = ""
    if zone is None or lat is None or lon is None or heading is None or (letter and letter not in _BANDS):
        readable = {"zone": zone, "latitude": lat, "longitude": lon, "heading": heading}
        texts = dict(zip(readable, (fields[2], fields[4], fields[5], fields[8]), strict=True))
        wrong = {label: texts[label] for label, value in readable.items() if value is None} or {"zone letter": letter}
        unreadable = ", ".join(f"{label} {text!r}" for label, text in wrong.items())
    year, month = parse_date(fields[12])
    view = "@".join((fields[6], fields[7], fields[8], fields[9])).rstrip("@") if fields[6] else ""
    return UtmName(
        east,
        north,
        zone or 0,
        _hemisphere(letter, lat),
        math.nan if lat is None else lat,
        math.nan if lon is None else lon,
        math.nan if heading is None else heading,
        year,
        month,
        view,
        unreadable,
    )


def parse_date(text: str) -> tuple[int, int]:
    """Year and month of `201307`, `2013-07`, `20130715_101500`, `2013-07-15T10:15` or `2013`; 0 for what is unsaid."""
    found = _DATE.match(text.strip())
    if found is None:
        return 0, 0
    year, month = int(found[1]), int(found[2] or 0)
    if not _FIRST_PHOTOGRAPH <= year <= _LAST_YEAR or month > 12 or (found[2] and month == 0):
        return 0, 0  # seconds since 1970, for example
    return year, month


def _number(text: str) -> float | None:
    """Not a number for an empty field, None for one that holds something else."""
    if not text or text.isspace():
        return math.nan
    try:
        value = float(text)
    except ValueError:
        return None
    return None if math.isinf(value) else value


def _zone(text: str) -> int | None:
    value = _number(text)
    if value is None or math.isnan(value):
        return None if value is None else 0
    return int(value) if value.is_integer() and 1 <= value <= _ZONES else None


def _hemisphere(letter: str, lat: float | None) -> str:
    if letter in _BANDS:
        return "N" if letter >= "N" else "S"
    if lat is None or math.isnan(lat):
        return ""
    return "N" if lat >= 0 else "S"


@dataclass(frozen=True, slots=True)
class Grid:
    """Places as CosPlace forms them: cells on the ground times sectors of heading.

    Berton et al. 2022, section 3.2 (arXiv 2204.02287): M = 10 m, alpha = 30°, N = 5, L = 2. Cells are counted from the
    zone's own origin, so a photograph that is added never moves or renames the place of another.

    Args:
        cell_m: Side of a cell in whole metres.
        sector_deg: Width of a sector in whole degrees; divides 360.
        group: Which one of the N·N·L groups to keep, in which no two places touch; None keeps all places.
    """

    cell_m: int = 10
    sector_deg: int = 30
    group: int | None = None

    @classmethod
    def of(cls, *, cell_m: float, sector_deg: float, group: int | None) -> "Grid":
        """The grid of a source's arguments.

        Raises:
            ConfigError: A number out of range, or sectors that cannot be told apart into groups.
        """
        metres = _whole("cell_m", cell_m, expected="a whole number of metres, at least 1")
        degrees = _whole("sector_deg", sector_deg, expected="a whole number of degrees that divides 360")
        if 360 % degrees:
            raise ConfigError(
                f"source 'photographs': sector_deg is {sector_deg}, expected a whole number that divides 360."
            )
        grid = cls(metres, degrees)
        if group is None:
            return grid
        if grid.sectors > 1 and grid.sectors % SECTORS:
            raise ConfigError(
                f"source 'photographs': sector_deg={sector_deg} makes {grid.sectors} sectors, an odd number, so "
                "the last one would touch the first one of its group. Choose 30, 45, 60, 90, 180 or 360."
            )
        if isinstance(group, bool) or not isinstance(group, int) or not 0 <= group < grid.num_groups:
            raise ConfigError(
                f"source 'photographs': group is {group!r}, expected a whole number from 0 to {grid.num_groups - 1}."
            )
        return cls(metres, degrees, group)

    @property
    def sectors(self) -> int:
        """How many sectors a full turn has."""
        return 360 // self.sector_deg

    @property
    def num_groups(self) -> int:
        """How many groups there are; without heading only the first half of them can hold images."""
        return CELLS * CELLS * min(SECTORS, self.sectors)

    def cell(self, name: UtmName) -> tuple[str, int, int]:
        """Zone, column and row of the cell."""
        zone = f"Z{name.zone:02d}{name.hemisphere}-" if name.zone else ""
        return zone, int(name.east // self.cell_m), int(name.north // self.cell_m)

    def sector(self, name: UtmName) -> int | None:
        """Number of the sector, clockwise from north; None without heading."""
        if math.isnan(name.heading):
            return None
        # A tiny negative angle modulo 360 is rounded up to 360 itself, which is sector 0 again.
        return int(name.heading % 360.0 // self.sector_deg) % self.sectors

    def key(self, name: UtmName) -> str:
        """The place: zone, south-western corner of the cell in metres, start of the sector: `E0548120N4163220H030`."""
        zone, column, row = self.cell(name)
        sector = self.sector(name)
        heading = "" if sector is None else f"H{sector * self.sector_deg:03d}"
        return f"{zone}E{column * self.cell_m:07d}N{row * self.cell_m:07d}{heading}"

    def group_of(self, name: UtmName) -> int:
        """Number of the group that the place is in."""
        _, column, row = self.cell(name)
        return (self.sector(name) or 0) % SECTORS * CELLS * CELLS + column % CELLS * CELLS + row % CELLS

    def kept(self, names: Sequence[UtmName]) -> list[bool]:
        """Which images of a city are in the chosen group.

        Where some images have a heading, those without are in no group: they would share a cell with the others.
        """
        if self.group is None:
            return [True] * len(names)
        headed = any(not math.isnan(name.heading) for name in names)
        return [self.group_of(name) == self.group and not (headed and math.isnan(name.heading)) for name in names]


def _whole(argument: str, value: Any, *, expected: str) -> int:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or value < 1 or value % 1:
        raise ConfigError(f"source 'photographs': {argument} is {value!r}, expected {expected}.")
    return int(value)
