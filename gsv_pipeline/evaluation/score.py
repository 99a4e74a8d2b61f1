"""Recalls of one method on one benchmark, with intervals, and their file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gsv_pipeline.artifact_files import PREDICTIONS_FILE, RECALL_FILE, RECALL_METRICS_FILE
from gsv_pipeline.benchmarks.data import BenchmarkData
from gsv_pipeline.evaluation import DEPTH
from gsv_pipeline.evaluation.intervals import recall_interval
from gsv_pipeline.evaluation.recall import KS, first_hits
from gsv_pipeline.manifest import read_json, write_json

BASELINES_FILE: Final = "baselines.json"
SIMILARITIES_FILE: Final = "similarities.npy"


@dataclass(frozen=True, slots=True)
class Score:
    """Recalls as fractions.

    Args:
        name: An experiment or a baseline.
        recall_at: K -> fraction, for K = 1..25.
        interval_at: K -> 95 % interval.
    """

    name: str
    recall_at: Mapping[int, float]
    interval_at: Mapping[int, tuple[float, float]]


def score_predictions(name: str, predictions: npt.NDArray[np.int64], data: BenchmarkData) -> Score:
    """Recall@1..25 of [Q, depth] predictions, with intervals over query places; a database may be smaller than 25."""
    ranks, depth = first_hits(predictions, data.positives), predictions.shape[1]
    places = data.queries["place_id"].tolist()
    hits = {k: ranks < min(k, depth) for k in range(1, DEPTH + 1)}
    recalls = {k: float(hit.mean()) for k, hit in hits.items()}
    return Score(name, recalls, {k: recall_interval(hit, places) for k, hit in hits.items()})


def save_predictions(folder: Path, predictions: npt.NDArray[np.int64], similarities: npt.NDArray[np.float32]) -> None:
    """Keep what was retrieved: scoring again never needs the model."""
    np.save(folder / PREDICTIONS_FILE, predictions)
    np.save(folder / SIMILARITIES_FILE, similarities)


def save_score(folder: Path, score: Score, facts: Mapping[str, Any]) -> None:
    """Write `recall.json` (everything) and `metrics.json` (R@1, 5, 10, 20: what `dvc metrics show` prints)."""
    write_json(folder / RECALL_FILE, {**_to_json(score), **facts})
    write_json(folder / RECALL_METRICS_FILE, {f"R@{k}": round(score.recall_at[k], 4) for k in KS})


def load_score(folder: Path) -> Score:
    """Read what `save_score` wrote."""
    return _from_json(read_json(folder / RECALL_FILE))


def save_baselines(folder: Path, scores: Sequence[Score]) -> None:
    """Keep beside a report what it was compared with."""
    write_json(folder / BASELINES_FILE, [_to_json(score) for score in scores])


def load_baselines(folder: Path) -> list[Score]:
    """Read what `save_baselines` wrote."""
    return [_from_json(values) for values in read_json(folder / BASELINES_FILE)]


def _to_json(score: Score) -> dict[str, Any]:
    return {
        "name": score.name,
        "recall_at": {str(k): value for k, value in score.recall_at.items()},
        "interval_at": {str(k): list(value) for k, value in score.interval_at.items()},
    }


def _from_json(values: Mapping[str, Any]) -> Score:
    recalls = {int(k): float(value) for k, value in values["recall_at"].items()}
    intervals = {int(k): (float(low), float(high)) for k, (low, high) in values["interval_at"].items()}
    return Score(values["name"], recalls, intervals)
