"""What a recall report shows, as plain values. `stages.evaluate` fills it, `page.py` draws it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gsv_pipeline.reports.measures import Measures


@dataclass(frozen=True, slots=True)
class RecallRow:
    """One line of the recall table: a trained model or a baseline.

    Args:
        name: `demo`, `untrained`, `colour_histogram`, `thumbnail`.
        recall_at: K -> fraction in [0, 1], for K = 1..25.
        interval_at: K -> 95 % interval as fractions (low, high).
        is_baseline: Drawn muted.
    """

    name: str
    recall_at: Mapping[int, float]
    interval_at: Mapping[int, tuple[float, float]]
    is_baseline: bool = False


@dataclass(frozen=True, slots=True)
class TrainingCurve:
    """What training logged: loss by optimizer step, recall by step at each validation (fractions)."""

    steps: Sequence[int] = ()
    loss: Sequence[float] = ()
    validation_steps: Sequence[int] = ()
    validation_recall: Mapping[str, Sequence[float]] = field(default_factory=dict)  # "demo_val R@1" -> values
    best_step: int | None = None


@dataclass(frozen=True, slots=True)
class BenchmarkImages:
    """One side of a benchmark.

    Args:
        paths: N image files.
        names: N image ids, shown in captions.
        latlon: [N, 2] float64 degrees.
        dates: N strings "2016-07".
        place_ids: N place keys ("Test/0000012"), empty strings where unknown.
    """

    paths: Sequence[Path]
    names: Sequence[str]
    latlon: npt.NDArray[np.float64]
    dates: Sequence[str]
    place_ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything on one page.

    Args:
        predictions: [Q, K] database indices, best first.
        scores: [Q, K] cosine similarities.
        distances_m: [Q, K] metres from the query to each prediction.
        positives: Per query, the database indices counted as correct.
        facts: Dataset facts in reading order, already formatted ("Database images": "340").
        provenance: Data version, config hash, code version, seed, package versions, wall time: in reading order.
        experiment_yaml: The resolved experiment.
        created: Date and time of the evaluation, as the header shows it; empty where unknown.
        measures: What is said beside recall.
        looks: Query index -> [h, w] importance in 0..1 of the cells of its feature map, for queries that are shown.
        left_out: Why no image is shown; empty where images may be shown.
        deviates: How the benchmark is not as published, as a sentence; empty where it is.
        skipped: Broken images that the user let pass, counted and named; empty where there are none.
        variant: Which benchmark of its name it is, and how a hit is counted; stands in every table that shows a number.
    """

    experiment: str
    benchmark: str
    description: str
    rows: Sequence[RecallRow]
    curve: TrainingCurve
    database: BenchmarkImages
    queries: BenchmarkImages
    predictions: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]
    distances_m: npt.NDArray[np.float64]
    positives: Sequence[npt.NDArray[np.int64]]
    facts: Mapping[str, str]
    provenance: Mapping[str, str]
    experiment_yaml: str
    created: str = ""
    measures: Measures = field(default_factory=Measures)
    looks: Mapping[int, npt.NDArray[np.float32]] = field(default_factory=dict)
    left_out: str = ""
    deviates: str = ""
    skipped: str = ""
    variant: str = ""


@dataclass(frozen=True, slots=True)
class LeaderboardRow:
    """One experiment, or one baseline, on one benchmark.

    Args:
        of: For a baseline, the experiment it belongs to; empty for an experiment.
        report: Path of the report page relative to the leaderboard page; empty for a baseline.
        trained_on: Data set name.
        descriptor_size: D of the descriptors; 0 where unknown.
        created: ISO date and time of the report.
        variant: Which benchmark of this name, and how a hit is counted.
        parameters: Of the model; 0 where unknown.
        gflops: 10⁹ operations for one image; 0 where unknown.
        images_per_s: Described, on the machine of that run; 0 where unknown.
        against_best: The paired comparison with the best experiment of this benchmark; empty for that one itself.
        chosen_here: Whether recall on this very benchmark chose the checkpoint, so that it is no test result.
    """

    experiment: str
    benchmark: str
    recall_at: Mapping[int, float]
    interval_at: Mapping[int, tuple[float, float]]
    of: str = ""
    report: str = ""
    trained_on: str = ""
    descriptor_size: int = 0
    created: str = ""
    variant: str = ""
    parameters: int = 0
    gflops: float = 0.0
    images_per_s: float = 0.0
    against_best: str = ""
    chosen_here: bool = False
