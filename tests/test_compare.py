"""Two experiments on one benchmark: what the command says is what their predictions say, and the leaderboard agrees."""

import json
import re

import numpy as np
import pytest

from gsv_pipeline import stages
from gsv_pipeline.artifact_files import PREDICTIONS_FILE
from gsv_pipeline.benchmarks.data import load_benchmark
from gsv_pipeline.cli import run
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking import NullTracker
from tests.tiny import own_experiment

TEST = "demo_test"


def hits_of(layout: Layout, experiment: str) -> list[bool]:
    """Whether each query's first answer is right, without the project's own recall."""
    predictions = np.load(layout.recall_report(TEST, experiment) / PREDICTIONS_FILE)
    positives = load_benchmark(layout.benchmark(TEST)).positives
    return [int(row[0]) in set(np.asarray(right).tolist()) for row, right in zip(predictions, positives, strict=True)]


def test_two_experiments_are_compared_query_by_query(chain_layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    tracker = NullTracker()
    for seed, name in ((1, "first"), (2, "second")):
        experiment = own_experiment(chain_layout, name, f"seed: {seed}\n")
        stages.build_places(chain_layout, experiment, tracker=tracker)
        stages.train(chain_layout, experiment, tracker=tracker)
        for stage in (stages.embed, stages.build_index, stages.evaluate):
            stage(chain_layout, experiment, TEST, tracker=tracker)
    ours, theirs = hits_of(chain_layout, "first"), hits_of(chain_layout, "second")
    capsys.readouterr()
    assert run(["--data-root", str(chain_layout.root), "compare", "first", "second", TEST]) == 0
    line = next(row for row in capsys.readouterr().out.splitlines() if row.startswith("R@1 "))
    said = re.fullmatch(
        r"R@1 +first is (better|worse|same): ([+-][\d.]+) points \(([+-][\d.]+) to ([+-][\d.]+)\), p = ([\d.e-]+); "
        r"(\d+) queries only first, (\d+) only second",
        line,
    )
    assert said, line
    assert float(said[2]) == pytest.approx(100 * (np.mean(ours) - np.mean(theirs)), abs=0.01)
    assert float(said[3]) <= float(said[2]) <= float(said[4])
    assert int(said[6]) == sum(a and not b for a, b in zip(ours, theirs, strict=True))
    assert int(said[7]) == sum(b and not a for a, b in zip(ours, theirs, strict=True))
    stages.write_leaderboard(chain_layout, tracker=tracker)
    rows = json.loads((chain_layout.leaderboard() / "leaderboard.json").read_text())
    of_test = {row["experiment"]: row for row in rows if row["benchmark"] == TEST}
    for name, hits in (("first", ours), ("second", theirs)):
        assert of_test[name]["recall_at"]["1"] == pytest.approx(np.mean(hits), abs=1e-6)
