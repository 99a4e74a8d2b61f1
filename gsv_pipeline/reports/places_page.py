"""The page of `gsv-pipeline show places`: what the filter left, photographs of sampled places, map and histograms."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import pandas as pd

from gsv_pipeline.errors import DataError
from gsv_pipeline.reports import places_data, places_figures, rendering
from gsv_pipeline.reports.places_data import SampledPlace
from gsv_pipeline.reports.thumbnails import Thumbnail, Thumbnails, image_uri

_CITY_MAPS: Final = 6


class FilterClause(Protocol):
    """A clause of a filter with what it left, as `gsv_pipeline.places.select.Clause`."""

    @property
    def name(self) -> str:
        """What the clause asks for."""

    @property
    def images(self) -> int:
        """Images left after it."""

    @property
    def places(self) -> int:
        """Places left after it."""


@dataclass(frozen=True, slots=True)
class LeftOver:
    """A clause as it was recorded: what it left."""

    name: str
    images: int
    places: int


@dataclass(frozen=True, slots=True)
class FilterStep:
    """A row of the filter table; `share` is of the images that the filter began with."""

    name: str
    images: int
    places: int
    removed_images: int
    removed_places: int
    share: float


@dataclass(frozen=True, slots=True)
class Photograph:
    """A picture of the contact sheet; without a thumbnail, `problem` says why."""

    name: str
    date: str
    bearing: str
    thumbnail: Thumbnail | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class CityMap:
    """A city beside others: its name, its places, its map as a data URI."""

    name: str
    places: int
    map: str


def write_places_page(
    target: Path,
    *,
    experiment: str,
    table: pd.DataFrame,
    clauses: Sequence[FilterClause],
    image_root: Path,
    sample: int = 12,
    seed: int = 1,
    columns: int = 6,
    licence: str = "",
    redistributable: bool = True,
) -> None:
    """Write what an experiment trains on as a single HTML file without external requests.

    Args:
        target: The HTML file; its folder must exist.
        experiment: Its name, for the title.
        table: The places table; the columns of `places_data.COLUMNS` are read.
        clauses: The filter, each clause with what it left; the first is the catalog itself.
        image_root: Folder that image ids are relative to. An image that cannot be read is shown as a note in its place.
        sample: Places of the contact sheet.
        seed: Draws them.
        columns: Images of each.
        licence: Of the photographs.
        redistributable: Whether that licence admits copies in public places; else the page says that it must stay here.
    """
    shown = sample_sheet(places_data.sample_places(table, sample, seed=seed, images=columns), image_root)
    counts = places_data.images_per_place(table)
    context: dict[str, Any] = {
        "experiment": experiment,
        "num_images": len(table),
        "num_places": len(counts),
        "num_cities": int(table["city"].nunique()),
        "median_images": float(np.median(counts)) if len(counts) else 0.0,
        "years": places_data.year_span(table["year"].to_numpy()),
        "steps": filter_steps(clauses),
        "sheet": shown,
        "seed": seed,
        "columns": max((len(photographs) for _, photographs in shown), default=1),
        "shape": _frame_shape([photograph for _, photographs in shown for photograph in photographs]),
        "licence": licence,
        "redistributable": redistributable,
        **_histograms(table, counts),
        **_maps(table),
    }
    rendering.write_page(target, "places.html", **context)


def filter_steps(clauses: Sequence[FilterClause]) -> list[FilterStep]:
    """Each clause with what it left and what it removed; the first removed nothing."""
    before = [*clauses[:1], *clauses]
    return [
        FilterStep(
            clause.name, clause.images, clause.places, last.images - clause.images, last.places - clause.places,
            clause.images / max(clauses[0].images, 1),
        )
        for last, clause in zip(before, clauses, strict=False)
    ]  # fmt: skip


def sample_sheet(places: Sequence[SampledPlace], image_root: Path) -> list[tuple[SampledPlace, list[Photograph]]]:
    """Each place with its photographs."""
    thumbnails = Thumbnails()
    return [(place, [_photograph(row, image_root, thumbnails) for row in _rows(place)]) for place in places]


def _rows(place: SampledPlace) -> list[dict[str, Any]]:
    return [dict(zip(place.rows.columns, row, strict=True)) for row in place.rows.itertuples(index=False, name=None)]


def _photograph(row: dict[str, Any], image_root: Path, thumbnails: Thumbnails) -> Photograph:
    name, date = str(row["image_id"]), _date(int(row["year"]), int(row["month"]))
    bearing = float(row["bearing"])
    heading = f"{bearing:.0f}°" if np.isfinite(bearing) else ""
    path = image_root / name
    try:
        return Photograph(name, date, heading, thumbnails(path))
    except DataError as error:
        # The cause speaks of the file alone; what is raised speaks of galleries. Names stand under pictures already.
        return Photograph(name, date, heading, None, str(error.__cause__ or error).replace(f"{path} ", ""))


def _date(year: int, month: int) -> str:
    if year <= 0:
        return ""
    return f"{year}-{month:02d}" if month > 0 else f"{year}"


def _frame_shape(photographs: Sequence[Photograph]) -> str:
    """Width / height of the frames as a CSS number: the median of the pictures shown."""
    shapes = [shown.thumbnail.width / shown.thumbnail.height for shown in photographs if shown.thumbnail]
    return f"{min(max(float(np.median(shapes)), 0.6), 2.0):.3f}" if shapes else "1.333"


def _histograms(table: pd.DataFrame, counts: places_data.Int) -> dict[str, str]:
    years, months = table["year"].to_numpy(dtype=np.int64), table["month"].to_numpy(dtype=np.int64)
    return {
        "per_place": image_uri(places_figures.images_per_place_histogram(counts)),
        "per_year": image_uri(places_figures.images_per_year(years)),
        "per_month": image_uri(places_figures.images_per_month(months)),
    }


def _maps(table: pd.DataFrame) -> dict[str, Any]:
    """The map, and beside a map of the world the largest cities in metres; None where no place has coordinates."""
    latlon, cities = places_data.locations(table)
    lost = int(table["label"].nunique()) - len(latlon)
    if len(latlon) == 0:
        return {"map": None, "is_local": True, "city_maps": [], "num_unlocated": lost}
    is_local = places_figures.is_local(latlon)
    city_maps = [] if is_local else [_city_map(name, latlon[cities == name]) for name in _largest(cities)]
    whole = image_uri(places_figures.places_map(latlon, cities))
    return {"map": whole, "is_local": is_local, "city_maps": city_maps, "num_unlocated": lost}


def _largest(cities: places_data.Text) -> list[str]:
    names, counts = np.unique(cities, return_counts=True)
    return [str(name) for name in names[np.argsort(-counts, kind="stable")][:_CITY_MAPS]]


def _city_map(name: str, latlon: places_data.Float) -> CityMap:
    return CityMap(name, len(latlon), image_uri(places_figures.city_map(latlon)))
