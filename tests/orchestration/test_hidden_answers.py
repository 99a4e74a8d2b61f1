"""A benchmark whose answers are hidden: jobs give its predictions, and nothing that needs a recall takes it."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import numpy as np
import pytest

from assets.benchmarks import BENCHMARK_ASSETS, is_compared
from assets.definitions import ASSETS, defs
from assets.embeddings import EMBEDDINGS_ASSETS
from assets.faiss_index import INDEX_ASSETS
from assets.index_report import INDEX_REPORT_ASSETS
from assets.leaderboard import leaderboard
from assets.presence import comparable_benchmarks, present_benchmarks, present_comparable, runnable_benchmarks
from assets.recall_report import REPORT_ASSETS
from assets.run_requests import new_checkpoints, rebenchmark_requests
from gsv_pipeline import stages
from gsv_pipeline.acceptance import accept
from gsv_pipeline.audits import AUDITS
from gsv_pipeline.benchmarks import BENCHMARKS
from gsv_pipeline.layout import MANIFEST, Layout
from gsv_pipeline.tracking import NullTracker
from tests.benchmarks.folders import numbered, write_lists, write_photos
from tests.orchestration.conftest import resources
from tests.tiny import tiny_experiment

REPOSITORY = Path(__file__).resolve().parents[2]
SUNDAY = datetime(2026, 11, 22, 3, tzinfo=UTC)
HIDDEN = "msls_challenge"
ALSO_OF_MSLS = ["msls_val", "msls_val_all"]
STEPS = ("benchmark", "embeddings", "faiss_index", "recall_report")


@pytest.fixture
def challenge(chain_layout: Layout, tmp_path: Path) -> Layout:
    """A data root with a trained experiment and the images of a tiny challenge."""
    images = tmp_path / "msls"
    names = {"dbImages": np.array(numbered("ref", 5), object), "qImages": np.array(numbered("query", 3), object)}
    write_lists(images, "msls_test", endings=names)
    write_photos(images, [*numbered("ref", 5), *numbered("query", 3)])
    stages.fetch_dataset(chain_layout, "msls", tracker=NullTracker(), source="folder", arguments={"path": str(images)})
    return chain_layout


def test_the_assets_write_predictions_to_hand_in_and_their_checks_pass(challenge: Layout) -> None:
    assets = [group[HIDDEN] for group in (BENCHMARK_ASSETS, EMBEDDINGS_ASSETS, INDEX_ASSETS, REPORT_ASSETS)]
    keys = {asset.key for asset in assets}
    checks = [check for check in defs.asset_checks or [] if {spec.asset_key for spec in check.check_specs} <= keys]  # type: ignore[union-attr]

    result = dg.materialize(
        [*assets, leaderboard, *checks],
        partition_key="demo",
        resources=resources(challenge.root),
        run_config={"ops": {f"benchmark__{HIDDEN}": {"config": {"admit_deviations": True}}}},
        selection=[*assets, leaderboard],
    )

    made = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    report = next(item for item in made if item.asset_key.path == ["recall_report", HIDDEN]).metadata
    folder = challenge.recall_report(HIDDEN, "demo")
    assert result.success
    assert report["recall"].value == "hidden"
    assert report["queries"].value == 3
    assert len((folder / str(report["to_hand_in"].value)).read_text().splitlines()) == 3
    assert not {"R@1", "page", "recall curve"} & set(report)
    answers = {(item.asset_key.path[0], item.check_name): item.passed for item in result.get_asset_check_evaluations()}
    for step in STEPS:
        blocking = [name for name, question in AUDITS[step].questions.items() if question.blocking]
        assert {answers[step, name] for name in blocking} == {True}
    rows = json.loads((challenge.leaderboard() / "leaderboard.json").read_text())
    assert HIDDEN not in {row["benchmark"] for row in rows}


def test_the_job_of_shells_runs_it_and_the_one_that_compares_does_not(challenge: Layout) -> None:
    code = (
        "import json; from assets.definitions import defs\n"
        "layers = {name: defs.resolve_job_def(name).asset_layer for name in ('benchmark', 'rebenchmark')}\n"
        "print(json.dumps({name: sorted(key.to_user_string() for key in layer.executable_asset_keys)"
        " for name, layer in layers.items()}))"
    )
    environment = {**os.environ, "GSV_DATA_ROOT": str(challenge.root), "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)

    keys = {name: set(found) for name, found in json.loads(done.stdout).items()}
    assert keys["benchmark"] - keys["rebenchmark"] == {f"{step}/{HIDDEN}" for step in STEPS}
    assert "leaderboard" in keys["rebenchmark"]


def test_a_new_checkpoint_gets_its_predictions_and_the_weekly_look_leaves_them_alone(
    challenge: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assets.run_requests.load_experiment", lambda layout, name: tiny_experiment(layout))
    accept(challenge, tiny_experiment(challenge), benchmarks=["demo_test"], reason="good")

    (new,) = new_checkpoints(challenge, {}).requests
    (weekly,) = rebenchmark_requests(challenge, SUNDAY)

    asked, again = ({key.to_user_string() for key in item.asset_selection or ()} for item in (new, weekly))
    assert asked - again == {f"{step}/{HIDDEN}" for step in STEPS}
    assert {f"recall_report/{name}" for name in (*ALSO_OF_MSLS, "demo_test")} <= again


def test_what_is_there_is_run_and_what_gives_recalls_is_compared(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for dataset in ("gsv_cities", "msls"):
        layout.dataset(dataset).mkdir(parents=True)
        (layout.dataset(dataset) / MANIFEST).touch()

    assert present_benchmarks(layout) == [*ALSO_OF_MSLS, HIDDEN]
    assert present_comparable(layout) == ALSO_OF_MSLS
    by_hand = {name for name, row in BENCHMARKS.items() if row.by_experiment}
    assert set(BENCHMARKS) - set(runnable_benchmarks(layout)) == by_hand > set()
    assert set(runnable_benchmarks(layout)) - set(comparable_benchmarks(layout)) == {HIDDEN}


def test_nothing_waits_for_a_recall_of_it() -> None:
    specs = {spec.key.to_user_string(): spec for asset in ASSETS for spec in asset.specs}

    assert HIDDEN not in INDEX_REPORT_ASSETS
    assert "no recall" in (specs[f"recall_report/{HIDDEN}"].description or "")
    policies = {name: specs[f"recall_report/{name}"].freshness_policy for name in BENCHMARKS}
    assert {name for name, policy in policies.items() if policy} == {name for name in BENCHMARKS if is_compared(name)}
