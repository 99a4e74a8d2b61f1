"""The columns of a catalog: one row per image."""

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
    Column("city", "string", "city as the CSV is named"),
    Column("place_id", "string", "city/place number, 'London/0000013'"),
    Column("year", "int16", "year of capture"),
    Column("month", "int8", "month of capture, 1 to 12"),
    Column("northdeg", "int32", "heading in degrees as published; may exceed 360"),
    Column("bearing", "float32", "degrees clockwise from north, in [0, 360)"),
    Column("lat", "float64", "latitude in degrees"),
    Column("lon", "float64", "longitude in degrees"),
    Column("panoid", "string", "panorama id as published"),
    Column("width", "int32", "pixels"),
    Column("height", "int32", "pixels"),
    Column("bytes", "int64", "size of the file"),
    Column("content", "string", "hash of the file's bytes: an image that changed is another image"),
)


def place_key(city: str, place: int) -> str:
    """`place_id` of a place: numbers restart in every city's CSV, so the city is part of the key."""
    return f"{city}/{place:07d}"
