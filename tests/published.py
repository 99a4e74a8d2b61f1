"""Small folders in the published layout: `Images/<City>/*.JPG` and `Dataframes/<City>.csv`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from gsv_pipeline.catalog.schema import PLACE_DIGITS

HEADER = ("place_id", "year", "month", "northdeg", "city_id", "lat", "lon", "panoid")
METRES_TO_DEGREES = 1 / 111_195.0
PANOIDS = ("_a-B{:03d}", "x_{:03d}_-y", "plain{:03d}")  # published ones contain both `_` and `-`


def place_key(city: str, place: int) -> str:
    """`place_id` of a place: numbers restart in every city's CSV, so the city is part of the key."""
    return f"{city}/{place:0{PLACE_DIGITS}d}"


@dataclass(frozen=True, slots=True)
class Shot:
    """One row of a CSV; coordinates are text, as published."""

    place: int
    panoid: str
    year: int = 2015
    month: int = 6
    northdeg: int = 90
    lat: str = "51.5"
    lon: str = "-0.12"


def shots_of(places: int, images: int, *, north_of: float = 51.0) -> list[Shot]:
    """`places` places 200 m apart, each seen `images` times within a few metres."""
    shots = []
    for place in range(places):
        for image in range(images):
            metres = 200 * place + image
            panoid = PANOIDS[image % len(PANOIDS)].format(100 * place + image)
            lat = f"{north_of + metres * METRES_TO_DEGREES:.7f}"
            shots.append(Shot(place, panoid, 2010 + image, 1 + image % 12, 400 + image, lat))
    return shots


def image_name(city: str, shot: Shot) -> str:
    """The published file name."""
    date = f"{shot.year}_{shot.month:02d}_{shot.northdeg:03d}"
    return f"{city}_{shot.place:07d}_{date}_{shot.lat}_{shot.lon}_{shot.panoid}.JPG"


def save_photo(path: Path, seed: int, size: tuple[int, int] = (24, 18)) -> Path:
    """A JPEG of seeded noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, "JPEG")
    return path


def write_csv(root: Path, city: str, shots: Sequence[Shot], *, header: Sequence[str] = HEADER) -> Path:
    """The city's CSV."""
    path = root / "Dataframes" / f"{city}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [(shot.place, shot.year, shot.month, shot.northdeg, city, shot.lat, shot.lon, shot.panoid) for shot in shots]
    lines = [",".join(map(str, row)) for row in (header, *rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_city(root: Path, city: str, shots: Sequence[Shot]) -> list[Path]:
    """CSV and photographs; the paths of the latter in the order of `shots`."""
    write_csv(root, city, shots)
    folder = root / "Images" / city
    return [save_photo(folder / image_name(city, shot), seed) for seed, shot in enumerate(shots)]
