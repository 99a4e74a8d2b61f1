"""The published layout: `Images/<City>/<name>.JPG` and `Dataframes/<City>.csv`, and how names are read."""

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gsv_pipeline.errors import DataError

IMAGES: Final = "Images"
DATAFRAMES: Final = "Dataframes"
COLUMNS: Final = ("place_id", "year", "month", "northdeg", "city_id", "lat", "lon", "panoid")
CITY_ALIASES: Final[Mapping[str, str]] = {"Paris": "PRS", "Oslo": "OSL", "Prague": "PRG", "Toronto": "TRT"}
"""Names of cities that the release calls by a code; the publisher's description uses both."""

_NAME: Final = re.compile(
    r"(.+?)_(\d{1,18})_(\d{4})_(\d{1,2})_(-?\d{1,9})_(-?\d+(?:\.\d*)?(?:e-?\d+)?)_(-?\d+(?:\.\d*)?(?:e-?\d+)?)_(.+)"
)


@dataclass(frozen=True, slots=True)
class ImageName:
    """What a published file name says."""

    city: str
    place: int
    year: int
    month: int
    northdeg: int
    lat: float
    lon: float
    panoid: str


def canonical_city(name: str) -> str:
    """The published code of a city: 'PRS' for 'Paris'; any other name is its own."""
    return CITY_ALIASES.get(name, name)


def parse_name(stem: str) -> ImageName | None:
    """Read `city_place_year_month_northdeg_lat_lon_panoid`; None for a name of another form.

    Panoids contain `_` and `-`, so the name is split from the left; a city's own name may hold `_` too.
    """
    found = _NAME.fullmatch(stem)
    if found is None:
        return None
    city, place, year, month, northdeg, lat, lon, panoid = found.groups()
    return ImageName(city, int(place), int(year), int(month), int(northdeg), float(lat), float(lon), panoid)


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a data set.

    Args:
        version: A short hash over the CSVs' bytes and each image's relative path, size and time.
        files: How many there are.
        bytes: Of all of them.
    """

    version: str
    files: int
    bytes: int


def read_listing(root: Path, *, is_published: bool | None = None) -> Listing:
    """List the files of a data set.

    The version tells that an image was added, removed or changed in place without reading half a million files.

    Args:
        root: Folder of the data set.
        is_published: Whether it is in the published layout, in which only tables and the folders of cities count; None
            where there is an `Images/` in it. In another layout every file counts, but hidden ones.

    Raises:
        DataError: The folder is gone, or cannot be read.
    """
    if not root.is_dir():
        raise DataError(f"{root} is gone. Put it back, or fetch the data set again with --force.")
    try:
        return _listed(root, is_published=(root / IMAGES).is_dir() if is_published is None else is_published)
    except OSError as error:
        raise DataError(
            f"{error.filename or root} cannot be read: {error.strerror}. Mend it, or take it away."
        ) from error


def _listed(root: Path, *, is_published: bool) -> Listing:
    folders = [root]
    if is_published:
        cities = (root / IMAGES).iterdir() if (root / IMAGES).is_dir() else ()
        shown = sorted(path for path in cities if path.is_dir() and path.name[0] != ".")
        folders = [root / DATAFRAMES, *shown]
    digest = hashlib.sha256()
    files = size = 0
    for folder in folders:
        for current, lines, count, total in _folders(folder, above=frozenset()):
            digest.update(f"{current.relative_to(root).as_posix()}\0{lines}".encode("utf-8", "surrogateescape"))
            files, size = files + count, size + total
    return Listing(digest.hexdigest()[:16], files, size)


def _folders(folder: Path, *, above: frozenset[tuple[int, int]]) -> Iterator[tuple[Path, str, int, int]]:
    """Each folder from `folder` downwards with what its files are, how many, and how large.

    Hidden ones are left out, and links that lead back to one of the folders `above`.
    """
    if not folder.is_dir():
        return
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    files, size, folders = [], 0, []
    for name, found in _statuses(folder):
        if stat.S_ISDIR(found.st_mode):
            folders.append(folder / name)
            continue
        is_table = name.endswith(".csv")
        files.append((name, _hash(folder / name) if is_table else (found.st_size, found.st_mtime_ns)))
        size += found.st_size
    yield folder, repr(files), len(files), size
    for inner in folders:
        yield from _folders(inner, above=above | {here})


def _statuses(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Names in order, with their status. By a handle of the folder: half a million paths need not be walked."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        for name in sorted(os.listdir(handle)):  # noqa: PTH208 - a handle, no path
            if name[0] == ".":
                continue
            try:
                yield name, os.stat(name, dir_fd=handle)
            except OSError:  # a link that leads nowhere, or in a circle; the catalog says so
                yield name, os.stat(name, dir_fd=handle, follow_symlinks=False)
    finally:
        os.close(handle)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
