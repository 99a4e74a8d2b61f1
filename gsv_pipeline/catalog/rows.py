"""What every reader of a layout hands over: the cities it found, and each city's rows, sound or not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from gsv_pipeline.errors import DataError
from gsv_pipeline.registry import resolve, unknown_name
from gsv_pipeline.sources.location import PHOTOGRAPHS, PUBLISHED

ROW_COLUMNS: Final = (
    "place", "year", "month", "northdeg", "lat", "lon", "panoid", "image_id", "origin", "problem", "detail",
)  # fmt: skip
"""A row per image. `place` is what follows the city in `place_id`; `image_id` is empty where there is no file;
`northdeg` is not a number where no heading is known; `origin` says where the row stands ('London.csv:12'); `problem` is
empty or names the rule of `report.RULES` that the row breaks, and `detail` says what was found."""


@dataclass(frozen=True, slots=True)
class CityFiles:
    """A city as it lies on disk.

    Args:
        name: Its published code, or what its owner calls it.
        signature: Changes when a row changes, or a file is added, removed or renamed; costs no look at any image.
        csv: Its table; None where there is none.
        folders: Where its images are.
    """

    name: str
    signature: str
    csv: Path | None
    folders: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Reader:
    """How a layout is read.

    Args:
        list_cities: `"module:function"`; `(root, **arguments) -> list[CityFiles]`, sorted by name.
        read_city: `"module:function"`; `(root, city, findings, **arguments) -> table` with ROW_COLUMNS.
        coordinates_expected: A row without coordinates is an error.
        dates_expected: A row without a date is an error.
    """

    list_cities: str
    read_city: str
    coordinates_expected: bool = True
    dates_expected: bool = True

    def functions(self) -> tuple[Callable[..., list[CityFiles]], Callable[..., pd.DataFrame]]:
        """Both, imported."""
        return resolve(self.list_cities), resolve(self.read_city)


READERS: Final[Mapping[str, Reader]] = {
    PUBLISHED: Reader("gsv_pipeline.catalog.published:list_cities", "gsv_pipeline.catalog.published:read_city"),
    PHOTOGRAPHS: Reader(
        "gsv_pipeline.catalog.photographs:list_cities",
        "gsv_pipeline.catalog.photographs:read_city",
        coordinates_expected=False,
        dates_expected=False,
    ),
}


def reader_of(layout: str) -> Reader:
    """The reader of a layout that a source has noted.

    Raises:
        DataError: A note of another version.
    """
    if layout not in READERS:
        raise DataError(f"{unknown_name('layout', layout, READERS)} Fetch the data set again.")
    return READERS[layout]
