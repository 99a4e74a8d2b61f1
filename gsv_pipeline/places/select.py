"""Catalog -> the places of an experiment. Labels come from sorted keys: the order of cities does not matter."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Unpack

import numpy as np
import pandas as pd

from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.places.filters import Settings, conditions
from gsv_pipeline.places.rows import Condition, Ints, Rows, listing
from gsv_pipeline.registry import unknown_name
from gsv_pipeline.sources.published import CITY_ALIASES

PLACES_FILE: Final = "places.parquet"
COLUMNS: Final = ("label", "place_id", "city", "image_id", "year", "month", "bearing", "lat", "lon", "content")
_CITIES_NAMED: Final = 5  # more are counted, so that a clause stays a sentence


@dataclass(frozen=True, slots=True)
class Clause:
    """What one clause of the filter did.

    Args:
        name: The clause as a sentence.
        images: Left after it.
        places: Left after it.
        images_removed: By it.
        places_removed: By it.
    """

    name: str
    images: int
    places: int
    images_removed: int = 0
    places_removed: int = 0


def clauses_json(clauses: Iterable[Clause]) -> list[dict[str, Any]]:
    """The clauses as plain values, for manifests, pages and metadata."""
    return [asdict(clause) for clause in clauses]


def select_places(
    catalog: pd.DataFrame,
    *,
    cities: Collection[str] | None = None,
    exclude_cities: Collection[str] | None = None,
    excluded: Collection[str] = (),
    sample_seed: int = 0,
    **settings: Unpack[Settings],
) -> tuple[pd.DataFrame, list[Clause]]:
    """Filter the catalog and label what is left.

    Args:
        catalog: Columns of `catalog.schema`.
        cities: Cities to keep, by code or by name; None keeps all but `excluded`.
        exclude_cities: Cities to leave out.
        excluded: Cities that benchmarks test on; they are never trained on.
        sample_seed: Of what `max_images_per_place` and `sample_places` draw.
        settings: The other clauses; `filters.CLAUSES` has their order.

    Returns:
        The table (COLUMNS, sorted by label, then image) and what each clause left; the first is the whole catalog.

    Raises:
        ConfigError: A city that the catalog does not have, an excluded one, or an unknown clause.
        DataError: No place is left.
    """
    steps = [*_city_conditions(catalog, cities, exclude_cities, excluded), *conditions(settings)]
    rows = Rows(catalog, _place_ranks(catalog["place_id"]), np.arange(len(catalog)), sample_seed)
    clauses = [Clause("catalog", len(rows), rows.num_places)]
    if not clauses[0].images:
        raise DataError("No place is left: the catalog has no image. Look at its validation report.")
    for step in steps:
        left = rows.where(step.keep(rows))
        if not len(left):
            raise DataError(_nothing_left(step, rows))
        clauses.append(_clause(step.name, left, clauses[-1]))
        rows = left
    return _labelled(rows), clauses


def _city_conditions(
    catalog: pd.DataFrame,
    cities: Collection[str] | None,
    exclude_cities: Collection[str] | None,
    held_out: Collection[str],
) -> list[Condition]:
    available = sorted(catalog["city"].unique())
    steps = []
    if cities is not None:
        wanted = {known_city(city, available) for city in cities}
        if tested := sorted(wanted & set(held_out)):
            raise ConfigError(
                f"City '{tested[0]}' is tested on, so it cannot be trained on. Take it out of places.cities."
            )
        steps.append(_in_cities("cities", _city_names(wanted), wanted, available))
    elif kept_away := set(held_out) & set(available):
        steps.append(_in_cities("cities", "cities that are not tested on", set(available) - kept_away, available))
    if exclude_cities:
        left_out = {known_city(city, available) for city in exclude_cities}
        name = f"without {_city_names(left_out)}"
        steps.append(_in_cities("exclude_cities", name, set(available) - left_out, available))
    return steps


def _in_cities(setting: str, name: str, wanted: set[str], available: list[str]) -> Condition:
    there = f"The catalog has {', '.join(available)}."
    return Condition(setting, name, lambda rows: rows.is_in("city", wanted), lambda _: there)


def known_city(city: str, available: Sequence[str]) -> str:
    """The city as the catalog calls it: own photographs may use a name that the release writes as a code.

    Raises:
        ConfigError: The catalog does not have it.
    """
    by_name = {name.lower(): name for name in available}
    aliases = {alias.lower(): code for alias, code in CITY_ALIASES.items()}
    found = by_name.get(city.lower()) or by_name.get(aliases.get(city.lower(), "").lower())
    if found is None:
        raise ConfigError(unknown_name("city", city, available))
    return found


def _city_names(cities: set[str]) -> str:
    if len(cities) > _CITIES_NAMED or not cities:
        return f"{len(cities) or 'no'} cities"
    return f"{'city' if len(cities) == 1 else 'cities'} {listing(sorted(cities))}"


def _place_ranks(place_ids: pd.Series) -> Ints:
    """[N] rank of each row's place among the sorted place ids."""
    codes, ids = pd.factorize(place_ids)
    keys = ids.tolist()
    rank = np.empty(len(keys), dtype=np.int64)
    rank[sorted(range(len(keys)), key=keys.__getitem__)] = np.arange(len(keys))
    return rank[codes]


def _clause(name: str, left: Rows, before: Clause) -> Clause:
    images, places = len(left), left.num_places
    return Clause(name, images, places, before.images - images, before.places - places)


def _nothing_left(step: Condition, rows: Rows) -> str:
    return (
        f"No place is left: '{step.name}' removed the last {rows.num_places} places ({len(rows)} images). "
        f"{step.there(rows)} Change places.{step.setting}."
    )


def _labelled(rows: Rows) -> pd.DataFrame:
    present = np.bincount(rows.place) > 0
    labels = (np.cumsum(present) - 1)[rows.place].astype(np.int64)
    table = rows.catalog[list(COLUMNS[1:])].take(rows.index).reset_index(drop=True)
    table.insert(0, "label", labels)
    # A catalog is written in this order; half a million strings are sorted only where one is not.
    return table if _is_sorted(table) else table.sort_values(["label", "image_id"], ignore_index=True)


def _is_sorted(table: pd.DataFrame) -> bool:
    step = np.diff(table["label"].to_numpy())
    names = table["image_id"].array
    return bool(((step > 0) | ((step == 0) & np.asarray(names[1:] >= names[:-1], dtype=np.bool_))).all())
