"""`gsv_holdout`: photographs of the latest year of a place against those of its earliest year, for every city."""

import hashlib

import numpy as np
import numpy.typing as npt
import pandas as pd

from gsv_pipeline.benchmarks.data import BenchmarkData
from gsv_pipeline.benchmarks.ground_truth import positives_within
from gsv_pipeline.errors import DataError


def load(catalog: pd.DataFrame, *, places_per_city: int) -> BenchmarkData:
    """Places that were photographed in two years or more.

    Which places of a larger city are taken follows from their keys alone: the same ones whatever else is in the
    catalog, and those of a smaller number are among those of a larger one.

    Args:
        catalog: Of the data set.
        places_per_city: The most that are taken of a city, so that a validation stays quick.

    Raises:
        DataError: No place was photographed in two years.
    """
    rows = catalog.sort_values("image_id", ignore_index=True)
    years = rows.groupby("place_id", observed=True)["year"].agg(["min", "max"])
    places = years.index[years["min"] < years["max"]].to_numpy(str)
    if not len(places):
        raise DataError(
            "The catalog has no place that was photographed in two different years, so nothing to look for."
        )
    chosen = years.loc[_drawn(places, places_per_city)]
    first, last = (rows["place_id"].map(chosen[name]) for name in ("min", "max"))  # not a number for other places
    database, queries = (rows[rows["year"] == year].reset_index(drop=True) for year in (first, last))
    positives = positives_within(
        queries[["lat", "lon"]].to_numpy(np.float64), database[["lat", "lon"]].to_numpy(np.float64)
    )
    return BenchmarkData(database, queries, positives)


def city_of(place_ids: "pd.Series[str]") -> "pd.Series[str]":
    """`London` of `London/0000013`."""
    return place_ids.str.rpartition("/")[0]


def _drawn(places: npt.NDArray[np.str_], places_per_city: int) -> list[str]:
    table = pd.DataFrame({"place": places, "rank": [_rank(place) for place in places]})
    table["city"] = city_of(table["place"])
    ordered = table.sort_values(["city", "rank", "place"])
    return sorted(ordered.groupby("city").head(places_per_city)["place"])


def _rank(place: str) -> bytes:
    return hashlib.blake2b(place.encode(), digest_size=8).digest()
