"""Predictions as others read them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gsv_pipeline.benchmarks.data import BenchmarkData
from gsv_pipeline.errors import DataError
from gsv_pipeline.evaluation.prediction_files import write_msls, write_predictions


def _data(*, database: list[str], queries: list[str], positives: list[list[int]]) -> BenchmarkData:
    def side(names: list[str]) -> pd.DataFrame:
        return pd.DataFrame({"image_id": names, "place_id": names})

    return BenchmarkData(side(database), side(queries), [np.array(rows, dtype=np.int64) for rows in positives])


DATA = _data(database=["a/x1.jpg", "b/x2.jpg", "b/x3.jpg"], queries=["q/k1.jpg", "q/k2.jpg"], positives=[[2], []])
PREDICTIONS = np.array([[2, 0], [1, -1]])


def test_the_table_names_every_answer_and_says_whether_it_is_correct(tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    write_predictions(path, DATA, PREDICTIONS, np.array([[0.9, 0.5], [0.4, 0.0]], dtype=np.float32))
    table = pd.read_parquet(path)
    assert table.to_dict("records") == [
        {"query": "q/k1.jpg", "rank": 1, "database": "b/x3.jpg", "similarity": np.float32(0.9), "correct": True},
        {"query": "q/k1.jpg", "rank": 2, "database": "a/x1.jpg", "similarity": np.float32(0.5), "correct": False},
        {"query": "q/k2.jpg", "rank": 1, "database": "b/x2.jpg", "similarity": np.float32(0.4), "correct": False},
    ]


def test_recall_follows_from_the_table(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    names = [f"{row}.jpg" for row in range(50)]
    positives = [generator.choice(50, size=generator.integers(0, 4), replace=False).tolist() for _ in range(40)]
    data = _data(database=names, queries=[f"q{row}.jpg" for row in range(40)], positives=positives)
    predictions = np.stack([generator.permutation(50)[:25] for _ in range(40)])
    write_predictions(tmp_path / "p.parquet", data, predictions, np.ones((40, 25), dtype=np.float32))
    table = pd.read_parquet(tmp_path / "p.parquet")
    hit = table[table["rank"] <= 10].groupby("query")["correct"].any().mean()
    assert hit == np.mean(
        [bool(set(rows[:10]) & set(own)) for rows, own in zip(predictions.tolist(), positives, strict=True)]
    )


def test_msls_lines_hold_keys_without_folders_and_suffixes(tmp_path: Path) -> None:
    write_msls(tmp_path / "p.txt", DATA, PREDICTIONS)
    assert (tmp_path / "p.txt").read_text() == "k1 x3 x1\nk2 x2\n"
    rows = [line.split(" ") for line in (tmp_path / "p.txt").read_text().splitlines()]
    assert rows[0][0] == "k1"


def test_a_blank_in_a_key_would_move_every_answer_and_is_refused(tmp_path: Path) -> None:
    data = _data(database=["my photo.jpg"], queries=["q.jpg"], positives=[[0]])
    with pytest.raises(DataError, match=r"my photo\.jpg"):
        write_msls(tmp_path / "p.txt", data, np.array([[0]]))
    assert not (tmp_path / "p.txt").exists()
