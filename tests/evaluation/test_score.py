"""Recalls of a method with intervals, and their files."""

import json

import numpy as np
import pandas as pd
import pytest

from gsv_pipeline.benchmarks.data import BenchmarkData
from gsv_pipeline.evaluation import DEPTH
from gsv_pipeline.evaluation.intervals import recall_interval
from gsv_pipeline.evaluation.recall import recall_at_k
from gsv_pipeline.evaluation.score import (
    load_baselines,
    load_score,
    save_baselines,
    save_predictions,
    save_score,
    score_predictions,
)


@pytest.fixture
def data():
    """60 database images; 30 queries in 10 places, each with two positives, one query with none."""
    generator = np.random.default_rng(0)
    positives = [np.sort(generator.choice(60, 2, replace=False)) for _ in range(29)] + [np.empty(0, np.int64)]
    queries = pd.DataFrame({"place_id": [f"Marwick/{query // 3:07d}" for query in range(30)]})
    return BenchmarkData(pd.DataFrame({"image_id": range(60)}), queries, positives)


@pytest.fixture
def predictions():
    generator = np.random.default_rng(1)
    return np.stack([generator.permutation(60)[:DEPTH] for _ in range(30)])


def test_a_score_has_every_k_with_its_recall_and_interval(data, predictions):
    score = score_predictions("demo", predictions, data)
    assert score.name == "demo"
    assert dict(score.recall_at) == recall_at_k(predictions, data.positives, range(1, 26))
    ranks_below_5 = np.array(
        [bool(set(row[:5]) & set(rows)) for row, rows in zip(predictions, data.positives, strict=True)]
    )
    assert score.interval_at[5] == recall_interval(ranks_below_5, data.queries["place_id"].tolist())
    for k, recall in score.recall_at.items():
        assert score.interval_at[k][0] <= recall <= score.interval_at[k][1]


def test_a_database_smaller_than_the_depth_does_not_turn_misses_into_hits(data):
    few = np.tile(np.arange(4), (30, 1))
    score = score_predictions("demo", few, data)
    hits = np.mean([bool(set(rows) & set(range(4))) for rows in data.positives])
    assert 0 < hits < 1
    assert score.recall_at[4] == score.recall_at[25] == pytest.approx(hits)
    assert score.interval_at[25] == score.interval_at[4]


def test_a_score_survives_the_disk(tmp_path, data, predictions):
    score = score_predictions("demo", predictions, data)
    save_score(tmp_path, score, {"benchmark": "demo_test"})
    assert load_score(tmp_path) == score
    assert json.loads((tmp_path / "recall.json").read_text())["benchmark"] == "demo_test"
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics == {f"R@{k}": round(score.recall_at[k], 4) for k in (1, 5, 10, 20)}


def test_baselines_survive_the_disk_in_their_order(tmp_path, data, predictions):
    scores = [score_predictions(name, predictions, data) for name in ("untrained", "thumbnail")]
    save_baselines(tmp_path, scores)
    assert load_baselines(tmp_path) == scores


def test_predictions_are_kept_so_that_scoring_needs_no_model(tmp_path, data, predictions):
    similarities = np.linspace(1, 0, predictions.size, dtype=np.float32).reshape(predictions.shape)
    save_predictions(tmp_path, predictions, similarities)
    kept = np.load(tmp_path / "predictions.npy")
    assert score_predictions("demo", kept, data) == score_predictions("demo", predictions, data)
    assert np.array_equal(np.load(tmp_path / "similarities.npy"), similarities)
