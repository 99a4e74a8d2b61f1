"""What upstream publishes, on disk and unchanged: where it comes from (SOURCES) and which sets we know (DATASETS)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gsv_pipeline.sources.demo import TEST_CITY, TRAINING_CITIES, VALIDATION_CITY

VERSION: Final = 1

PUBLISHED_LICENCE: Final = "CC BY-NC-ND 4.0 (download for yourself; do not redistribute)"


@dataclass(frozen=True, slots=True)
class Source:
    """A way to get images.

    Args:
        fetch: `"module:function"`; the function takes a target folder, a tracker and the source's own arguments.
        description: One line for `gsv-pipeline list`.
    """

    fetch: str
    description: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set by name.

    Args:
        source: Row of SOURCES.
        description: What it is, for people.
        licence: Printed by `fetch` and written into the manifest.
        arguments: Defaults for the source's arguments.
        how_to_get: What to do when the source needs something from the user.
        cities: Cities that it holds, as their CSVs are named.
    """

    source: str
    description: str
    licence: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    how_to_get: str = ""
    cities: tuple[str, ...] = ()


SOURCES: Final[Mapping[str, Source]] = {
    "demo": Source("gsv_pipeline.sources.demo_source:fetch", "a city rendered on this machine, no download"),
    "folder": Source("gsv_pipeline.sources.folder:fetch", "an existing copy, used where it lies"),
}

GSV_CITIES: Final = (
    "Bangkok", "Barcelona", "Boston", "Brussels", "BuenosAires", "Chicago", "Lisbon", "London", "LosAngeles", "Madrid",
    "Medellin", "Melbourne", "MexicoCity", "Miami", "Minneapolis", "OSL", "Osaka", "PRG", "PRS", "Phoenix", "Rome",
    "TRT", "WashingtonDC",
)  # fmt: skip
"""The 23 cities of the release; Oslo, Prague, Paris and Toronto go by their codes."""

_KAGGLE_HINT: Final = (
    "Download it from https://www.kaggle.com/datasets/amaralibey/gsv-cities, unpack it, then run: "
    "gsv-pipeline fetch {name} path=/where/you/unpacked/it"
)

DATASETS: Final[Mapping[str, Dataset]] = {
    "demo": Dataset(
        source="demo",
        description="Rendered cities in the layout of GSV-Cities: three to train on, one to validate, one to test.",
        licence="MIT, as this project",
        cities=(*TRAINING_CITIES, VALIDATION_CITY, TEST_CITY),
    ),
    "gsv_cities": Dataset(
        source="folder",
        description="GSV-Cities: about 530,000 street photographs of 62,000 places in 23 cities (arXiv 2210.10239).",
        licence=PUBLISHED_LICENCE,
        how_to_get=_KAGGLE_HINT.format(name="gsv_cities"),
        cities=GSV_CITIES,
    ),
}
