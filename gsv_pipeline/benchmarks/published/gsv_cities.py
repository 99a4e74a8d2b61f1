"""A validation set for whoever has GSV-Cities alone: the cities that an experiment does not train on."""

from typing import Final

from gsv_pipeline.benchmarks.rows import POSITIVE_RADIUS_M, BenchmarkRow, Protocol
from gsv_pipeline.sources import PUBLISHED_LICENCE

PLACES_PER_CITY: Final = 1_000

GSV_CITIES_ROWS: Final = {
    "gsv_holdout": BenchmarkRow(
        load="gsv_pipeline.benchmarks.holdout:load",
        dataset="gsv_cities",
        arguments={"places_per_city": PLACES_PER_CITY},
        description="The cities of GSV-Cities that an experiment leaves out of its training: photographs of the latest "
        "year of a place against those of its earliest year; a hit is within 25 m.",
        licence=PUBLISHED_LICENCE,
        variant=f"made by this project, {PLACES_PER_CITY:,} places of a city at most; differs by experiment",
        protocol=Protocol(radius_m=POSITIVE_RADIUS_M),
        source="this project, from the catalog of gsv_cities",
        by_experiment=True,
        relatives=("gsv_cities_light",),
    ),
}
