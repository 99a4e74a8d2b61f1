"""Processes that are killed or stopped: what they leave, and what the next run makes of it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from gsv_pipeline import stages
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking import NullTracker
from tests.tiny import TINY_TRAINING, tiny_experiment
from tests.waiting import children_of, gone

STEPS = 6  # 18 places, mirrored, 12 a batch: three batches an epoch, two epochs
# Each step waits, so that the parent can strike between two of them.
SLOW_TRAINING = """
import sys, time
from gsv_pipeline.training import loop
take = loop.Trainer._take
def slow(self, *arguments, **named):
    time.sleep(0.2)
    return take(self, *arguments, **named)
loop.Trainer._take = slow
from gsv_pipeline.cli import main
main(sys.argv[1:])
"""


def start_training(root: Path, *settings: str) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-c",
        SLOW_TRAINING,
        "--data-root",
        str(root),
        "train",
        "demo",
        *TINY_TRAINING,
        *settings,
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "WANDB_MODE": "disabled"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_steps(layout: Layout, process: subprocess.Popen[str], steps: int) -> None:
    log = layout.training_state("demo") / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if log.is_file() and log.read_text().count("train/loss") >= steps:
            return
        time.sleep(0.02)
    pytest.fail(f"training took no {steps} steps: {process.communicate()[1]}")


def assert_same_weights(one: Layout, other: Layout) -> None:
    ours, theirs = (load_file(layout.checkpoint("demo") / "model.safetensors") for layout in (one, other))
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert (ours[name] == value).all(), name


@pytest.fixture
def ready(tiny_layout: Layout) -> Layout:
    stages.build_places(tiny_layout, tiny_experiment(tiny_layout), tracker=NullTracker())
    stages.build_benchmark(tiny_layout, "demo_val", tracker=NullTracker())
    return tiny_layout


@pytest.mark.slow
def test_training_killed_at_two_steps_ends_with_the_weights_of_an_uninterrupted_run(
    ready: Layout, tiny_chain: Path
) -> None:
    for strike_after in (2, 4):
        process = start_training(ready.root)
        wait_for_steps(ready, process, strike_after)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not ready.checkpoint("demo").exists()
    process = start_training(ready.root)
    _, messages = process.communicate(timeout=120)
    assert process.returncode == 0, messages
    assert f"of {STEPS}" in messages
    assert "Resuming after step" in messages
    assert_same_weights(ready, Layout(tiny_chain))


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_training_that_is_asked_to_stop_saves_its_step_says_so_and_goes_on_later(
    ready: Layout, tiny_chain: Path, number: signal.Signals, code: int
) -> None:
    seldom = "training.checkpoint_every_steps=100"  # so that the state on disk is that of the stop
    process = start_training(ready.root, seldom)
    wait_for_steps(ready, process, 2)
    process.send_signal(number)
    _, messages = process.communicate(timeout=180)
    assert process.returncode == code, messages
    assert "Asked to stop: the state after step" in messages
    assert "run the same command again to go on" in messages
    assert "Traceback" not in messages
    assert not list(ready.root.rglob("*.partial"))
    state = torch.load(ready.training_state("demo") / "last.ckpt", weights_only=True)
    assert 2 <= state["step"] == len(state["history"]) < STEPS
    result = stages.train(ready, tiny_experiment(ready, seldom), tracker=NullTracker())
    assert result.metadata["steps"] == STEPS
    assert_same_weights(ready, Layout(tiny_chain))


@pytest.mark.slow
def test_rendering_that_is_killed_leaves_no_half_city_and_no_processes(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    sizes = ["places=12", "images=6", "width=96", "height=72", "test_queries=8", "validation_queries=6"]
    command = [sys.executable, "-m", "gsv_pipeline.cli", "--data-root", str(layout.root), "fetch", "demo", *sizes]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(layout.root.rglob("*.JPG")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(layout.root.rglob("*.JPG"))
    children = children_of(process.pid)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not layout.dataset("demo").exists()
    assert children, "the renderer works in processes of its own"
    assert all(gone(child) for child in children), "a killed renderer leaves its workers running"
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert not list(layout.root.rglob("*.partial"))
    assert len(list((layout.dataset("demo") / "Dataframes").glob("*.csv"))) == 5
