"""Predictions for other tools: one Parquet table, and the text file that the MSLS challenge takes."""

from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from gsv_pipeline.benchmarks.data import BenchmarkData
from gsv_pipeline.errors import DataError

PARQUET_FILE: Final = "predictions.parquet"

Ints = npt.NDArray[np.int64]


def write_predictions(
    path: Path, data: BenchmarkData, predictions: Ints, similarities: npt.NDArray[np.float32]
) -> None:
    """Write one row per query and rank: `query`, `rank` (from 1), `database`, `similarity`, `correct`.

    Args:
        path: The Parquet file.
        data: Whose image ids the rows name.
        predictions: [Q, K] database rows, best first; -1 where there is none.
        similarities: [Q, K].
    """
    depth = predictions.shape[1]
    queries, ranks = np.repeat(np.arange(len(predictions)), depth), np.tile(np.arange(1, depth + 1), len(predictions))
    rows = predictions.reshape(-1)
    table = pd.DataFrame(
        {
            "query": data.queries["image_id"].to_numpy()[queries],
            "rank": ranks.astype(np.int16),
            "database": data.database["image_id"].to_numpy()[rows],
            "similarity": similarities.reshape(-1),
            "correct": _correct(queries, rows, data),
        }
    )
    table[rows >= 0].to_parquet(path, index=False)


def write_msls(path: Path, data: BenchmarkData, predictions: Ints) -> None:
    """Write what MSLS' own script and challenge read: a line per query, its key and those of the answers, best first.

    A key is a file's name without its suffix (github.com/mapillary/mapillary_sls, evaluate.py).

    Args:
        path: The text file.
        data: Whose image ids become keys.
        predictions: [Q, K] database rows, best first.

    Raises:
        DataError: A key holds a blank, which separates keys.
    """
    database = [_key(image_id) for image_id in data.database["image_id"]]
    lines = [
        " ".join([_key(query), *(database[row] for row in rows if row >= 0)])
        for query, rows in zip(data.queries["image_id"], predictions.tolist(), strict=True)
    ]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _correct(queries: Ints, rows: Ints, data: BenchmarkData) -> npt.NDArray[np.bool_]:
    lengths = np.array([len(found) for found in data.positives], dtype=np.int64)
    size = len(data.database)
    wanted = np.repeat(np.arange(len(lengths)), lengths) * size + np.concatenate(
        [np.empty(0, np.int64), *data.positives]
    )
    return np.isin(queries * size + rows, wanted) & (rows >= 0)


def _key(image_id: str) -> str:
    key = PurePosixPath(image_id).stem
    if any(character.isspace() for character in key):
        raise DataError(f"The name '{image_id}' holds a blank, which separates the keys of an MSLS file. Rename it.")
    return key
