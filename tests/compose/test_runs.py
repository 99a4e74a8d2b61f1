"""What a run says about itself, and the logs that stay beside a checkpoint."""

import json

import pandas as pd
import pytest

from gsv_pipeline import recipes, stages
from gsv_pipeline.compose import runs
from gsv_pipeline.config import load_experiment
from gsv_pipeline.manifest import read_manifest
from gsv_pipeline.sources import DATASETS
from gsv_pipeline.tracking import NullTracker
from tests.tiny import tiny_experiment

HISTORY = [{"step": 1, "loss": 0.9, "learning_rate": 0.1}, {"step": 2, "loss": float("nan"), "learning_rate": 0.2}]
VALIDATIONS = [{"step": 2, "demo_val/R@1": 0.5, "demo_val/R@5": 0.75}]


@pytest.fixture
def built(tiny_layout):
    experiment = tiny_experiment(tiny_layout)
    stages.build_places(tiny_layout, experiment, tracker=NullTracker())
    stages.build_benchmark(tiny_layout, "demo_val", tracker=NullTracker())
    return tiny_layout, experiment


def describe(layout, experiment):
    recipe = recipes.checkpoint(layout, experiment)
    return runs.describe_run(layout, experiment, recipe, run_id="train-1", job_type="train", precision="32-true")


def test_a_run_names_settings_data_code_and_machine(built):
    layout, experiment = built
    described = describe(layout, experiment)
    config = described.config
    assert json.loads(json.dumps(config)) == config, "plain values"
    assert config["training"]["epochs"] == 2
    assert config["inputs"]["places/demo"] == read_manifest(layout.places("demo")).data_version
    assert set(config["inputs"]) == {"places/demo", "catalog/demo", "dataset/demo", "benchmark/demo_val"}
    assert set(config["git"]) == {"commit", "changed"}
    assert not config["git"]["commit"].endswith("+changes")
    assert {"torch", "python", "gsv-pipeline"} <= set(config["packages"])
    assert (config["machine"]["precision"], config["machine"]["processes"]) == ("32-true", 1)
    assert list(described.tags) == ["demo", "resnet18", "convap", "multi_similarity"]
    assert (described.experiment, described.job_type, described.redistributable) == ("demo", "train", True)


def test_what_was_trained_in_a_precision_of_gpus_can_be_described_on_a_cpu(chain_layout):
    experiment = tiny_experiment(chain_layout)
    training = experiment.training.model_copy(update={"precision": "16-mixed"})
    described = describe(chain_layout, experiment.model_copy(update={"training": training}))
    assert described.config["machine"]["precision"] == "32-true", "that of the run"


def test_what_stands_for_the_data_is_small_and_names_no_source(built):
    data = describe(*built).data
    assert list(data) == ["benchmark-demo_val", "places-demo"]
    for files in data.values():
        assert [path.name for path in files] == ["manifest.json"] * 2
        assert files[1].parent.parent.name == "catalog"
        assert all(path.stat().st_size < 20_000 for path in files)


def test_images_of_a_data_set_that_nobody_may_pass_on_are_not_for_public_places(built, monkeypatch):
    layout, experiment = built
    private = DATASETS["gsv_cities"]
    monkeypatch.setattr(runs, "dataset_row", lambda *_: private)
    assert not describe(layout, experiment).redistributable


def test_a_benchmark_run_names_what_it_was_computed_from(chain_layout, monkeypatch):
    from contextlib import contextmanager

    from gsv_pipeline import compose
    from gsv_pipeline.evaluation.score import load_score
    from gsv_pipeline.tracking import wandb_run as module

    seen, logged = [], []

    @contextmanager
    def noted(tracker, description, **_):
        seen.append(description)
        yield tracker

    class Recording(NullTracker):
        def log(self, metrics, step):
            logged.append((dict(metrics), step))

    monkeypatch.setattr(module, "wandb_run", noted)
    experiment = tiny_experiment(chain_layout)
    score = load_score(chain_layout.recall_report("demo_test", "demo"))
    compose.log_evaluation(chain_layout, experiment, "demo_test", scores=[score], tracker=Recording())
    (described,) = seen
    assert described.job_type == "benchmark"
    assert described.run_id.startswith("benchmark-")
    assert {"checkpoint/demo", "benchmark/demo_test", "faiss_index/demo_test/demo"} <= set(described.config["inputs"])
    assert list(described.data) == ["benchmark-demo_test", "benchmark-demo_val", "places-demo"]
    assert logged[0][0]["demo_test/R@1"] == score.recall_at[1]


def test_imported_weights_and_callables_have_tags_too(tiny_layout):
    tiny_layout.experiments().mkdir()
    (tiny_layout.root / "weights.pt").touch()
    (tiny_layout.experiments() / "mine.yaml").write_text("weights: ../weights.pt\ndataset: demo\n")
    assert runs._tags(load_experiment(tiny_layout, "mine")) == ["demo", "resnet50", "convap"]
    (tiny_layout.experiments() / "theirs.yaml").write_text("callable: somebody:model\n")
    assert runs._tags(load_experiment(tiny_layout, "theirs")) == ["somebody:model"]


def test_the_logs_beside_a_checkpoint_hold_each_step_once(tmp_path):
    state, target = tmp_path / "state", tmp_path / "target"
    (state / "gallery").mkdir(parents=True)
    (state / "gallery" / "demo_val-0000002.jpg").write_bytes(b"picture")
    target.mkdir()
    runs.keep_logs(state, target, history=HISTORY, validations=VALIDATIONS)
    table = pd.read_csv(target / "metrics.csv")
    assert list(table) == ["step", "train/loss", "train/learning_rate", "demo_val/R@1", "demo_val/R@5"]
    assert table["train/learning_rate"].tolist() == [0.1, 0.2]
    assert table["demo_val/R@1"].isna().tolist() == [True, False]
    lines = [json.loads(line) for line in (target / "metrics.jsonl").read_text().splitlines()]
    assert lines[0] == {"step": 1, "train/loss": 0.9, "train/learning_rate": 0.1}
    assert lines[1]["train/loss"] is None
    assert lines[1]["demo_val/R@5"] == 0.75
    assert (target / "gallery" / "demo_val-0000002.jpg").read_bytes() == b"picture"


def test_a_training_without_validation_has_logs_too(tmp_path):
    runs.keep_logs(tmp_path / "none", tmp_path, history=HISTORY, validations=[])
    assert list(pd.read_csv(tmp_path / "metrics.csv")["step"]) == [1, 2]
    assert not (tmp_path / "gallery").exists()
