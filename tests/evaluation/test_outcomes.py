"""What became of each query, kept beside a report and compared with another's."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gsv_pipeline.benchmarks.data import BenchmarkData
from gsv_pipeline.errors import DataError
from gsv_pipeline.evaluation.outcomes import compare_outcomes, load_outcomes, outcomes_of, save_outcomes


def _data(count: int) -> BenchmarkData:
    def side(prefix: str) -> pd.DataFrame:
        names = [f"{prefix}{row}.jpg" for row in range(count)]
        return pd.DataFrame({"image_id": names, "place_id": [f"Oslo/{row // 2:07d}" for row in range(count)]})

    return BenchmarkData(side("d"), side("q"), [np.array([row]) for row in range(count)])


def _found(count: int, right: set[int]) -> np.ndarray:
    return np.array([[row if row in right else (row + 1) % count, row] for row in range(count)])


def test_outcomes_survive_their_file(tmp_path: Path) -> None:
    data = _data(6)
    outcomes = outcomes_of(data, _found(6, {0, 1, 2}), np.full((6, 2), 0.5, dtype=np.float32))
    save_outcomes(tmp_path, outcomes)
    found = load_outcomes(tmp_path)
    assert found.ranks.tolist() == [0, 0, 0, 1, 1, 1]
    assert found.queries == data.queries["image_id"].tolist()
    assert found.places[:3] == ["Oslo/0000000", "Oslo/0000000", "Oslo/0000001"]


def test_two_experiments_are_compared_on_the_same_queries_alone() -> None:
    data, other = _data(60), _data(58)
    similarities = np.ones((60, 2), dtype=np.float32)
    good = outcomes_of(data, _found(60, set(range(60))), similarities)
    bad = outcomes_of(data, _found(60, set(range(20))), similarities)
    found = compare_outcomes(good, bad)
    assert found is not None
    assert (found.verdict, found.only_first, found.only_second) == ("better", 40, 0)
    deeper = compare_outcomes(good, bad, k=2)
    assert deeper is not None
    assert deeper.difference == 0.0
    assert compare_outcomes(good, outcomes_of(other, _found(58, set()), similarities[:58])) is None


def test_a_table_that_is_damaged_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "outcomes.parquet").write_bytes(b"PAR1 not much of a table")
    with pytest.raises(DataError, match="--force"):
        load_outcomes(tmp_path)
