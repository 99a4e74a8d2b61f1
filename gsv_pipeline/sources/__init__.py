"""What upstream publishes, on disk and unchanged: where it comes from (SOURCES) and which sets we know (DATASETS)."""

from collections.abc import Mapping
from typing import Final

from gsv_pipeline.sources.benchmark_images import BENCHMARK_DATASETS
from gsv_pipeline.sources.demo import TEST_CITY, TRAINING_CITIES, VALIDATION_CITY
from gsv_pipeline.sources.rows import Dataset, Source

__all__ = ["DATASETS", "GSV_CITIES", "LIGHT_URL", "PUBLISHED_LICENCE", "SOURCES", "VERSION", "Dataset", "Source"]

VERSION: Final = 1

PUBLISHED_LICENCE: Final = "CC BY-NC-ND 4.0 (download for yourself; do not redistribute)"


SOURCES: Final[Mapping[str, Source]] = {
    "demo": Source("gsv_pipeline.sources.demo_source:fetch", "a city rendered on this machine, no download"),
    "kaggle": Source("gsv_pipeline.sources.kaggle:fetch", "the published data set, through Kaggle's own client"),
    "archive": Source("gsv_pipeline.sources.archive:fetch", "a zip or tar by URL or path, resumed and checked"),
    "folder": Source("gsv_pipeline.sources.folder:fetch", "an existing copy, used where it lies"),
    "photographs": Source(
        "gsv_pipeline.sources.photographs:fetch",
        "your own photographs, used where they lie: a CSV of places or @UTM@ names",
    ),
}

GSV_CITIES: Final = (
    "Bangkok", "Barcelona", "Boston", "Brussels", "BuenosAires", "Chicago", "Lisbon", "London", "LosAngeles", "Madrid",
    "Medellin", "Melbourne", "MexicoCity", "Miami", "Minneapolis", "OSL", "Osaka", "PRG", "PRS", "Phoenix", "Rome",
    "TRT", "WashingtonDC",
)  # fmt: skip
"""The 23 cities of the release; Oslo, Prague, Paris and Toronto go by their codes."""

_IN_PLACE_HINT: Final = (
    "With a copy on this machine: gsv-pipeline fetch {name} --source folder path=/where/it/is. "
    "It is published at https://www.kaggle.com/datasets/amaralibey/gsv-cities."
)
LIGHT_URL: Final = "https://github.com/amaralibey/OpenVPRLab/releases/download/v0.1/gsv-cities-light.zip"

DATASETS: Final[Mapping[str, Dataset]] = {
    "demo": Dataset(
        source="demo",
        description="Rendered cities in the layout of GSV-Cities: three to train on, one to validate, one to test.",
        licence="MIT, as this project",
        redistributable=True,
        cities=(*TRAINING_CITIES, VALIDATION_CITY, TEST_CITY),
    ),
    "gsv_cities": Dataset(
        source="kaggle",
        description="GSV-Cities: about 530,000 street photographs of 62,000 places in 23 cities (arXiv 2210.10239).",
        licence=PUBLISHED_LICENCE,
        arguments={"handle": "amaralibey/gsv-cities"},
        how_to_get=_IN_PLACE_HINT.format(name="gsv_cities"),
        cities=GSV_CITIES,
        num_images=530_000,
        num_places=62_000,
    ),
    "gsv_cities_light": Dataset(
        source="archive",
        description="GSV-Cities light: the small release of OpenVPRLab, 1.2 GB, in the same layout.",
        licence=PUBLISHED_LICENCE,
        arguments={"url": LIGHT_URL},
        how_to_get=_IN_PLACE_HINT.format(name="gsv_cities_light"),
    ),
    **BENCHMARK_DATASETS,
}
