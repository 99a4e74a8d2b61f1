"""Training as the child of a run: killed from every side, cancelled, tried again; and it goes on each time."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from assets.resources import Pipeline
from assets.training import checkpoint
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest
from tests.dagster_home import BIN, DEFINITIONS, REPOSITORY, Home
from tests.orchestration.conftest import resources
from tests.orchestration.trainers import LONG, STEPS, assert_it_saved, trainer
from tests.tiny import TINY_TRAINING
from tests.waiting import gone, parent_of


class Runs:
    """`dagster job execute -j train` in a home of its own, which no variable of the environment names."""

    def __init__(self, home: Home) -> None:
        self.home, self.layout = home, Layout(home.root)
        config = {"data_root": str(home.root), "overrides": [*TINY_TRAINING, *LONG]}
        (home.folder / "run.json").write_text(json.dumps({"resources": {"pipeline": {"config": config}}}))
        self.processes: list[subprocess.Popen[str]] = []

    def start(self) -> subprocess.Popen[str]:
        command = ["job", "execute", "-f", DEFINITIONS, "-d", REPOSITORY, "-j", "train", "-c", "run.json"]
        named = ("DAGSTER_HOME", "GSV_DATA_ROOT")
        with (self.home.folder / f"said_{len(self.processes)}").open("w") as said:
            process = subprocess.Popen(
                [BIN / "dagster", *command, "--tags", json.dumps({"dagster/partition": "demo"})],
                cwd=self.home.folder,
                env={name: value for name, value in self.home.environment.items() if name not in named},
                stdout=said,
                stderr=subprocess.STDOUT,
                text=True,
            )
        self.processes.append(process)
        return process

    def said(self) -> str:
        """What the last run wrote."""
        return (self.home.folder / f"said_{len(self.processes) - 1}").read_text()

    def log(self) -> list[str]:
        """The log of the last run, as the UI shows it."""
        with dg.DagsterInstance.from_config(str(self.home.folder)) as instance:
            (run, *_) = instance.get_runs(limit=1)
            return [entry.user_message for entry in instance.all_logs(run.run_id)]


@pytest.fixture
def runs(ready: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    home = Home.make(tmp_path / "home", ready.root)
    monkeypatch.chdir(home.folder)  # dagster.yaml names folders relative to it
    made = Runs(home)
    yield made
    for process in made.processes:
        process.kill()
        process.wait()


def kill_run_and_step(run: subprocess.Popen[str], child: int) -> None:
    step = parent_of(child)
    run.kill()
    os.kill(step, signal.SIGKILL)
    run.wait()


@pytest.mark.slow
def test_training_ends_with_its_killed_run_goes_on_in_the_next_and_survives_its_own_kill(runs: Runs) -> None:
    run = runs.start()
    child = trainer(runs.layout)
    kill_run_and_step(run, child)
    assert gone(child)
    assert not runs.layout.checkpoint("demo").exists()

    run = runs.start()
    child = trainer(runs.layout)
    os.kill(child, signal.SIGKILL)

    assert run.wait(timeout=600) == 0, runs.said()
    log = runs.log()
    (killed,) = [line for line in log if line.startswith("The process that makes checkpoint/demo was killed (SIGKILL)")]
    assert "Trying again in 5 s" in killed
    resumed = [line for line in log if line.startswith("Resuming after step")]
    assert len(resumed) == 2
    assert all(int(line.split()[3]) >= 3 for line in resumed)
    assert any(line.startswith(f"Step {STEPS}: demo_val/R@1") for line in log)
    manifest = read_manifest(runs.layout.checkpoint("demo"))
    assert manifest is not None
    assert manifest.metadata["steps"] == STEPS


@pytest.mark.slow
def test_training_whose_run_is_cancelled_finishes_its_step_and_saves(runs: Runs) -> None:
    run = runs.start()
    child = trainer(runs.layout)

    run.send_signal(signal.SIGTERM)

    assert run.wait(timeout=300) == 1
    assert gone(child)
    log = runs.log()
    assert f"Cancelled. Process {child} has 60 s to finish its step and save it" in log
    assert not [line for line in log if "Trying again" in line]
    assert "Stopped. What was finished is kept" in runs.said()
    assert_it_saved(runs.layout)


def materialize(root: Path, *overrides: str) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(
            [checkpoint],
            instance=instance,
            resources=resources(root, *overrides),
            partition_key="demo",
            raise_on_error=False,
        )


@pytest.fixture
def _no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr("assets.training.run_child", refuse)


@pytest.mark.usefixtures("_no_child")
def test_a_fresh_checkpoint_starts_no_process(tiny_chain: Path) -> None:
    result = materialize(tiny_chain)

    (made,) = result.asset_materializations_for_node("checkpoint")
    assert made.metadata["cached"].value is True


@pytest.mark.usefixtures("_no_child")
@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("training.epoch=3", "Did you mean 'epochs'"),
        ("training.epochs=1", "training.epochs: found 2, expected 1"),
    ],
)
def test_bad_settings_are_refused_without_a_process(tiny_chain: Path, override: str, said: str) -> None:
    (failed,) = materialize(tiny_chain, override).get_step_failure_events()

    assert said in failed.step_failure_data.user_failure_data.description


@pytest.mark.usefixtures("_no_child")
def test_a_missing_input_is_refused_without_a_process(chain_layout: Layout) -> None:
    shutil.rmtree(chain_layout.checkpoint("demo"))
    shutil.rmtree(chain_layout.places("demo"))

    (failed,) = materialize(chain_layout.root).get_step_failure_events()

    assert "'places/demo' is needed, but it is missing" in failed.step_failure_data.user_failure_data.description


# The step alone: what it imports stays in the memory of a process that waits for hours.
STEP = """
import sys
import dagster as dg
from assets.resources import Pipeline
from assets.resources import Pipeline
from assets.training import checkpoint
from tests.tiny import TINY_TRAINING
with dg.DagsterInstance.ephemeral() as instance:
    made = dg.materialize(
        [checkpoint],
        instance=instance,
        partition_key="demo",
        resources={"pipeline": Pipeline(data_root=sys.argv[1], overrides=[*TINY_TRAINING, *sys.argv[2:]])},
        run_config={"ops": {"checkpoint": {"config": {"restart": True}}}},
    )
    (item,) = made.asset_materializations_for_node("checkpoint")
    loaded = sorted({"torch", "lightning"} & set(sys.modules))
    print(item.metadata["steps"].value, item.metadata["cached"].value, loaded)
"""


def test_a_step_that_trains_loads_no_torch_and_restarts_as_asked(chain_layout: Layout) -> None:
    before = read_manifest(chain_layout.checkpoint("demo"))
    done = subprocess.run(
        [sys.executable, "-c", STEP, str(chain_layout.root)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == "6 False []\n", done.stderr
    after = read_manifest(chain_layout.checkpoint("demo"))
    assert before is not None
    assert after is not None
    assert after.data_version == before.data_version  # trained anew, with the same seed
    assert after.created >= before.created
    assert chain_layout.previous(chain_layout.checkpoint("demo")).is_dir()


def together(root: Path, *overrides: str) -> tuple[dg.ExecuteInProcessResult, list[str]]:
    """Train anew in two processes; and the log of the run."""
    pipeline = Pipeline(data_root=str(root), overrides=[*TINY_TRAINING, *overrides], processes=2)
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [checkpoint],
            instance=instance,
            resources={"pipeline": pipeline},
            run_config={"ops": {"checkpoint": {"config": {"restart": True}}}},
            partition_key="demo",
            raise_on_error=False,
        )
        return result, [entry.user_message for entry in instance.all_logs(result.run_id)]


@pytest.mark.slow
def test_two_processes_train_as_one_and_one_of_them_speaks(chain_layout: Layout) -> None:
    result, log = together(chain_layout.root)

    (made,) = result.asset_materializations_for_node("checkpoint")
    assert made.metadata["processes"].value == 2
    assert made.metadata["steps"].value == 6
    assert len([line for line in log if line.startswith("Step 6: demo_val/R@1")]) == 1
    assert not [line for line in log if "unexpected message" in line]


@pytest.mark.slow
def test_bad_input_of_two_processes_is_one_sentence_too(chain_layout: Layout) -> None:
    result, log = together(chain_layout.root, "model.aggregator.name=netvlda")

    (failed,) = result.get_step_failure_events()
    assert failed.step_failure_data.user_failure_data.description.startswith("Unknown aggregator 'netvlda'")
    assert not [line for line in log if "Trying again" in line]
