"""Names and origins of the rendered cities. All are invented; in the places where they lie is no city of the name."""

from collections.abc import Mapping
from typing import Final

from gsv_pipeline.sources.demo import TEST_CITY, TRAINING_CITIES, VALIDATION_CITY

_MORE: Final = (
    "Quellombra", "Tavistrand", "Orrimbay", "Feldamoor", "Sundervik", "Pallagrove", "Merrowick", "Zalvento",
    "Kestrelunde", "Amberholt", "Vintarosa", "Dorrimont", "Halvorsund", "Lumbriga", "Westrapol", "Ombrevale",
    "Tarquinel", "Yarrendal", "Bexhallow", "Corvantes", "Elderquay", "Frostenau", "Gildermark", "Isolvara",
    "Juniperay", "Korvenhaag", "Larkenfell", "Monterrune", "Nimbrook", "Pellicour", "Quarrystad", "Rosendrift",
    "Silvermaar", "Thistelburg", "Umbervald", "Velmontane", "Wrenhaven",
)  # fmt: skip

TRAINING: Final = (*TRAINING_CITIES, *_MORE)
"""Training cities in the order in which `cities=` takes them; names and origins are part of the rendered bytes."""


def _spread(number: int) -> tuple[float, float]:
    """Origin of the `number`-th further city: south and north in turn, 9° of longitude from its neighbours.

    All stay within 36° of the equator, where 9° are 800 km; the five cities of Europe lie beyond 41° north.
    """
    latitude = 14.62 + 2.93 * (number // 2 % 8)
    return round(-latitude if number % 2 == 0 else latitude, 2), round(-170.83 + 9.0 * number, 2)


ORIGINS: Final[Mapping[str, tuple[float, float]]] = {
    TRAINING_CITIES[0]: (57.13, 8.61),
    TRAINING_CITIES[1]: (41.37, 14.02),
    TRAINING_CITIES[2]: (51.92, 19.43),
    VALIDATION_CITY: (53.58, 11.27),
    TEST_CITY: (55.21, -3.38),
    **{name: _spread(number) for number, name in enumerate(_MORE)},
}
"""Latitude and longitude of a city's origin, degrees."""
