"""The clauses of a filter, in the order in which they apply; those of single images are spelt out here.

Images come first, then places by the images they have left, then the sample: `at least 16 images` means 16 that meet
every clause before it. What an image does not say (no date, no bearing) meets no clause that asks for it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypedDict

import numpy as np

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.places import place_filters
from gsv_pipeline.places.rows import Condition, Mask, Rows, listing, span
from gsv_pipeline.registry import unknown_name
from gsv_pipeline.spellings import MONTHS

Range = tuple[float, float]
SEASONS: Final[Mapping[str, tuple[int, ...]]] = {
    "winter": (12, 1, 2),
    "spring": (3, 4, 5),
    "summer": (6, 7, 8),
    "autumn": (9, 10, 11),
}
"""Meteorological seasons north of the equator; south of it the same months are the opposite season."""


class Settings(TypedDict, total=False):
    """What a filter may say beside cities; None says nothing. Meanings stand in `config.PlacesFilter`."""

    latitude: Range | None
    longitude: Range | None
    hemisphere: tuple[str, ...] | None
    years: tuple[int, int] | None
    months: tuple[int, ...] | None
    season: tuple[str, ...] | None
    bearing: Range | None
    max_distance_m: float | None
    max_images_per_place: int | None
    min_images_per_place: int | None
    min_separation_m: float | None
    sample_places: int | None


def conditions(settings: Mapping[str, Any]) -> list[Condition]:
    """The clauses that `settings` state, in the order of CLAUSES.

    Raises:
        ConfigError: A setting that is no clause.
    """
    for setting in settings:
        if setting not in CLAUSES:
            raise ConfigError(unknown_name("clause of a filter", setting, CLAUSES))
    return [build(settings[name]) for name, build in CLAUSES.items() if settings.get(name) is not None]


def within_latitude(limits: Range) -> Condition:
    """Both ends are in."""
    south, north = limits
    return Condition(
        "latitude",
        f"latitude {south:g} to {north:g}",
        lambda rows: _between(rows.column("lat"), south, north),
        lambda rows: f"Their latitudes are {span(rows.column('lat'))}.",
    )


def within_longitude(limits: Range) -> Condition:
    """Both ends are in; a west that exceeds the east goes over the date line."""
    west, east = limits
    return Condition(
        "longitude",
        f"longitude {west:g} to {east:g}" + (" over the date line" if west > east else ""),
        lambda rows: _between(rows.column("lon"), west, east),
        lambda rows: f"Their longitudes are {span(rows.column('lon'))}.",
    )


def in_hemisphere(hemispheres: tuple[str, ...]) -> Condition:
    """In all that are named; the equator counts as north, the zero meridian as east."""

    def keep(rows: Rows) -> Mask:
        lat, lon = rows.column("lat"), rows.column("lon")
        sides = {"north": lat >= 0, "south": lat < 0, "east": lon >= 0, "west": lon < 0}
        inside: Mask = np.all([sides[name] for name in hemispheres], axis=0)
        return inside

    def there(rows: Rows) -> str:
        return f"Their latitudes are {span(rows.column('lat'))}, their longitudes {span(rows.column('lon'))}."

    return Condition("hemisphere", f"hemisphere {listing(list(hemispheres))}", keep, there)


def taken_in_years(years: tuple[int, int]) -> Condition:
    """Both years are in."""
    first, last = years
    return Condition(
        "years",
        f"year {first}" if first == last else f"years {first} to {last}",
        lambda rows: _between(rows.column("year"), first, last),
        lambda rows: f"They were taken in {span(_known(rows.column('year')))}.",
    )


def taken_in_months(months: tuple[int, ...]) -> Condition:
    """By number, January is 1."""
    return Condition("months", _months(months), lambda rows: np.isin(rows.column("month"), months), _months_there)


def taken_in_season(seasons: tuple[str, ...]) -> Condition:
    """Of the hemisphere that the image lies in."""
    northern = [month for season in seasons for month in SEASONS[season]]
    southern = [(month + 5) % 12 + 1 for month in northern]

    def keep(rows: Rows) -> Mask:
        month, lat = rows.column("month"), rows.column("lat")
        # An image without coordinates lies in neither hemisphere.
        return ((lat >= 0) & np.isin(month, northern)) | ((lat < 0) & np.isin(month, southern))

    return Condition("season", listing(list(seasons)), keep, _months_there)


def looking_towards(sector: Range) -> Condition:
    """From the first bearing clockwise to the second, both in; a first that exceeds the second goes over north."""
    first, last = sector
    return Condition(
        "bearing",
        f"bearing {first:g}° to {last:g}°",
        lambda rows: _between(rows.column("bearing"), first, last),
        lambda rows: f"Their bearings are {span(rows.column('bearing'), '°')}.",
    )


CLAUSES: Final[Mapping[str, Callable[[Any], Condition]]] = {
    "latitude": within_latitude,
    "longitude": within_longitude,
    "hemisphere": in_hemisphere,
    "years": taken_in_years,
    "months": taken_in_months,
    "season": taken_in_season,
    "bearing": looking_towards,
    "max_distance_m": place_filters.near_the_median,
    "max_images_per_place": place_filters.at_most_images,
    "min_images_per_place": place_filters.at_least_images,
    "min_separation_m": place_filters.apart,
    "sample_places": place_filters.sampled,
}


def _between(values: Any, first: float, last: float) -> Mask:
    """Within [first, last] on a line, or from `first` over the seam to `last`; not a number is in neither."""
    inside: Mask = (values >= first) & (values <= last) if first <= last else (values >= first) | (values <= last)
    return inside


def _known(dates: Any) -> Any:
    return np.where(dates > 0, dates, np.nan)


def _months(months: tuple[int, ...]) -> str:
    names = [MONTHS[month - 1] for month in months]
    in_a_row = len(months) > 2 and months[-1] - months[0] == len(months) - 1
    return f"{names[0]} to {names[-1]}" if in_a_row else listing(names)


def _months_there(rows: Rows) -> str:
    found = tuple(month for month in np.unique(rows.column("month")).tolist() if month > 0)
    return f"They were taken in {_months(found) or 'unknown months'}."
