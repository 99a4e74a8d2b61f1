"""The published layout: `Images/<City>/<name>.JPG` and `Dataframes/<City>.csv`, and how names are read."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gsv_pipeline.errors import DataError

IMAGES: Final = "Images"
DATAFRAMES: Final = "Dataframes"
COLUMNS: Final = ("place_id", "year", "month", "northdeg", "city_id", "lat", "lon", "panoid")
_LOCATION: Final = "location.json"
_FIELDS: Final = 7  # city, place, year, month, northdeg, lat, lon; the panoid is the rest


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


def parse_name(stem: str) -> ImageName | None:
    """Read `city_place_year_month_northdeg_lat_lon_panoid`; None for a name of another form.

    Panoids contain `_` and `-`, so the name is split from the left.
    """
    parts = stem.split("_", _FIELDS)
    if len(parts) != _FIELDS + 1 or not parts[-1]:
        return None
    city, place, year, month, northdeg, lat, lon, panoid = parts
    try:
        return ImageName(city, int(place), int(year), int(month), int(northdeg), float(lat), float(lon), panoid)
    except ValueError:
        return None


def write_location(artifact: Path, root: Path) -> None:
    """Note in the artifact's folder that the images lie elsewhere."""
    (artifact / _LOCATION).write_text(json.dumps({"root": str(root)}) + "\n", encoding="utf-8")


def image_root(artifact: Path) -> Path:
    """The folder that holds `Images/` and `Dataframes/` of a fetched data set."""
    note = artifact / _LOCATION
    if not note.is_file():
        return artifact
    root = Path(json.loads(note.read_text(encoding="utf-8"))["root"])
    if not root.is_dir():
        raise DataError(
            f"The data set's folder {root} is gone. Put it back, or fetch the data set from where it is now."
        )
    return root


def listing_version(root: Path) -> str:
    """A short hash over the CSVs' bytes and each image's relative path, size and time.

    It is what tells that an image was added, removed or changed in place without reading half a million files.

    Raises:
        DataError: The folder is gone.
    """
    if not (root / IMAGES).is_dir():
        raise DataError(f"{root / IMAGES} is gone. Put it back, or fetch the data set again with --force.")
    digest = hashlib.sha256()
    for csv in sorted((root / DATAFRAMES).glob("*.csv")):
        digest.update(f"{csv.name}\0{hashlib.sha256(csv.read_bytes()).hexdigest()}\n".encode())
    for folder in sorted((root / IMAGES).iterdir()):
        if not folder.is_dir():
            continue
        with os.scandir(folder) as entries:
            for name, status in sorted((entry.name, _status(entry)) for entry in entries):
                digest.update(f"{folder.name}/{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _status(entry: "os.DirEntry[str]") -> os.stat_result:
    try:
        return entry.stat()
    except FileNotFoundError:  # a link that leads nowhere; the catalog says so
        return entry.stat(follow_symlinks=False)
