"""Training in several processes by the command that people type: the same weights, one voice, one end."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import load_file

from gsv_pipeline import stages
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest
from gsv_pipeline.models.vpr_model import VPRModel
from gsv_pipeline.tracking import NullTracker
from tests.e2e.frozen_cli import stay_in_eval_mode
from tests.ports import free_port
from tests.tiny import TINY_TRAINING, tiny_experiment
from tests.waiting import children_of

# An optimizer that takes small differences for small ones, which Adam's first steps do not.
ALIKE = ("training.optimizer={name: sgd}",)
REPOSITORY = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def torchrun(root: Path, *settings: str, module: str = "gsv_pipeline.cli") -> subprocess.Popen[str]:
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", f"--master-port={free_port()}"),
        *("-m", module, "--data-root", str(root), "train", "demo", *TINY_TRAINING, *settings),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "WANDB_MODE": "disabled"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, cwd=REPOSITORY, stdout=pipe, stderr=pipe, text=True)


def frozen_backbone(weights: Path) -> str:
    """A setting: a backbone whose weights come from a file, so that only the first process reads them; stem frozen."""
    torch.manual_seed(5)
    torch.save(torchvision.models.resnet18(weights=None).state_dict(), weights)
    return f"model.backbone={{name: resnet18, weights: {weights}, layers_to_freeze: 0, layers_to_crop: [3, 4]}}"


@pytest.fixture
def ready(tiny_layout: Layout) -> Layout:
    stages.build_places(tiny_layout, tiny_experiment(tiny_layout), tracker=NullTracker())
    stages.build_benchmark(tiny_layout, "demo_val", tracker=NullTracker())
    return tiny_layout


def test_two_processes_make_the_checkpoint_of_one_and_speak_with_one_voice(
    ready: Layout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(VPRModel, "train", stay_in_eval_mode)
    frozen = frozen_backbone(tmp_path / "pretrained.pth")
    stages.train(ready, tiny_experiment(ready, *ALIKE, frozen), tracker=NullTracker())
    checkpoint = ready.checkpoint("demo")
    alone, by_one = load_file(checkpoint / "model.safetensors"), read_manifest(checkpoint)
    process = torchrun(ready.root, *ALIKE, frozen, "--restart", module="tests.e2e.frozen_cli")
    printed, messages = process.communicate(timeout=180)
    assert process.returncode == 0, messages
    together, by_two = load_file(checkpoint / "model.safetensors"), read_manifest(checkpoint)
    assert by_one is not None
    assert by_two is not None
    for name, value in alone.items():
        torch.testing.assert_close(together[name], value, rtol=1e-4, atol=1e-6, msg=name)
    recalls = [{name: fact for name, fact in item.metadata.items() if "R@" in name} for item in (by_one, by_two)]
    assert recalls[0] == recalls[1]
    assert len(recalls[0]) == 3
    assert (by_two.metadata["processes"], by_two.metadata["micro_batch"]) == (2, 24)
    assert (by_one.metadata["processes"], by_one.metadata["micro_batch"]) == (1, 48)
    assert printed.count(str(checkpoint)) == 1
    assert re.search(r"  processes: 2\n", printed)

    process = torchrun(ready.root, *ALIKE, frozen)
    printed, messages = process.communicate(timeout=180)
    assert process.returncode == 0, messages
    assert printed.count("(unchanged)") == 1
    assert messages.count("unchanged, made") == 1


def test_an_error_of_the_first_process_ends_all_of_them_with_one_message(tiny_layout: Layout) -> None:
    process = torchrun(tiny_layout.root)
    _, messages = process.communicate(timeout=120)
    assert process.returncode == 1  # torchrun's own, whatever the processes ended with
    assert messages.count("Error: 'places/demo' is needed, but it is missing. Run: gsv-pipeline places demo") == 1
    assert len(re.findall(r"exitcode *: 2 ", messages)) == 2, messages


def test_one_process_that_is_stopped_stops_all_and_one_alone_goes_on(ready: Layout) -> None:
    seldom = ("training.checkpoint_every_steps=1000", "training.epochs=200")
    process = torchrun(ready.root, *seldom)
    log = ready.training_state("demo") / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (log.is_file() and log.read_text().count("train/loss") > 1):
        time.sleep(0.05)
    helper = sorted(children_of(process.pid))[1]
    os.kill(helper, signal.SIGTERM)
    _, messages = process.communicate(timeout=180)
    assert len(re.findall(r"Asked to stop: the state after step \d+ of 600 is saved", messages)) == 1, messages
    assert len(re.findall(r"exitcode *: 143 ", messages)) == 2, messages
    state = torch.load(ready.training_state("demo") / "last.ckpt", weights_only=True)
    assert len(state["history"]) == state["step"] > 1
