"""Sensors under a real daemon: a new checkpoint is benchmarked, and a check that fails is told to a real webhook."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml

from gsv_pipeline import stages
from gsv_pipeline.acceptance import accept
from gsv_pipeline.config import load_experiment
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking import NullTracker
from tests.orchestration.test_child import wait_for
from tests.tiny import tiny_experiment
from tests.webhooks import Webhook, webhook

REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


class Daemon:
    """A Dagster home with this code location, and the daemon over it."""

    def __init__(self, home: Path, layout: Layout, hook: Webhook) -> None:
        self.home = home
        home.mkdir()
        shutil.copy(REPOSITORY / "dagster.yaml", home)
        entry = {
            "relative_path": str(REPOSITORY / "tests" / "orchestration" / "one_process.py"),
            "working_directory": str(REPOSITORY),
            "location_name": "gsv_pipeline",
        }
        (home / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [{"python_file": entry}]}))
        self.environment = {
            **os.environ,
            "DAGSTER_HOME": str(home),
            "GSV_DATA_ROOT": str(layout.root),
            "GSV_WEBHOOK_URL": hook.url,
            "WANDB_MODE": "disabled",
            "OMP_NUM_THREADS": "1",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def switch_on(self) -> None:
        """Both sensors, as a person does it in the UI."""
        command = [BIN / "dagster", "sensor", "start", "--start-all", "-w", "workspace.yaml"]
        subprocess.run(command, cwd=self.home, env=self.environment, check=True, capture_output=True)

    def start(self) -> None:
        with (self.home / "said").open("w") as said:
            self.process = subprocess.Popen(
                [BIN / "dagster-daemon", "run", "-w", "workspace.yaml"],
                cwd=self.home,
                env=self.environment,
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    def said(self) -> str:
        return (self.home / "said").read_text()

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=60)


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as server:
        yield server


@pytest.fixture
def daemon(tmp_path: Path, chain_layout: Layout, hook: Webhook, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    made = Daemon(tmp_path / "home", chain_layout, hook)
    monkeypatch.chdir(made.home)  # dagster.yaml names folders relative to it
    yield made
    made.stop()


def experiment_with_weights(layout: Layout, name: str) -> None:
    """An experiment of a user: the tiny model, with the weights of the one that was trained."""
    layout.experiments().mkdir(exist_ok=True)
    settings = yaml.safe_load(tiny_experiment(layout).to_yaml())
    weights = layout.root / "tiny.safetensors"
    shutil.copy(layout.checkpoint("demo") / "model.safetensors", weights)
    settings |= {"training": None, "weights": str(weights)}
    settings.pop("name", None)
    (layout.experiments() / f"{name}.yaml").write_text(yaml.safe_dump(settings))


@pytest.mark.slow
def test_new_checkpoints_are_benchmarked_and_one_that_became_worse_is_told(
    daemon: Daemon, chain_layout: Layout, hook: Webhook
) -> None:
    for name in ("sound", "worse"):
        experiment_with_weights(chain_layout, name)
    # A recall was accepted on a benchmark that is no longer the same: the gate asks a person.
    accept(chain_layout, tiny_experiment(chain_layout), benchmarks=["demo_test"], reason="good")
    record = json.loads(chain_layout.accepted("demo_test", "demo").read_text())
    record |= {"experiment": "worse", "benchmark_version": "another"}
    chain_layout.accepted("demo_test", "worse").write_text(json.dumps(record))
    chain_layout.accepted("demo_test", "demo").unlink()
    shutil.rmtree(chain_layout.checkpoint("demo"))
    daemon.switch_on()

    daemon.start()
    for name in ("sound", "worse"):
        stages.train(chain_layout, load_experiment(chain_layout, name), tracker=NullTracker())

    with dg.DagsterInstance.from_config(str(daemon.home)) as instance:
        wait_for(lambda: hook.posts or daemon.process.poll() is not None, within_s=240)
        runs = {run.tags["dagster/partition"]: run for run in instance.get_runs()}
        assert set(runs) == {"sound", "worse"}, daemon.said()
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
