"""Catalog -> the places of an experiment. Labels come from sorted keys: the order of cities does not matter."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.registry import unknown_name

PLACES_FILE: Final = "places.parquet"
COLUMNS: Final = ("label", "place_id", "city", "image_id", "year", "month", "bearing", "lat", "lon", "content")


@dataclass(frozen=True, slots=True)
class Clause:
    """What one clause of the filter left: `images` and `places` after it."""

    name: str
    images: int
    places: int


def select_places(
    catalog: pd.DataFrame, *, cities: Collection[str] | None, min_images_per_place: int, excluded: Collection[str] = ()
) -> tuple[pd.DataFrame, list[Clause]]:
    """Filter the catalog and label what is left.

    Args:
        catalog: Columns of `catalog.schema`.
        cities: Cities to keep; None keeps all but `excluded`.
        min_images_per_place: Places with fewer images are left out.
        excluded: Cities that benchmarks test on; they are never trained on.

    Returns:
        The table (COLUMNS, sorted by label, then image) and what each clause left.

    Raises:
        ConfigError: A city that the catalog does not have, or an excluded one.
        DataError: No place is left.
    """
    available = sorted(catalog["city"].unique())
    for city in cities or ():
        if city not in available:
            raise ConfigError(unknown_name("city", city, available))
        if city in excluded:
            raise ConfigError(f"City '{city}' is tested on, so it cannot be trained on. Take it out of places.cities.")
    clauses = [_clause("catalog", catalog)]
    wanted = set(cities) if cities is not None else set(available) - set(excluded)
    table = catalog[catalog["city"].isin(wanted)]
    clauses.append(_clause("cities", table))
    sizes = table.groupby("place_id")["place_id"].transform("size")
    table = table[sizes >= min_images_per_place]
    clauses.append(_clause(f"at least {min_images_per_place} images", table))
    if table.empty:
        largest = int(sizes.max()) if len(sizes) else 0
        raise DataError(
            f"No place is left: none of the {clauses[1].places} places in {', '.join(sorted(wanted))} has "
            f"{min_images_per_place} images (the most is {largest}). Lower places.min_images_per_place."
        )
    keys = np.unique(table["place_id"].to_numpy(dtype=str))
    table = table.assign(label=np.searchsorted(keys, table["place_id"].to_numpy(dtype=str)).astype(np.int64))
    return table.sort_values(["label", "image_id"], ignore_index=True)[list(COLUMNS)], clauses


def _clause(name: str, table: pd.DataFrame) -> Clause:
    return Clause(name, len(table), table["place_id"].nunique())
