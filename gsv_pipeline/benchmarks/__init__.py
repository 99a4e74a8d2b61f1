"""What evaluation sees: database, queries and positives. One row per benchmark, one loader per file."""

from collections.abc import Mapping
from typing import Final

from gsv_pipeline.benchmarks.published.amstertime import AMSTERTIME_ROWS
from gsv_pipeline.benchmarks.published.gsv_cities import GSV_CITIES_ROWS
from gsv_pipeline.benchmarks.published.mapillary import MAPILLARY_ROWS
from gsv_pipeline.benchmarks.published.nordland import NORDLAND_ROWS
from gsv_pipeline.benchmarks.published.pittsburgh import PITTSBURGH_ROWS
from gsv_pipeline.benchmarks.published.san_francisco import SAN_FRANCISCO_ROWS
from gsv_pipeline.benchmarks.published.tokyo import TOKYO_ROWS
from gsv_pipeline.benchmarks.published.traverses import TRAVERSE_ROWS
from gsv_pipeline.benchmarks.published.vpr_bench import VPR_BENCH_ROWS
from gsv_pipeline.benchmarks.rows import (
    CATALOG,
    FOLDERS,
    IMAGES,
    BenchmarkRow,
    Counts,
    Form,
    Protocol,
    Result,
)
from gsv_pipeline.sources.demo import TEST_CITY, VALIDATION_CITY

__all__ = [
    "BENCHMARKS",
    "CATALOG",
    "FOLDERS",
    "IMAGES",
    "VERSION",
    "BenchmarkRow",
    "Counts",
    "Form",
    "Protocol",
    "Result",
    "held_out_cities",
]

VERSION: Final = 2

_DEMO: Final = "gsv_pipeline.benchmarks.demo"

BENCHMARKS: Final[Mapping[str, BenchmarkRow]] = {
    "demo_val": BenchmarkRow(
        load=f"{_DEMO}:load_validation",
        dataset="demo",
        cities=(VALIDATION_CITY,),
        description="Rendered validation city; later photographs against earlier ones, a hit is within 25 m.",
        licence="MIT, as this project",
        redistributable=True,
    ),
    "demo_test": BenchmarkRow(
        load=f"{_DEMO}:load_test",
        dataset="demo",
        cities=(TEST_CITY,),
        description="Rendered test city; later photographs against earlier ones, a hit is within 25 m.",
        licence="MIT, as this project",
        redistributable=True,
    ),
    **PITTSBURGH_ROWS,
    **MAPILLARY_ROWS,
    **NORDLAND_ROWS,
    **VPR_BENCH_ROWS,
    **TOKYO_ROWS,
    **SAN_FRANCISCO_ROWS,
    **TRAVERSE_ROWS,
    **AMSTERTIME_ROWS,
    **GSV_CITIES_ROWS,
}


def held_out_cities(dataset: str) -> dict[str, str]:
    """City -> benchmark that tests on it, for one data set."""
    return {city: name for name, row in BENCHMARKS.items() if row.dataset == dataset for city in row.cities}
