"""The columns of a catalog (one row per image) and of its quarantine (one row per image or row that failed)."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Args:
        name: As in the Parquet file.
        dtype: pandas' name for its type.
        meaning: With its unit, shown in the Dagster UI.
    """

    name: str
    dtype: str
    meaning: str


CATALOG_FILE: Final = "catalog.parquet"
COLUMNS: Final = (
    Column("image_id", "string", "path relative to the data set's root"),
    Column("city", "string", "city, by its published code"),
    Column("place_id", "string", "city/place, 'London/0000013'"),
    Column("year", "int16", "year of capture; 0 where own photographs do not say"),
    Column("month", "int8", "month of capture, 1 to 12; 0 where own photographs do not say"),
    Column("northdeg", "int32", "heading in degrees as published; may exceed 360, -1 where unknown"),
    Column("bearing", "float32", "degrees clockwise from north, in [0, 360); not a number where unknown"),
    Column("lat", "float64", "latitude in degrees"),
    Column("lon", "float64", "longitude in degrees"),
    Column("panoid", "string", "panorama id as published"),
    Column("width", "int32", "pixels; 0 where no image was opened"),
    Column("height", "int32", "pixels; 0 where no image was opened"),
    Column("bytes", "int64", "size of the file; 0 where no file was looked at"),
    Column("content", "string", "token of the file's content: an image that changed is another image"),
)

QUARANTINE_FILE: Final = "quarantine.parquet"
QUARANTINE_COLUMNS: Final = (
    Column("city", "string", "city, by its published code"),
    Column("place_id", "string", "city/place, as far as it is known"),
    Column("image_id", "string", "path relative to the data set's root; empty where there is no file"),
    Column("panoid", "string", "panorama id, as far as it is known"),
    Column("origin", "string", "file and line that it comes from, 'London.csv:12'"),
    Column("reason", "string", "name of the broken rule"),
    Column("detail", "string", "what was found"),
)
"""Nothing is dropped silently: what is not in the catalog is here, with its reason."""


PLACE_DIGITS: Final = 7
"""Of a published place number, in keys as in file names."""
