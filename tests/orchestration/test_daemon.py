"""Sensors under a real daemon: a new checkpoint is benchmarked, and a check that fails is told to a real webhook."""

import json
import shutil

import dagster as dg
import pytest

from gsv_pipeline import stages
from gsv_pipeline.acceptance import accept
from gsv_pipeline.config import load_experiment
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking import NullTracker
from tests.dagster_home import Home
from tests.orchestration.daemons import daemon, switch_on
from tests.tiny import experiment_with_weights, tiny_experiment
from tests.waiting import wait_for
from tests.webhooks import webhook


@pytest.mark.slow
def test_new_checkpoints_are_benchmarked_and_one_that_became_worse_is_told(home: Home, chain_layout: Layout) -> None:
    for name in ("sound", "worse"):
        experiment_with_weights(chain_layout, name)
    # A recall was accepted on a benchmark that is no longer the same: the gate asks a person.
    accept(chain_layout, tiny_experiment(chain_layout), benchmarks=["demo_test"], reason="good")
    record = json.loads(chain_layout.accepted("demo_test", "demo").read_text())
    record |= {"experiment": "worse", "benchmark_version": "another"}
    chain_layout.accepted("demo_test", "worse").write_text(json.dumps(record))
    chain_layout.accepted("demo_test", "demo").unlink()
    shutil.rmtree(chain_layout.checkpoint("demo"))
    switch_on(home, "sensor")

    with (
        webhook() as hook,
        daemon(home, GSV_WEBHOOK_URL=hook.url) as running,
        dg.DagsterInstance.from_config(str(home.folder)) as instance,
    ):
        for name in ("sound", "worse"):
            stages.train(chain_layout, load_experiment(chain_layout, name), tracker=NullTracker())
        wait_for(lambda: hook.posts or running.is_gone(), within_s=240)
        runs = {run.tags["dagster/partition"]: run for run in instance.get_runs()}
        assert set(runs) == {"sound", "worse"}, running.said()
        wait_for(lambda: instance.get_run_by_id(runs["sound"].run_id).is_finished, within_s=120)
        status = {name: instance.get_run_by_id(run.run_id).status.value for name, run in runs.items()}

    assert status == {"sound": "SUCCESS", "worse": "FAILURE"}
    assert {run.tags["dagster/sensor_name"] for run in runs.values()} == {"benchmark_new_checkpoint"}
    assert (chain_layout.recall_report("demo_test", "sound") / "report.html").is_file()
    (text,) = hook.texts
    assert text.startswith("gsv-pipeline: A check did not pass: benchmark_new_checkpoint (worse), run ")
    assert "- recall_report/demo_test: not_worse: The benchmark 'demo_test' has changed since" in text
    (file,) = (chain_layout.root / "incidents").iterdir()
    assert json.loads(file.read_text())["run"] == runs["worse"].run_id
