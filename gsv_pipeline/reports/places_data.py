"""A places table as what people look at: sampled places, positions, spans of years. No pictures, no files here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from gsv_pipeline.reports import geometry

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
Text = npt.NDArray[np.str_]

COLUMNS: Final = ("label", "place_id", "city", "image_id", "year", "month", "bearing", "lat", "lon")
"""The columns that pages and previews read."""


@dataclass(frozen=True, slots=True)
class SampledPlace:
    """One place of a contact sheet.

    Args:
        images: Images of the place.
        years: "2011–2018", empty where no image says its year.
        rows: The images to show, oldest first.
    """

    place_id: str
    images: int
    years: str
    rows: pd.DataFrame


def images_per_place(table: pd.DataFrame) -> Int:
    """[P] images of each place."""
    counts = np.bincount(table["label"].to_numpy(dtype=np.int64))
    return counts[counts > 0].astype(np.int64)


def locations(table: pd.DataFrame) -> tuple[Float, Text]:
    """Where each place is, by its first image with coordinates.

    Returns:
        [P, 2] latitude and longitude in degrees, and P cities; places without coordinates are left out.
    """
    latlon = table[["lat", "lon"]].to_numpy(dtype=np.float64)
    located = np.flatnonzero(geometry.located(latlon))
    _, first = np.unique(table["label"].to_numpy(dtype=np.int64)[located], return_index=True)
    rows = located[first]
    return latlon[rows], table["city"].iloc[rows].to_numpy(dtype=str)


def year_span(years: Sequence[int] | Int) -> str:
    """`2011–2018`, `2015`, or nothing where all are 0, which means unknown."""
    known = np.asarray(years)[np.asarray(years) > 0]
    if len(known) == 0:
        return ""
    first, last = int(known.min()), int(known.max())
    return f"{first}" if first == last else f"{first}–{last}"


def sample_places(table: pd.DataFrame, count: int, *, seed: int, images: int) -> list[SampledPlace]:
    """Places drawn at random, in the order of their ids.

    Args:
        table: Columns as in COLUMNS.
        count: Places, or all where there are fewer.
        seed: The same seed draws the same places from the same table.
        images: At most so many of each, spread evenly over time.
    """
    labels = np.unique(table["label"].to_numpy(dtype=np.int64))
    drawn = np.random.default_rng(seed).choice(labels, min(count, len(labels)), replace=False)
    found = table[table["label"].isin(drawn)].sort_values(["place_id", "year", "month", "image_id"])
    return [_sampled(str(key), rows, images) for key, rows in found.groupby("place_id", observed=True)]


def _sampled(place_id: str, rows: pd.DataFrame, images: int) -> SampledPlace:
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(images, len(rows))).astype(np.int64))
    return SampledPlace(place_id, len(rows), year_span(rows["year"].to_numpy()), rows.iloc[chosen])
