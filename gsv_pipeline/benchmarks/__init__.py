"""What evaluation sees: database, queries and positives. One row per benchmark, one loader per file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gsv_pipeline.sources.demo import TEST_CITY, VALIDATION_CITY

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class BenchmarkRow:
    """A benchmark by name.

    Args:
        load: `"module:function"`; the function takes the catalog of `dataset` and returns `BenchmarkData`.
        dataset: The data set its images come from.
        cities: Cities it tests on; no experiment may train on them.
        description: What it is and how a hit is counted.
        licence: Of its images.
    """

    load: str
    dataset: str
    cities: tuple[str, ...]
    description: str
    licence: str


_DEMO: Final = "gsv_pipeline.benchmarks.demo"

BENCHMARKS: Final[Mapping[str, BenchmarkRow]] = {
    "demo_val": BenchmarkRow(
        load=f"{_DEMO}:load_validation",
        dataset="demo",
        cities=(VALIDATION_CITY,),
        description="Rendered validation city; later photographs against earlier ones, a hit is within 25 m.",
        licence="MIT, as this project",
    ),
    "demo_test": BenchmarkRow(
        load=f"{_DEMO}:load_test",
        dataset="demo",
        cities=(TEST_CITY,),
        description="Rendered test city; later photographs against earlier ones, a hit is within 25 m.",
        licence="MIT, as this project",
    ),
}


def held_out_cities(dataset: str) -> dict[str, str]:
    """City -> benchmark that tests on it, for one data set."""
    return {city: name for name, row in BENCHMARKS.items() if row.dataset == dataset for city in row.cities}
