"""Rules over the finished table: ranges, duplicates, distance between places."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from gsv_pipeline.catalog.report import Findings
from gsv_pipeline.geo import EARTH_RADIUS_M, distance_m

MIN_SEPARATION_M: Final = 100.0  # published: any two places are at least 100 m apart
MIN_IMAGES_PER_PLACE: Final = 4  # published: 4 to 20 images a place


def validate(table: pd.DataFrame, findings: Findings) -> None:
    """Note every row or place of `table` that breaks a rule."""
    latlon = table[["lat", "lon"]].to_numpy(np.float64)
    findings.add("coordinates_out_of_range", _ids(table, (np.abs(latlon) > [90.0, 180.0]).any(axis=1)))
    month, year = table["month"].to_numpy(), table["year"].to_numpy()
    findings.add("impossible_date", _ids(table, (month < 1) | (month > 12) | (year < 1990) | (year > 2100)))
    findings.add("duplicate_panoid_in_place", _ids(table, table.duplicated(["place_id", "panoid"]).to_numpy()))
    sizes = table.groupby("place_id").size()
    few = sizes[sizes < MIN_IMAGES_PER_PLACE]
    findings.add("place_of_few_images", [f"{place} ({count})" for place, count in few.items()])
    findings.add("places_close_together", close_places(table))


def close_places(table: pd.DataFrame) -> list[str]:
    """Pairs of places of one city whose mean positions are less than 100 m apart, nearest first."""
    found: list[tuple[float, str]] = []
    for _, city in table.groupby("city"):
        centres = city.groupby("place_id")[["lat", "lon"]].mean()
        for first, second, metres in _close_pairs(centres.to_numpy(np.float64)):
            found.append((metres, f"{centres.index[first]} and {centres.index[second]} ({metres:.0f} m)"))
    return [text for _, text in sorted(found)]


def _close_pairs(latlon: npt.NDArray[np.float64]) -> list[tuple[int, int, float]]:
    """Compare each place only with those within 100 m of latitude: a sorted sweep instead of all pairs."""
    order = np.argsort(latlon[:, 0], kind="stable")
    reach = np.degrees(MIN_SEPARATION_M / EARTH_RADIUS_M)
    ends = np.searchsorted(latlon[order, 0], latlon[order, 0] + reach, side="right")
    pairs: list[tuple[int, int, float]] = []
    for position, end in enumerate(ends):
        others = order[position + 1 : end]
        metres = distance_m(latlon[order[position]], latlon[others])
        for other, apart in zip(others, metres, strict=True):
            if apart < MIN_SEPARATION_M:
                first, second = sorted((int(order[position]), int(other)))
                pairs.append((first, second, float(apart)))
    return pairs


def _ids(table: pd.DataFrame, broken: npt.NDArray[np.bool_]) -> list[str]:
    return table.loc[broken, "image_id"].tolist()
