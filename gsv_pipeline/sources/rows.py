"""What a row of SOURCES and one of DATASETS say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

PUBLISHED: Final = "published"
"""`Images/<City>/<name>.jpg` and `Dataframes/<City>.csv`, as GSV-Cities is published."""

PHOTOGRAPHS: Final = "photographs"
"""Anyone's photographs: places from a CSV, or from coordinates in the file names."""

BENCHMARK_IMAGES: Final = "benchmark_images"
"""Images to test on, in whichever form their benchmarks read; there is no catalog of them."""


@dataclass(frozen=True, slots=True)
class Source:
    """A way to get images.

    Args:
        fetch: `"module:function"`; the function takes an empty target folder, a tracker, the source's own arguments
            and, where it asks for them, `downloads`: a folder that outlives an interrupted run, and `layout`: what the
            data set is laid out like. It returns facts.
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
        cities: Cities that it holds, by their published codes; empty where nobody has listed them.
        num_images: As published, or 0.
        num_places: As published, or 0.
        redistributable: Whether its licence admits copies in public places.
        max_quarantined: Largest share of unusable images with which the data set counts as sound.
        layout: What it is laid out like.
    """

    source: str
    description: str
    licence: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    how_to_get: str = ""
    cities: tuple[str, ...] = ()
    num_images: int = 0
    num_places: int = 0
    redistributable: bool = False  # only who knows the terms may say that it is
    max_quarantined: float = 0.01
    layout: str = PUBLISHED

    @property
    def has_catalog(self) -> bool:
        """Whether places are made of it, so that its images are tabulated; images to test on are not."""
        return self.layout != BENCHMARK_IMAGES
