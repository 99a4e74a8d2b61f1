"""The first rows of a table, as plain values that a page or the Dagster UI can show."""

import math
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from gsv_pipeline.benchmarks.data import QUERIES_FILE
from gsv_pipeline.catalog.schema import CATALOG_FILE
from gsv_pipeline.config import Experiment
from gsv_pipeline.errors import DataError
from gsv_pipeline.layout import Layout
from gsv_pipeline.places.select import PLACES_FILE

ROWS: Final = 5

Row = dict[str, str | int | float | bool | None]


def catalog_sample(layout: Layout, dataset: str) -> list[Row]:
    """The first images of a catalog."""
    return sample_rows(layout.catalog(dataset) / CATALOG_FILE)


def places_sample(layout: Layout, experiment: Experiment) -> list[Row]:
    """The first images of an experiment's places; none where it needs no places."""
    path = layout.places(experiment.name) / PLACES_FILE
    return sample_rows(path) if path.is_file() else []


def queries_sample(layout: Layout, benchmark: str) -> list[Row]:
    """The first queries of a benchmark."""
    return sample_rows(layout.benchmark(benchmark) / QUERIES_FILE)


def sample_rows(path: Path, rows: int = ROWS) -> list[Row]:
    """The first rows of a Parquet file, of which nothing else is read.

    Raises:
        DataError: Unreadable.
    """
    try:
        with pq.ParquetFile(path) as file:
            first = next(file.iter_batches(batch_size=rows), None)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} is not readable ({error}). Remove the folder {path.parent} and make it again."
        ) from error
    return [_plain(row) for row in first.to_pylist()] if first is not None else []


def _plain(row: dict[str, Any]) -> Row:
    """What is not a number is shown as nothing: JSON has no word for it. The long name of the file is last."""
    return {
        name: None if isinstance(row[name], float) and not math.isfinite(row[name]) else _value(row[name])
        for name in sorted(row, key="image_id".__eq__)
    }


def _value(value: Any) -> str | int | float | bool | None:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
