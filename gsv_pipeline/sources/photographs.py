"""The `photographs` source: anyone's images where they lie, with a CSV of places or coordinates in their names."""

import csv
import hashlib
import io
import os
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.images import SUFFIXES
from gsv_pipeline.sources.location import PHOTOGRAPHS, write_location
from gsv_pipeline.sources.utm_names import FORM, Grid, UtmName, parse_utm_name
from gsv_pipeline.tracking import Tracker

REQUIRED: Final = ("image", "place_id")
HEADINGS: Final = ("bearing", "heading", "northdeg")
OPTIONAL: Final = ("lat", "lon", *HEADINGS, "year", "month", "city")
MAX_UNNAMED: Final = 0.01  # as Dataset.max_quarantined: the catalog would refuse a larger share anyway
_EXAMPLES: Final = 3
_BOMS: Final[Mapping[bytes, str]] = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_FALLBACK: Final = "cp1252"  # what spreadsheets write
_ABSOLUTE: Final = re.compile(r"/|[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How photographs become places and cities; the source notes it for the catalog's reader.

    Args:
        table: CSV, absolute or relative to the photographs' folder; None where file names say it.
        cell_m: Side of a place's cell in metres.
        sector_deg: Width of its heading sector in degrees.
        group: One of CosPlace's groups; None keeps all places.
        folders_are_cities: Whether the first folder level is a city, where every image is in such a folder.
    """

    table: str | None = None
    cell_m: float = 10.0
    sector_deg: float = 30.0
    group: int | None = None
    folders_are_cities: bool = True

    @property
    def grid(self) -> Grid:
        """The grid that forms places.

        Raises:
            ConfigError: A number out of range.
        """
        return Grid.of(cell_m=self.cell_m, sector_deg=self.sector_deg, group=self.group)


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies below a folder.

    Args:
        images: Paths relative to it, sorted.
        folders: Every folder below it and itself: relative path, modification time in ns, number of entries; sorted.
    """

    images: tuple[str, ...]
    folders: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV as text.

    Args:
        path: The file.
        columns: Name, in lower case, of those that mean something -> a value per row, blanks around it removed.
        width: How many columns the header has.
        lines: Where each row ends in the file.
        fields: How many values each row has.
        encoding: What it was read in, where that is not UTF-8; else empty.
        sha256: Of its bytes.
    """

    path: Path
    columns: Mapping[str, Sequence[str]]
    width: int
    lines: Sequence[int]
    fields: Sequence[int]
    encoding: str
    sha256: str


def fetch(
    target: Path,
    *,
    tracker: Tracker,
    path: str,
    table: str | None = None,
    cell_m: float = 10.0,
    sector_deg: float = 30.0,
    group: int | None = None,
    folders_are_cities: bool = True,
) -> dict[str, Any]:
    """Record where the photographs lie and how they become places. They are never changed and never copied.

    Args:
        target: Artifact folder; it only gets a note.
        tracker: Is told what was found.
        path: Folder of images; subfolders are read too.
        table: CSV with the columns `image,place_id` and, if known, lat, lon, bearing (or heading, northdeg), year,
            month and city; absolute or relative to `path`. None: file names hold coordinates,
            `@UTM_east@UTM_north@...@.jpg`.
        cell_m: Without a table: side of a place's cell in whole metres.
        sector_deg: Without a table: width of a place's heading sector in whole degrees.
        group: Without a table: keep only this one of CosPlace's groups, in which no two places are neighbours.
        folders_are_cities: Without a table: the first folder level names the city, where every image is in one.

    Raises:
        ConfigError: An argument out of range.
        DataError: No folder, no image, or images of which nothing says where they were taken.
    """
    root = Path(str(path)).expanduser().resolve()  # a folder called 2024 arrives as a number
    if not isinstance(folders_are_cities, bool):
        raise ConfigError(
            f"source 'photographs': folders_are_cities is {folders_are_cities!r}, expected true or false."
        )
    noted = _noted(root, table)
    arrangement = Arrangement(noted, cell_m, sector_deg, group, folders_are_cities)
    grid = arrangement.grid
    if noted is not None and group is not None:
        raise ConfigError("source 'photographs': group= is for places formed by a grid; with table= they are given.")
    images = _images_below(root, target)
    facts = _check_names(root, images, arrangement) if noted is None else _check_table(root, noted, images)
    write_location(target, root, layout=PHOTOGRAPHS, arguments=asdict(arrangement))
    formed = f"cells of {grid.cell_m} m and heading sectors of {grid.sector_deg}°" if noted is None else f"from {noted}"
    formed += f", group {group} of {grid.num_groups}" if group is not None else ""
    tracker.message(f"Using {len(images)} photographs in {root} where they lie; places: {formed}")
    return {"path": str(root), "images": len(images), "places_formed": formed, **facts}


def list_folder(root: Path) -> Listing:
    """Everything below `root` without a look at any image: hidden entries are left out, links are followed.

    Raises:
        DataError: A folder cannot be read.
    """
    images: list[str] = []
    folders: list[tuple[str, int, int]] = []
    seen: set[tuple[int, int]] = set()
    waiting = [""]
    while waiting:
        name = waiting.pop()
        folder = f"{root}/{name}" if name else str(root)
        try:
            status = os.stat(folder)  # noqa: PTH116 - strings: half a million Path objects would take seconds
            if (status.st_dev, status.st_ino) in seen:
                continue  # a link that leads back to a folder above it
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as found:
                entries = sorted(((entry.name, entry.is_dir()) for entry in found), reverse=True)
        except OSError as error:
            raise DataError(f"{folder} cannot be read: {error.strerror}. Make it readable and try again.") from error
        folders.append((_printable(name), status.st_mtime_ns, len(entries)))
        prefix = f"{name}/" if name else ""
        visible = [(prefix + entry, is_folder) for entry, is_folder in entries if not entry.startswith(".")]
        waiting += [entry for entry, is_folder in visible if is_folder]
        images += [entry for entry, is_folder in visible if not is_folder and entry.lower().endswith(SUFFIXES)]
    return Listing(tuple(sorted(map(_printable, images))), tuple(sorted(folders)))


def _printable(name: str) -> str:
    """Bytes that are no UTF-8 become escapes. Such a file cannot be opened by that name, which the catalog tells."""
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "backslashreplace")


def city_folders(images: Sequence[str], arrangement: Arrangement) -> list[str]:
    """The first folder level where it names cities, sorted; empty where all images are of one city."""
    firsts = {image.partition("/")[0] if "/" in image else "" for image in images}
    is_split = arrangement.table is None and arrangement.folders_are_cities and "" not in firsts
    return sorted(firsts) if is_split else []


def inside(name: str) -> str | None:
    """An image name of a table as a path below the folder; None for one that would leave it."""
    plain = name.replace("\\", "/")
    if _ABSOLUTE.match(plain) or "\0" in plain:
        return None
    plain = posixpath.normpath(plain)
    return None if plain == ".." or plain.startswith("../") else plain


def read_table(path: Path) -> Table:
    """Read the CSV; commas, semicolons or tabs between the values.

    Raises:
        DataError: Unreadable, no row, or a column is missing or stands twice.
    """
    try:
        return _parsed(path, path.read_bytes())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. {_expected()}") from error
    except csv.Error as error:
        raise DataError(f"{path} is not readable as a CSV: {error}. {_expected()}") from error


def _parsed(path: Path, data: bytes) -> Table:
    text, encoding = _text_of(data)
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header = [name.strip().lower() for name in next(reader, [])]
    used = _used_columns(path, header)
    columns: dict[str, list[str]] = {name: [] for name in used}
    slots = [(header.index(name), values) for name, values in columns.items()]
    lines, fields = [], []
    for row in reader:  # column by column: half a million rows kept as lists would take four times as long
        if not row:
            continue
        lines.append(reader.line_num)
        fields.append(len(row))
        for column, values in slots:
            values.append(row[column].strip() if column < len(row) else "")
    if not lines:
        raise DataError(f"{path} has a header and no row. Expected one row per image.")
    return Table(path, columns, len(header), lines, fields, encoding, hashlib.sha256(data).hexdigest())


def _used_columns(path: Path, header: Sequence[str]) -> list[str]:
    missing = [name for name in REQUIRED if name not in header]
    used = [name for name in header if name in (*REQUIRED, *OPTIONAL)]
    twice = sorted({name for name in used if used.count(name) > 1})
    problem = ""
    if missing:
        problem = f"column {', '.join(missing)} is missing"
    elif twice:
        problem = f"column {', '.join(twice)} stands twice"
    elif ("lat" in used) != ("lon" in used):
        problem = "lat and lon come together, one is missing"
    if problem:
        raise DataError(f"{path}: {problem}. Found: {', '.join(header)[:200] or 'nothing'}. {_expected()}")
    return used


def _text_of(data: bytes) -> tuple[str, str]:
    encoding = next((name for mark, name in _BOMS.items() if data.startswith(mark)), "")
    try:
        return data.decode(encoding or "utf-8-sig"), encoding
    except UnicodeDecodeError:
        return data.decode(_FALLBACK, errors="replace"), _FALLBACK


def _expected() -> str:
    return f"Expected the columns {', '.join(REQUIRED)} and, if known, {', '.join(OPTIONAL)}."


def _noted(root: Path, table: str | None) -> str | None:
    """The table's path as it is noted: relative to the photographs where it lies among them, else absolute."""
    if table is None:
        return None
    path = (root / Path(str(table)).expanduser()).resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _images_below(root: Path, target: Path) -> tuple[str, ...]:
    if not root.is_dir():
        raise DataError(f"{root} is no folder. Expected path= to name a folder of images ({', '.join(SUFFIXES)}).")
    if target.resolve().is_relative_to(root):
        raise DataError(
            f"The data root lies in {root}, so its own files would count as photographs. "
            "Give path= a folder below it, or choose another data root with --data-root."
        )
    images = list_folder(root).images
    if not images:
        raise DataError(f"No image in {root}. Expected files that end in {', '.join(SUFFIXES)}.")
    return images


def _check_names(root: Path, images: Sequence[str], arrangement: Arrangement) -> dict[str, Any]:
    names = {image: parse_utm_name(image.rpartition("/")[2]) for image in images}
    unnamed = [image for image, name in names.items() if name is None]
    if len(unnamed) > MAX_UNNAMED * len(images):
        raise DataError(
            f"{len(unnamed)} of {len(images)} image names in {root} hold no coordinates (first: "
            f"{', '.join(unnamed[:_EXAMPLES])}). Expected {FORM}. Rename them, or give a CSV that says which place "
            "each image shows: table=places.csv, with the columns image,place_id."
        )
    known = {image: name for image, name in names.items() if name is not None}
    grid, cities = arrangement.grid, city_folders(images, arrangement)
    if cities:
        _check_cities_apart(known, grid)
    if not any(grid.kept(list(known.values()))):
        filled = sorted({grid.group_of(name) for name in known.values()})
        raise DataError(f"Group {grid.group} holds no photograph. Groups that do: {', '.join(map(str, filled))}.")
    return {"cities": max(len(cities), 1), "names_without_coordinates": len(unnamed)}


def _check_cities_apart(names: Mapping[str, UtmName], grid: Grid) -> None:
    owners: dict[tuple[str, int, int], str] = {}
    for image, name in names.items():
        city = image.partition("/")[0]
        other = owners.setdefault(grid.cell(name), city)
        if other != city:
            raise DataError(
                f"Folders {other} and {city} hold photographs of the same spot ({image}), so they are no cities: "
                "the spot would count as two places. If they are days, cameras or parts of one data set, add "
                "folders_are_cities=false."
            )


def _check_table(root: Path, table: str, images: Sequence[str]) -> dict[str, Any]:
    content = read_table(root / table)
    present = set(images)
    named = content.columns["image"]
    rows = sum(inside(name) in present for name in named)
    if not rows:
        raise DataError(
            f"None of the {len(named)} rows of {content.path} names an image (first: '{named[0]}'). "
            f"Expected paths relative to {root}, for example {images[0]}."
        )
    return {"cities": len(set(content.columns.get("city", ("",)))), "rows_with_image": rows}
