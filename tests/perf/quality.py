"""`python -m tests.perf.quality [--quick]`: is the fast path as good as the plain one, over three seeds of the demo?

Prints R@1 on demo_test of both sides and the difference with its interval, and writes `quality.json` beside the runs.
Finished runs are kept in `build/quality`, and an interrupted one goes on, so the command may be broken off at any time.
Exit code 1 where the difference is outside of its interval.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from gsv_pipeline import stages
from gsv_pipeline.artifact_files import PREDICTIONS_FILE
from gsv_pipeline.benchmarks.data import load_benchmark
from gsv_pipeline.config import Experiment, experiment_files, load_experiment
from gsv_pipeline.evaluation.recall import first_hits
from gsv_pipeline.evaluation.score import load_score
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking.console import ConsoleTracker
from tests.tiny import TINY_CITY, TINY_TRAINING

FOLDER: Final = Path("build/quality")
QUICK_FOLDER: Final = Path("build/quality_quick")
SEEDS: Final = (1, 2, 3)
SIDES: Final = {"plain": "training.plain=true", "fast": "training.plain=false"}
VALIDATION, TEST = "demo_val", "demo_test"
RESAMPLES: Final = 4000

Hits = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Run:
    """One training and its score.

    Args:
        side: `plain` or `fast`.
        seed: Of weights, batches and augmentation.
        recall: R@1.
        interval: Of it, over the places of the queries.
        hits: [Q] whether a query's first match is right.
        images_per_s: Median of its training steps.
    """

    side: str
    seed: int
    recall: float
    interval: tuple[float, float]
    hits: Hits
    images_per_s: float


def main(arguments: Sequence[str]) -> int:
    """Train what is not there yet, compare, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.perf.quality", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tiny city and a tiny model: does this command work?")
    quick = parser.parse_args(arguments).quick
    os.environ.setdefault("WANDB_MODE", "disabled")
    folder = QUICK_FOLDER if quick else FOLDER
    layout = Layout.find(folder / "data")
    _prepare(layout, quick=quick)
    runs = []
    for seed in SEEDS:
        for side in SIDES:
            print(
                f"== {side}, seed {seed}: run {len(runs) + 1} of {len(SEEDS) * len(SIDES)}", file=sys.stderr, flush=True
            )
            runs.append(_run(layout, side=side, seed=seed, quick=quick))
    places = load_benchmark(layout.benchmark(TEST)).queries["place_id"].tolist()
    low, high = difference_interval(
        *([run.hits for run in runs if run.side == side] for side in ("fast", "plain")), places
    )
    difference = _mean(runs, "fast") - _mean(runs, "plain")
    holds = low <= 0 <= high
    print(_table(runs))
    print(
        f"fast - plain: {100 * difference:+.1f} points, 95 % interval {100 * low:+.1f} to {100 * high:+.1f}: "
        f"{'the same within the interval' if holds else 'NOT the same'}"
    )
    facts = {"difference": difference, "interval": [low, high], "same": holds, "runs": [_to_json(run) for run in runs]}
    (folder / "quality.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return 0 if holds else 1


def difference_interval(
    ours: Sequence[Hits], theirs: Sequence[Hits], places: Sequence[str], *, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of the difference of two mean recalls, by bootstrap over seeds and over the places of the queries.

    Both sides answer the same queries, so they are resampled alike; runs of either side are drawn on their own.

    Args:
        ours: [Q] hits of each run of one side.
        theirs: The same of the other.
        places: [Q] the place of each query.
        seed: Of the resampling.
    """
    _, place = np.unique(np.asarray(places), return_inverse=True)
    queries_of = np.bincount(place).astype(np.float64)  # [P]
    of_place = [np.stack([np.bincount(place, weights=hits) for hits in side]) for side in (ours, theirs)]  # [S, P]
    generator = np.random.default_rng(seed)
    differences = []
    for _ in range(RESAMPLES):
        drawn = generator.integers(len(queries_of), size=len(queries_of))
        sums = [side[generator.integers(len(side), size=len(side))][:, drawn].sum() / len(side) for side in of_place]
        differences.append((sums[0] - sums[1]) / queries_of[drawn].sum())
    low, high = np.percentile(differences, [2.5, 97.5])
    return float(low), float(high)


def _prepare(layout: Layout, *, quick: bool) -> None:
    tracker = ConsoleTracker()
    layout.experiments().mkdir(parents=True, exist_ok=True)
    stages.fetch_dataset(layout, "demo", tracker=tracker, arguments=TINY_CITY if quick else None)
    stages.build_catalog(layout, "demo", tracker=tracker)
    for benchmark in (VALIDATION, TEST):
        stages.build_benchmark(layout, benchmark, tracker=tracker)


def _experiment(layout: Layout, *, side: str, seed: int, quick: bool) -> Experiment:
    """The shipped demo under a name of its own, so that every run keeps its artifacts."""
    name = f"quality_{side}_{seed}"
    shipped = experiment_files(layout)["demo"]
    (layout.experiments() / f"{name}.yaml").write_text(shipped.read_text(encoding="utf-8"), encoding="utf-8")
    return load_experiment(layout, name, [f"seed={seed}", SIDES[side], *(TINY_TRAINING if quick else ())])


def _run(layout: Layout, *, side: str, seed: int, quick: bool) -> Run:
    tracker, experiment = ConsoleTracker(), _experiment(layout, side=side, seed=seed, quick=quick)
    stages.build_places(layout, experiment, tracker=tracker)
    trained = stages.train(layout, experiment, tracker=tracker)
    stages.embed(layout, experiment, TEST, tracker=tracker)
    stages.build_index(layout, experiment, TEST, tracker=tracker)
    report = stages.evaluate(layout, experiment, TEST, tracker=tracker).artifact
    score = load_score(report)
    ranks = first_hits(np.load(report / PREDICTIONS_FILE), load_benchmark(layout.benchmark(TEST)).positives)
    return Run(side, seed, score.recall_at[1], score.interval_at[1], ranks == 0, trained.metadata["images_per_s"])


def _mean(runs: Sequence[Run], side: str) -> float:
    return float(np.mean([run.recall for run in runs if run.side == side]))


def _table(runs: Sequence[Run]) -> str:
    lines = [
        f"{'R@1 on ' + TEST:<18}" + "".join(f"{f'seed {seed}':>24}" for seed in SEEDS) + f"{'mean':>9}{'images/s':>10}"
    ]
    for side in SIDES:
        own = [run for run in runs if run.side == side]
        cells = [f"{100 * run.recall:.1f} [{100 * run.interval[0]:.1f}, {100 * run.interval[1]:.1f}]" for run in own]
        rate = float(np.median([run.images_per_s for run in own]))
        lines.append(
            f"{side:<18}" + "".join(f"{cell:>24}" for cell in cells) + f"{100 * _mean(runs, side):>9.1f}{rate:>10.1f}"
        )
    return "\n".join(lines)


def _to_json(run: Run) -> dict[str, object]:
    return {
        "side": run.side,
        "seed": run.seed,
        "R@1": run.recall,
        "interval": list(run.interval),
        "images_per_s": run.images_per_s,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
