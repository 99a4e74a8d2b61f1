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
OPTIONAL: Final = ("east", "north", "condition")
"""UTM metres and what sets a group of images apart, where names tell; written where a table has them."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BenchmarkData:
    """Both sides and the ground truth.

    Year and month are 0, bearing and coordinates not a number, where they are not known.

    Args:
        database: N rows of COLUMNS, and those of OPTIONAL that are known.
        queries: Q rows, likewise.
        positives: Q arrays of database rows, each sorted; empty where a query has none, or the answers are hidden.
    """

    database: pd.DataFrame
    queries: pd.DataFrame
    positives: Sequence[Ints]

    @property
    def sides(self) -> dict[str, pd.DataFrame]:
        """`database` and `queries` by name."""
        return {"database": self.database, "queries": self.queries}

    def keep(self, database: npt.NDArray[np.bool_], queries: npt.NDArray[np.bool_]) -> "BenchmarkData":
        """The chosen rows of both sides; positives are renumbered, and those that are left out disappear.

        Args:
            database: [N].
            queries: [Q].
        """
        numbers = np.cumsum(database) - 1
        positives = [numbers[rows[database[rows]]] for rows, kept in zip(self.positives, queries, strict=True) if kept]
        return BenchmarkData(
            self.database[database].reset_index(drop=True), self.queries[queries].reset_index(drop=True), positives
        )


def check_benchmark(data: BenchmarkData, *, name: str, has_positives: bool = True) -> None:
    """Refuse a benchmark that cannot be scored.

    Args:
        data: Both sides and the positives.
        name: Of the benchmark, for messages.
        has_positives: False where the answers are hidden: then no query may have one.

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
    if has_positives and not len(flat):
        raise DataError(f"Benchmark '{name}': no query has a positive, so every recall would be 0. Check coordinates.")
    if len(flat) and not has_positives:
        raise DataError(f"Benchmark '{name}': its answers are hidden, but {len(flat)} positives are stated.")


def save_benchmark(folder: Path, data: BenchmarkData) -> None:
    """Write the three files of a benchmark."""
    for file, table in ((DATABASE_FILE, data.database), (QUERIES_FILE, data.queries)):
        columns = [*COLUMNS, *(name for name in OPTIONAL if name in table)]
        table[columns].to_parquet(folder / file, index=False)
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
