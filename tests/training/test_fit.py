"""From settings to a trainer: what happens before the first step, and what of it is written down."""

from typing import Any

import pytest
import torch

from gsv_pipeline import stages
from gsv_pipeline.errors import ConfigError
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking import NullTracker
from gsv_pipeline.training import fit, loop
from gsv_pipeline.training.board import Board
from gsv_pipeline.training.processes import Processes
from tests.tiny import tiny_experiment
from tests.trackers import Heard

NETVLAD = "model.aggregator={name: netvlad, clusters: 4}"


@pytest.fixture
def ready(tiny_layout: Layout) -> Layout:
    stages.build_places(tiny_layout, tiny_experiment(tiny_layout), tracker=NullTracker())
    stages.build_benchmark(tiny_layout, "demo_val", tracker=NullTracker())
    return tiny_layout


def test_netvlad_starts_from_local_descriptors_once_and_not_on_a_resume(
    ready: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = tiny_experiment(ready, NETVLAD, "training.epochs=1")
    take, started = loop.Trainer._take, []

    def interrupted(self: Any, done: Any, *arguments: Any, **named: Any) -> None:
        if done.step == 2:
            raise KeyboardInterrupt
        take(self, done, *arguments, **named)

    start = fit.start_aggregator
    monkeypatch.setattr(fit, "start_aggregator", lambda *given, **named: started.append(start(*given, **named)))
    monkeypatch.setattr(loop.Trainer, "_take", interrupted)
    heard = Heard()
    with pytest.raises(KeyboardInterrupt):
        stages.train(ready, experiment, tracker=heard)
    assert len(started) == 1
    assert any("Setting the start of the aggregator from " in text for text in heard.said)
    monkeypatch.setattr(loop.Trainer, "_take", take)
    assert stages.train(ready, experiment, tracker=NullTracker()).metadata["steps"] == 3
    assert len(started) == 1


def test_how_a_checkpoint_was_trained_is_written_down(ready: Layout) -> None:
    experiment = tiny_experiment(ready, "training.micro_batch=8", "training.patience=1", "training.epochs=9")
    heard = Heard()
    facts = stages.train(ready, experiment, tracker=heard).metadata
    assert (facts["processes"], facts["micro_batch"]) == (1, 8)
    assert facts["images_per_s"] > 0
    stopped = [text for text in heard.said if text.startswith("Stopping early")]
    assert bool(stopped) == (facts["steps"] < 27)
    logged = [row for _, row in heard.logged if "train/loss" in row]
    assert set(logged[0]) == {
        f"train/{name}" for name in ("loss", "batch_accuracy", "gradient_norm", "learning_rate", "images_per_s")
    }


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gsv_pipeline.training.processes.choose_device", lambda: "cuda")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")

    class Store:
        def set(self, key: str, value: str) -> None:
            assert key == "begin"

    with pytest.raises(ConfigError, match=r"4 processes .* with 1 GPU\(s\).*torchrun --nproc-per-node 1.*CUDA_VISIBLE"):
        Processes(0, 4, Board(Store(), 0)).begin()


def test_more_places_in_a_batch_than_there_are_is_refused(ready: Layout) -> None:
    with pytest.raises(ConfigError, match="places_per_batch is 500, but there are 36 places"):
        stages.train(ready, tiny_experiment(ready, "training.places_per_batch=500"), tracker=NullTracker())


def test_the_plain_path_computes_in_float32_unless_it_is_told_otherwise(ready: Layout) -> None:
    def precision(*overrides: str) -> str:
        training = tiny_experiment(ready, *overrides).training
        assert training is not None
        return fit.precision_of(training, "cpu")

    assert precision("training.plain=true", "training.precision=auto") == "32-true"
    assert precision("training.plain=true", "training.precision=bf16-mixed") == "bf16-mixed"
    assert precision("training.plain=false", "training.precision=32-true") == "32-true"


@pytest.mark.parametrize(("plain", "last"), [("true", False), ("false", True)])
def test_the_plain_path_keeps_channels_first(
    ready: Layout, monkeypatch: pytest.MonkeyPatch, plain: str, last: bool
) -> None:
    seen: list[bool] = []

    class Looking(loop.Trainer):
        def run(self) -> Any:
            weights = [value for value in self.model.parameters() if value.dim() == 4 and value.shape[-1] > 1]
            seen.append(all(value.is_contiguous(memory_format=torch.channels_last) for value in weights))
            return super().run()

    monkeypatch.setattr(fit, "Trainer", Looking)
    stages.train(ready, tiny_experiment(ready, f"training.plain={plain}", "training.epochs=1"), tracker=NullTracker())
    assert seen == [last]
