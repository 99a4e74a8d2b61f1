"""Real processes that describe a city: killed ones, several at once, and one over an image that is broken."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gsv_pipeline import audits, stages
from gsv_pipeline.embeddings.options import ExtractionOptions
from gsv_pipeline.embeddings.store import load_broken
from gsv_pipeline.errors import DataError
from gsv_pipeline.layout import Layout
from gsv_pipeline.registry import resolve
from gsv_pipeline.tracking import NullTracker
from tests.tiny import TINY_TRAINING, tiny_experiment

BATCH = 3
SIDES = ("database.npy", "queries.npy")
# Each batch waits and is noted at once, so that the parent can strike between two of them.
SLOW = """
import sys, time
from gsv_pipeline.embeddings import work
write = work.Extraction.write
def slow(self, batch, descriptors, problems):
    write(self, batch, descriptors, problems)
    time.sleep(0.3)
work.Extraction.write, work.NOTE_EVERY_S = slow, 0.0
from gsv_pipeline.cli import main
main(sys.argv[1:])
"""


def environment():
    return {**os.environ, "OMP_NUM_THREADS": "1", "WANDB_MODE": "disabled"}


def arguments(root):
    return ["--data-root", str(root), "embed", "demo_test", "-e", "demo", *TINY_TRAINING, "--batch-size", str(BATCH)]


def described(layout):
    notes = layout.extraction(layout.embeddings("demo_test", "demo")).rglob("*.rank*.json")
    return sum(stop - start for note in notes for start, stop in json.loads(note.read_text())["done"])


def wait_until(holds, process):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if holds():
            return
        time.sleep(0.01)
    pytest.fail(f"it never came so far: {process.communicate()}")


@pytest.fixture
def ready(chain_layout: Layout) -> Layout:
    """The chain, but for the descriptors of one benchmark."""
    shutil.rmtree(chain_layout.embeddings("demo_test", "demo"))
    return chain_layout


@pytest.fixture(scope="module")
def in_one_go(tiny_chain: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    layout = Layout(tmp_path_factory.mktemp("one_go") / "data")
    shutil.copytree(tiny_chain, layout.root)
    command = [sys.executable, "-m", "gsv_pipeline.cli", *arguments(layout.root), "--force"]
    subprocess.run(command, env=environment(), check=True, capture_output=True, timeout=120)
    return {name: (layout.embeddings("demo_test", "demo") / name).read_bytes() for name in SIDES}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_was_ended_twice_ends_with_the_bytes_of_one_go(ready, in_one_go, number):
    command = [sys.executable, "-c", SLOW, *arguments(ready.root)]
    said = ""
    for strike_after in (2 * BATCH, 4 * BATCH):
        process = subprocess.Popen(
            command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        wait_until(lambda after=strike_after: described(ready) >= after, process)
        process.send_signal(number)
        said = process.communicate(timeout=60)[1]
        assert process.returncode == (-number if number == signal.SIGKILL else 143), said
        assert not ready.embeddings("demo_test", "demo").exists()
    assert "Describing demo_test database: going on after" in said
    kept = described(ready)
    assert kept >= 4 * BATCH
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    folder = ready.embeddings("demo_test", "demo")
    assert {name: (folder / name).read_bytes() for name in SIDES} == in_one_go
    assert not ready.extraction(folder).exists()
    assert not list(ready.root.rglob("*.partial"))


@pytest.mark.slow
def test_two_processes_write_the_bytes_of_one_and_go_on_where_one_was(ready, in_one_go):
    alone = subprocess.Popen(
        [sys.executable, "-c", SLOW, *arguments(ready.root)], env=environment(), stderr=subprocess.PIPE
    )
    wait_until(lambda: described(ready) >= BATCH, alone)
    alone.kill()
    alone.communicate()
    torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "gsv_pipeline.cli"]
    command = [sys.executable, "-m", *torchrun, *arguments(ready.root)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("database: [") == 1, "one process speaks"
    folder = ready.embeddings("demo_test", "demo")
    assert {name: (folder / name).read_bytes() for name in SIDES} == in_one_go
    again = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=180, check=False)
    assert "(unchanged)" in again.stdout, again.stderr


def break_one(layout, side="database", row=5):
    image = pd.read_parquet(layout.benchmark("demo_test") / f"{side}.parquet")["image_id"].iloc[row]
    path = next(path for path in layout.dataset("demo").rglob("*.JPG") if str(path).endswith(image))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    return image


@pytest.mark.slow
def test_a_broken_image_in_the_share_of_another_process_ends_all_and_is_named(ready):
    image = break_one(ready, row=-1)
    torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "gsv_pipeline.cli"]
    command = [sys.executable, "-m", *torchrun, *arguments(ready.root)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode != 0
    assert Path(image).name in done.stderr
    assert "--skip-broken" in done.stderr
    assert not ready.embeddings("demo_test", "demo").exists()


def test_a_broken_image_stops_the_run_until_somebody_allows_it(ready):
    experiment, tracker = tiny_experiment(ready), NullTracker()
    image = break_one(ready)
    with pytest.raises(DataError, match=f"{Path(image).name}.*of 18 images are described and kept.*--skip-broken"):
        stages.embed(ready, experiment, "demo_test", tracker=tracker, options=ExtractionOptions(batch_size=2))
    allowed = ExtractionOptions(batch_size=2, skip_broken=True)
    result = stages.embed(ready, experiment, "demo_test", tracker=tracker, options=allowed)
    assert result.metadata["broken_images"] == 1
    assert [item["image"] for item in load_broken(result.artifact)["database"]] == [image]
    assert stages.embed(ready, experiment, "demo_test", tracker=tracker, options=allowed).cached
    verdicts = resolve(audits.AUDITS["embeddings"].answer)(ready, experiment, "demo_test", tracker=tracker)
    assert {name: verdict.passed for name, verdict in verdicts.items()} == {
        "finite": True,
        "unit_norm": True,
        "row_count": True,
        "every_image": False,
    }
    index = stages.build_index(ready, experiment, "demo_test", tracker=tracker)
    assert index.metadata["vectors"] == 17
    assert index.metadata["self_query_error"] < 1e-4
    verdicts = resolve(audits.AUDITS["faiss_index"].answer)(ready, experiment, "demo_test", tracker=tracker)
    assert all(verdict.passed for verdict in verdicts.values())


def test_the_report_says_that_images_were_left_out(ready):
    experiment, tracker = tiny_experiment(ready), NullTracker()
    break_one(ready, "database")
    break_one(ready, "queries")
    stages.embed(ready, experiment, "demo_test", tracker=tracker, options=ExtractionOptions(skip_broken=True))
    stages.build_index(ready, experiment, "demo_test", tracker=tracker)
    stages.evaluate(ready, experiment, "demo_test", tracker=tracker)
    report = ready.recall_report("demo_test", "demo")
    stored = json.loads((report / "recall.json").read_text())
    assert stored["broken_images"] == {"database": 1, "queries": 1}
    assert stored["precision"] == "32-true"
    predictions = np.load(report / "predictions.npy")
    assert (predictions[5] == -1).all()
    assert 5 not in predictions
    others = np.delete(predictions, 5, axis=0)
    assert (others[:, :17] >= 0).all()


def test_another_precision_is_another_artifact_and_is_said(chain_layout):
    experiment, tracker = tiny_experiment(chain_layout), NullTracker()
    before = np.load(chain_layout.embeddings("demo_test", "demo") / "database.npy")
    half = ExtractionOptions(precision="bf16-mixed")
    made = stages.embed(chain_layout, experiment, "demo_test", tracker=tracker, options=half)
    assert not made.cached
    assert made.metadata["precision"] == "bf16-mixed"
    found = np.load(made.artifact / "database.npy")
    assert not np.array_equal(found, before)
    assert (found * before).sum(axis=1).min() > 0.9999
    assert not stages.build_index(chain_layout, experiment, "demo_test", tracker=tracker).cached
    stages.evaluate(chain_layout, experiment, "demo_test", tracker=tracker)
    stored = json.loads((chain_layout.recall_report("demo_test", "demo") / "recall.json").read_text())
    assert stored["precision"] == "bf16-mixed"
    again = stages.embed(chain_layout, experiment, "demo_test", tracker=tracker)
    assert not again.cached
    assert again.metadata["precision"] == "32-true"
    assert np.array_equal(np.load(again.artifact / "database.npy"), before)
