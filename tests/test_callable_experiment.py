"""Somebody's callable through the whole chain, from its record to the leaderboard; what an edit of it makes stale."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from gsv_pipeline import cli, recipes, stages
from gsv_pipeline.artifact_files import CALLABLE_FILE, EXPERIMENT_FILE
from gsv_pipeline.config import Experiment, load_experiment
from gsv_pipeline.errors import ConfigError, StaleInputError
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest, why_stale
from gsv_pipeline.tracking import NullTracker
from tests.trackers import Heard

TRACKER = NullTracker()
GRID = """import torch.nn.functional as F

def colour_grid(cells=4):
    return lambda images: F.adaptive_avg_pool2d(images, cells).flatten(1)
"""
YAML = "callable: grid_model:colour_grid\narguments: {cells: 3}\nimage: {height: 36, width: 48}\n"


@pytest.fixture
def grid(tiny_layout: Layout) -> Experiment:
    """An experiment over a module beside it."""
    tiny_layout.experiments().mkdir(parents=True)
    (tiny_layout.experiments() / "grid_model.py").write_text(GRID)
    (tiny_layout.experiments() / "grid.yaml").write_text(YAML)
    return load_experiment(tiny_layout, "grid")


def run_to_the_report(layout: Layout, experiment: Experiment) -> None:
    stages.train(layout, experiment, tracker=TRACKER)
    stages.build_benchmark(layout, "demo_test", tracker=TRACKER)
    stages.embed(layout, experiment, "demo_test", tracker=TRACKER)
    stages.build_index(layout, experiment, "demo_test", tracker=TRACKER)
    stages.evaluate(layout, experiment, "demo_test", tracker=TRACKER)
    stages.write_leaderboard(layout, tracker=TRACKER)


def test_a_callable_walks_from_its_record_to_the_leaderboard(tiny_layout: Layout, grid: Experiment) -> None:
    assert stages.build_places(tiny_layout, grid, tracker=TRACKER).metadata == {"needed": False}
    run_to_the_report(tiny_layout, grid)
    descriptors = np.load(tiny_layout.embeddings("demo_test", "grid") / "queries.npy")
    assert descriptors.shape[1] == 3 * 3 * 3
    np.testing.assert_allclose(np.linalg.norm(descriptors, axis=1), 1.0, atol=1e-6)
    rows = json.loads((tiny_layout.leaderboard() / "leaderboard.json").read_text())
    assert {row["experiment"]: row.get("of") for row in rows if row.get("of")} == {
        "colour_histogram": "grid",
        "thumbnail": "grid",
    }, "there is no untrained model of somebody's callable"
    assert [row["trained_on"] for row in rows if not row.get("of")] == [""]
    assert not (tiny_layout.places("grid")).exists()
    assert "not trained here" in (tiny_layout.recall_report("demo_test", "grid") / "report.html").read_text()


def test_the_record_holds_the_resolved_experiment_and_what_the_callable_is(
    tiny_layout: Layout, grid: Experiment
) -> None:
    result = stages.train(tiny_layout, grid, tracker=TRACKER)
    assert result.metadata == {
        "callable": "grid_model:colour_grid",
        "descriptor_size": 27,
        "depends_on_batch": False,
    }
    resolved = yaml.safe_load((result.artifact / EXPERIMENT_FILE).read_text())
    assert resolved["arguments"] == {"cells": 3}
    assert "model" not in resolved
    assert Experiment.model_validate(resolved) == grid
    source = tiny_layout.experiments() / "grid_model.py"
    assert json.loads((result.artifact / CALLABLE_FILE).read_text())["source"] == recipes.file_hash(source)


def test_an_edited_module_makes_its_descriptors_stale_and_is_recorded_anew_without_restart(
    tiny_layout: Layout, grid: Experiment
) -> None:
    run_to_the_report(tiny_layout, grid)
    assert stages.train(tiny_layout, grid, tracker=TRACKER).cached
    before = np.load(tiny_layout.embeddings("demo_test", "grid") / "queries.npy")
    (tiny_layout.experiments() / "grid_model.py").write_text(GRID.replace("avg", "max"))
    with pytest.raises(StaleInputError, match=r"'checkpoint/grid' is needed.*source: found .* gsv-pipeline train grid"):
        stages.embed(tiny_layout, grid, "demo_test", tracker=TRACKER)
    run_to_the_report(tiny_layout, grid)
    after = np.load(tiny_layout.embeddings("demo_test", "grid") / "queries.npy")
    assert np.abs(after - before).max() > 0.01


def test_other_arguments_are_another_model(tiny_layout: Layout, grid: Experiment) -> None:
    first = stages.train(tiny_layout, grid, tracker=TRACKER)
    other = load_experiment(tiny_layout, "grid", ("arguments.cells=2",))
    second = stages.train(tiny_layout, other, tracker=TRACKER)
    assert (second.cached, second.metadata["descriptor_size"]) == (False, 12)
    assert first.data_version != second.data_version


def test_a_module_is_found_in_the_current_directory_too(
    tiny_layout: Layout, grid: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "desk").mkdir()
    (tiny_layout.experiments() / "grid_model.py").rename(tmp_path / "desk" / "desk_grid_model.py")
    here = grid.model_copy(update={"callable": "desk_grid_model:colour_grid"})
    with pytest.raises(ConfigError, match="there is no module 'desk_grid_model'"):
        stages.train(tiny_layout, here, tracker=TRACKER)
    monkeypatch.chdir(tmp_path / "desk")
    assert stages.train(tiny_layout, here, tracker=TRACKER).metadata["descriptor_size"] == 27
    assert not list((tmp_path / "desk").rglob("*.pyc"))


def test_descriptors_that_depend_on_the_batch_are_told(tiny_layout: Layout, grid: Experiment) -> None:
    heard = Heard()
    text = "def describe(images):\n    grid = images.flatten(1)[:, :50]\n    return grid - grid.mean(0) + 1\n"
    (tiny_layout.experiments() / "leaning_model.py").write_text(text)
    leaning = grid.model_copy(update={"callable": "leaning_model:describe", "arguments": None})
    assert stages.train(tiny_layout, leaning, tracker=heard).metadata["depends_on_batch"] is True
    assert any("depend on the other images of the batch" in line for line in heard.said)


def test_check_imports_the_module_and_says_what_is_wrong(
    tiny_layout: Layout, grid: Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    def check(text: str) -> int:
        (tiny_layout.experiments() / "grid.yaml").write_text(text)
        return cli.run(["--data-root", str(tiny_layout.root), "check", "grid"])

    assert check(YAML) == 0
    for wrong, said in (
        ("callable: grid_model:color_grid", "Unknown function 'color_grid'. Did you mean 'colour_grid'?"),
        (YAML.replace("cells", "sells"), "got an unexpected keyword argument 'sells'"),
        ("callable: no_such_model:f", f"no module 'no_such_model' in {tiny_layout.experiments()}"),
        ("callable: no function", "callable: found 'no function', expected module:function"),
        (f"{YAML}model: {{aggregator: {{name: gem}}}}", "a 'callable' is the whole model: take 'model' out"),
        ("training: {}\narguments: {}", "'arguments' are those of a 'callable'"),
    ):
        assert check(wrong) == 2
        assert said in capsys.readouterr().err


def test_a_recipe_asks_the_source_without_running_it(tiny_layout: Layout, grid: Experiment) -> None:
    (tiny_layout.experiments() / "grid_model.py").write_text("raise SystemExit('ran')\n")
    assert why_stale(tiny_layout, recipes.checkpoint(tiny_layout, grid)) == "it is missing"
    assert read_manifest(tiny_layout.checkpoint("grid")) is None
