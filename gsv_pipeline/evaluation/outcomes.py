"""What became of each query: a table beside every report, so that two experiments can be compared query by query."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from gsv_pipeline.benchmarks.data import BenchmarkData
from gsv_pipeline.errors import DataError
from gsv_pipeline.evaluation.comparison import Comparison, compare
from gsv_pipeline.evaluation.recall import first_hits

OUTCOMES_FILE: Final = "outcomes.parquet"
COLUMNS: Final = ("query", "place", "rank", "similarity")

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """One entry per query, in the benchmark's order.

    Args:
        queries: Image ids.
        places: Place keys.
        ranks: [Q] 0-based rank of the first correct answer; the depth of the predictions where none is.
        similarities: [Q] of the first answers.
    """

    queries: list[str]
    places: list[str]
    ranks: Ints
    similarities: npt.NDArray[np.float32]


def outcomes_of(data: BenchmarkData, predictions: Ints, similarities: npt.NDArray[np.float32]) -> Outcomes:
    """What became of each query of `data`, given [Q, K] predictions and their similarities."""
    return Outcomes(
        data.queries["image_id"].tolist(),
        data.queries["place_id"].astype(str).tolist(),
        first_hits(predictions, data.positives),
        similarities[:, 0],
    )


def save_outcomes(folder: Path, outcomes: Outcomes) -> None:
    """Write the table."""
    values = (outcomes.queries, outcomes.places, outcomes.ranks, outcomes.similarities)
    pd.DataFrame(dict(zip(COLUMNS, values, strict=True))).to_parquet(folder / OUTCOMES_FILE, index=False)


def load_outcomes(folder: Path) -> Outcomes:
    """Read the table.

    Raises:
        DataError: Missing or damaged.
    """
    try:
        table = pd.read_parquet(folder / OUTCOMES_FILE)[list(COLUMNS)]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{folder / OUTCOMES_FILE} is not readable ({error}). Run the evaluate stage again with --force."
        ) from error
    return Outcomes(
        table["query"].tolist(),
        table["place"].tolist(),
        table["rank"].to_numpy(np.int64),
        table["similarity"].to_numpy(np.float32),
    )


def compare_outcomes(first: Outcomes, second: Outcomes, *, k: int = 1) -> Comparison | None:
    """Compare R@K on the queries; None where the two were not asked the same ones."""
    if first.queries != second.queries:
        return None
    return compare(first.ranks < k, second.ranks < k, first.places)
