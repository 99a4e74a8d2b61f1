"""A model that was trained on rendered cities is scored on images of other people, however little they say."""

import json

import numpy as np
import pytest
import yaml

from gsv_pipeline import recipes, stages
from gsv_pipeline.audits import AUDITS
from gsv_pipeline.manifest import why_stale
from gsv_pipeline.registry import resolve
from gsv_pipeline.tracking import NullTracker
from tests.benchmarks.folders import numbered, utm_name, write_lists, write_photos
from tests.tiny import tiny_experiment

STAGES = (stages.embed, stages.build_index, stages.evaluate)


def score(layout, name):
    experiment = tiny_experiment(layout)
    for stage in STAGES:
        stage(layout, experiment, name, tracker=NullTracker())
    return layout.recall_report(name, experiment.name)


def define(layout, name, root, **more):
    layout.benchmarks().mkdir(exist_ok=True)
    values = {"database": str(root / "database"), "queries": str(root / "queries"), **more}
    (layout.benchmarks() / f"{name}.yaml").write_text(yaml.safe_dump(values))
    stages.build_benchmark(layout, name, tracker=NullTracker())


@pytest.mark.parametrize("says", ["nothing", "coordinates"])
def test_two_folders_get_a_recall_report(chain_layout, tmp_path, says):
    names = [f"{at}.jpg" for at in range(6)] if says == "nothing" else [utm_name(100 * at, 0) for at in range(6)]
    write_photos(tmp_path / "walk" / "database", names)
    write_photos(tmp_path / "walk" / "queries", names)  # the same pictures: each finds itself
    define(chain_layout, "walk", tmp_path / "walk", **({"positives": "order"} if says == "nothing" else {}))
    folder = score(chain_layout, "walk")
    assert json.loads((folder / "recall.json").read_text())["recall_at"]["1"] == 1.0
    assert (folder / "report.html").stat().st_size > 1_000
    experiment = tiny_experiment(chain_layout)
    assert why_stale(chain_layout, recipes.recall_report(chain_layout, experiment, "walk")) is None
    for kind in ("benchmark", "embeddings", "faiss_index", "recall_report"):
        experiments = [] if kind == "benchmark" else [experiment]
        verdicts = resolve(AUDITS[kind].answer)(chain_layout, *experiments, "walk", tracker=NullTracker())
        blocking = [name for name, question in AUDITS[kind].questions.items() if question.blocking]
        assert [name for name in blocking if not verdicts[name].passed] == []
    stages.write_leaderboard(chain_layout, tracker=NullTracker())


def test_hidden_answers_get_predictions_to_hand_in_and_no_recall(chain_layout, tmp_path):
    names = {"dbImages": np.array(numbered("ref", 5), object), "qImages": np.array(numbered("query", 3), object)}
    write_lists(tmp_path / "msls", "msls_test", endings=names)
    write_photos(tmp_path / "msls", [*numbered("ref", 5), *numbered("query", 3)])
    given = {"path": str(tmp_path / "msls")}
    stages.fetch_dataset(chain_layout, "msls", tracker=NullTracker(), source="folder", arguments=given)
    stages.build_benchmark(chain_layout, "msls_challenge", tracker=NullTracker(), admit_deviations=True)
    folder = score(chain_layout, "msls_challenge")
    assert not (folder / "recall.json").exists()
    (text,) = [path for path in folder.iterdir() if path.suffix == ".txt"]
    lines = text.read_text().split("\n")
    assert next(line.split()[0] for line in lines if line) == "0000000"
    assert np.load(folder / "predictions.npy").shape == (3, 5)


def test_a_benchmark_that_changes_makes_its_descriptors_stale(chain_layout, tmp_path):
    for side in ("database", "queries"):
        write_photos(tmp_path / "walk" / side, ["a.jpg", "b.jpg"])
    define(chain_layout, "walk", tmp_path / "walk", positives="order")
    score(chain_layout, "walk")
    write_photos(tmp_path / "walk" / "queries", ["a.jpg"], seed=7)
    stages.build_benchmark(chain_layout, "walk", tracker=NullTracker())
    experiment = tiny_experiment(chain_layout)
    reason = why_stale(chain_layout, recipes.embeddings_of(chain_layout, experiment, "walk"))
    assert "its input benchmark/walk has changed" in str(reason)
