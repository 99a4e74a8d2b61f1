"""Data of the size of GSV-Cities: CSVs and empty files as published, and twenty thousand real JPEG files."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from gsv_pipeline.geo import EARTH_RADIUS_M
from gsv_pipeline.sources import demo_source
from gsv_pipeline.sources.published import COLUMNS, DATAFRAMES, IMAGES
from gsv_pipeline.tracking import NullTracker

NUM_PLACES: Final = 62_500
NUM_IMAGES: Final = 530_000
FEWEST, MOST = 4, 20  # images of a place
CITIES: Final[Mapping[str, tuple[float, float]]] = {
    "Bangkok": (13.75, 100.52), "Barcelona": (41.39, 2.16), "Boston": (42.36, -71.06), "Brussels": (50.85, 4.35),
    "BuenosAires": (-34.6, -58.38), "Chicago": (41.88, -87.63), "Lisbon": (38.72, -9.14), "London": (51.51, -0.13),
    "LosAngeles": (34.05, -118.24), "Madrid": (40.42, -3.7), "Medellin": (6.25, -75.57), "Melbourne": (-37.81, 144.96),
    "MexicoCity": (19.43, -99.13), "Miami": (25.76, -80.19), "Minneapolis": (44.98, -93.27), "OSL": (59.91, 10.75),
    "Osaka": (34.69, 135.5), "PRG": (50.08, 14.44), "PRS": (48.86, 2.35), "Phoenix": (33.45, -112.07),
    "Rome": (41.9, 12.5), "TRT": (43.65, -79.38), "WashingtonDC": (38.91, -77.04),
}  # fmt: skip
WIDTH, HEIGHT = 400, 300  # of a rendered photograph, as most of those published

_SPACING_M: Final = 140.0
_JITTER_M: Final = 12.0  # of a place; 140 - 2 * (12 + 4) leaves 108 m between images of two places
_SPREAD_M: Final = 4.0  # of a place's images
_PANOID: Final = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", dtype="S1")
_MARKER: Final = "complete.json"

Int = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CityRows:
    """One city's CSV as columns of text and numbers."""

    name: str
    place: list[int]
    year: list[int]
    month: list[int]
    northdeg: list[int]
    lat: list[float]
    lon: list[float]
    panoid: list[str]

    def lines(self) -> Iterator[str]:
        """Rows of the CSV, coordinates in full precision."""
        columns = (self.place, self.year, self.month, self.northdeg, self.lat, self.lon, self.panoid)
        for place, year, month, northdeg, lat, lon, panoid in zip(*columns, strict=True):
            yield f"{place},{year},{month},{northdeg},{self.name},{lat!r},{lon!r},{panoid}"

    def names(self) -> Iterator[str]:
        """File names as published."""
        columns = (self.place, self.year, self.month, self.northdeg, self.lat, self.lon, self.panoid)
        for place, year, month, north, lat, lon, panoid in zip(*columns, strict=True):
            yield f"{self.name}_{place:07d}_{year}_{month:02d}_{north:03d}_{lat!r}_{lon!r}_{panoid}.JPG"


def write_full_size(folder: Path, *, images: bool) -> None:
    """Write 23 cities, 62,500 places and 530,000 rows; a complete folder is left as it is.

    Args:
        folder: Gets `Dataframes/` and `Images/`.
        images: Whether to write the files too, all empty. Half a minute, once.
    """
    marker = folder / _MARKER
    if marker.is_file() and (json.loads(marker.read_text())["images"] or not images):
        return
    shutil.rmtree(folder, ignore_errors=True)
    (folder / DATAFRAMES).mkdir(parents=True)
    for rows in full_size_rows():
        text = "\n".join([",".join(COLUMNS), *rows.lines()])
        (folder / DATAFRAMES / f"{rows.name}.csv").write_text(text + "\n", encoding="utf-8")
        city = folder / IMAGES / rows.name
        city.mkdir(parents=True)
        for name in rows.names() if images else ():
            os.close(os.open(f"{city}/{name}", os.O_WRONLY | os.O_CREAT, 0o644))
    marker.write_text(json.dumps({"images": images}))


def full_size_rows(seed: int = 0) -> Iterator[CityRows]:
    """The rows of each city, in the order of their names; each city's are shuffled, as those published are."""
    generator = np.random.default_rng(seed)
    counts = _images_per_place(generator)
    shares = generator.uniform(0.4, 1.6, len(CITIES))
    ends = np.round(np.cumsum(shares) / shares.sum() * NUM_PLACES).astype(np.int64)
    for (name, centre), own in zip(CITIES.items(), np.split(counts, ends[:-1]), strict=True):
        yield _city_rows(name, centre, own, generator)


def place_centres(seed: int = 0) -> npt.NDArray[np.float64]:
    """[62,500, 2] one image's position of every place."""
    parts = []
    for rows in full_size_rows(seed):
        _, first = np.unique(rows.place, return_index=True)
        parts.append(np.stack([np.array(rows.lat)[first], np.array(rows.lon)[first]], axis=1))
    return np.concatenate(parts)


def rendered_jpegs(folder: Path, count: int = 20_000) -> list[Path]:
    """Real JPEG files of street scenes; those that are there are reused.

    The first are the demo's cities, about 3,000 photographs rendered at 400x300; the others are crops of those, encoded
    anew in another quality: rendering all would take a quarter of an hour on two cores.
    """
    demo, crops, marker = folder / "demo", folder / "crops", folder / _MARKER
    if not marker.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        demo.mkdir(parents=True)
        demo_source.fetch(demo, tracker=NullTracker(), width=WIDTH, height=HEIGHT)
        crops.mkdir()
        marker.write_text("{}")
    rendered = sorted(demo.rglob("*.JPG"))
    wanted = [crops / f"{number:05d}.jpg" for number in range(count - len(rendered))]
    missing = [(number, path) for number, path in enumerate(wanted) if not path.is_file()]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda item: _crop(rendered[item[0] % len(rendered)], item[1], seed=item[0]), missing))
    return [*rendered, *wanted][:count]


def _images_per_place(generator: np.random.Generator) -> Int:
    share = (NUM_IMAGES / NUM_PLACES - FEWEST) / (MOST - FEWEST)
    shares = generator.beta(5 * share, 5 * (1 - share), NUM_PLACES)  # wide: most places have few images, some have 20
    counts: Int = FEWEST + generator.binomial(MOST - FEWEST, shares)
    missing = NUM_IMAGES - int(counts.sum())
    room = np.flatnonzero((counts < MOST) if missing > 0 else (counts > FEWEST))
    counts[generator.choice(room, abs(missing), replace=False)] += np.sign(missing)
    return counts


def _city_rows(name: str, centre: tuple[float, float], counts: Int, generator: np.random.Generator) -> CityRows:
    """Places on a grid, each moved a little, and each image a little beside its place."""
    side, total = int(np.ceil(np.sqrt(len(counts)))), int(counts.sum())
    grid = np.stack(np.divmod(np.arange(len(counts)), side), axis=1) * _SPACING_M
    metres = np.repeat(grid + generator.uniform(-_JITTER_M, _JITTER_M, grid.shape), counts, axis=0)
    metres += generator.uniform(-_SPREAD_M, _SPREAD_M, metres.shape)
    lat = centre[0] + np.degrees(metres[:, 0] / EARTH_RADIUS_M)
    lon = centre[1] + np.degrees(metres[:, 1] / (EARTH_RADIUS_M * np.cos(np.radians(lat))))
    panoids = _PANOID[generator.integers(0, len(_PANOID), (total, 22))].view("S22").ravel().astype(str)
    order = generator.permutation(total)
    return CityRows(
        name,
        np.repeat(np.arange(len(counts)), counts)[order].tolist(),
        generator.integers(2007, 2022, total).tolist(),
        generator.integers(1, 13, total).tolist(),
        generator.integers(0, 600, total).tolist(),  # published headings exceed 360
        lat[order].tolist(),
        lon[order].tolist(),
        panoids.tolist(),
    )


def _crop(source: Path, target: Path, *, seed: int) -> None:
    generator = np.random.default_rng(seed)
    with Image.open(source) as image:
        width, height = (int(side * generator.uniform(0.85, 1.0)) for side in image.size)
        left, top = (int(generator.integers(0, most + 1)) for most in (image.width - width, image.height - height))
        part = image.crop((left, top, left + width, top + height))
    beside = target.with_suffix(".part")
    part.save(beside, "JPEG", quality=int(generator.integers(75, 96)))
    beside.replace(target)
