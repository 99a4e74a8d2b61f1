"""A benchmark in memory and on disk: two tables and, for each query, the database rows that count as correct."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import pandas as pd

from gsv_pipeline.errors import DataError

DATABASE_FILE: Final = "database.parquet"
QUERIES_FILE: Final = "queries.parquet"
POSITIVES_FILE: Final = "positives.npz"
COLUMNS: Final = ("image_id", "place_id", "year", "month", "bearing", "lat", "lon", "content")

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BenchmarkData:
    """Both sides and the ground truth.

    Args:
        database: N rows of COLUMNS.
        queries: Q rows of COLUMNS.
        positives: Q arrays of database rows, each sorted; empty where a query has none.
    """

    database: pd.DataFrame
    queries: pd.DataFrame
    positives: Sequence[Ints]


def check_benchmark(data: BenchmarkData, *, name: str) -> None:
    """Refuse a benchmark that cannot be scored.

    Raises:
        DataError: A side is empty, positives do not match the queries or point outside the database.
    """
    if data.database.empty or data.queries.empty:
        raise DataError(f"Benchmark '{name}' has {len(data.database)} database images and {len(data.queries)} queries.")
    if len(data.positives) != len(data.queries):
        raise DataError(
            f"Benchmark '{name}': {len(data.positives)} lists of positives for {len(data.queries)} queries."
        )
    flat = np.concatenate([np.asarray(rows, dtype=np.int64) for rows in data.positives])
    if len(flat) and (flat.min() < 0 or flat.max() >= len(data.database)):
        raise DataError(f"Benchmark '{name}': a positive points outside the {len(data.database)} database images.")
    if not len(flat):
        raise DataError(f"Benchmark '{name}': no query has a positive, so every recall would be 0. Check coordinates.")


def save_benchmark(folder: Path, data: BenchmarkData) -> None:
    """Write the three files of a benchmark."""
    data.database[list(COLUMNS)].to_parquet(folder / DATABASE_FILE, index=False)
    data.queries[list(COLUMNS)].to_parquet(folder / QUERIES_FILE, index=False)
    lengths = np.array([len(rows) for rows in data.positives], dtype=np.int64)
    np.savez(folder / POSITIVES_FILE, flat=np.concatenate(list(data.positives)).astype(np.int64), lengths=lengths)


def load_benchmark(folder: Path) -> BenchmarkData:
    """Read what `save_benchmark` wrote.

    Raises:
        DataError: A file is missing or damaged.
    """
    try:
        with (folder / POSITIVES_FILE).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            positives = np.split(stored["flat"], np.cumsum(stored["lengths"])[:-1])
        database, queries = (pd.read_parquet(folder / name) for name in (DATABASE_FILE, QUERIES_FILE))
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise DataError(
            f"{folder} holds no readable benchmark ({error}). Run the benchmark stage again with --force."
        ) from error
    return BenchmarkData(database, queries, positives)
