"""What a training leaves: the best weights, the last ones where these are others, and where it ran."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from torch import nn

from gsv_pipeline import stages
from gsv_pipeline.compose import training
from gsv_pipeline.errors import ConfigError
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest
from tests.tiny import own_experiment, tiny_experiment
from tests.trackers import TRACKER, Heard

ALWAYS = {"experiment.yaml", "history.json", "manifest.json", "metrics.csv", "metrics.jsonl", "model.safetensors"}


def train(layout: Layout, monkeypatch: pytest.MonkeyPatch, recalls: list[float]) -> tuple[Path, Mapping[str, object]]:
    """Train where validation says what is given."""
    said = iter(recalls)

    def validator(*_: object, **__: object) -> Callable[[nn.Module], Mapping[str, float]]:
        return lambda model: {"demo_val/R@1": next(said), "demo_val/R@5": 0.5}

    monkeypatch.setattr(training, "_validator", validator)
    stages.train(layout, tiny_experiment(layout), tracker=TRACKER, restart=True)
    folder = layout.checkpoint("demo")
    manifest = read_manifest(folder)
    assert manifest is not None
    return folder, manifest.metadata


def test_a_checkpoint_holds_the_best_weights_and_the_last_ones_where_these_are_others(
    tiny_layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages.build_places(tiny_layout, tiny_experiment(tiny_layout), tracker=TRACKER)
    stages.build_benchmark(tiny_layout, "demo_val", tracker=TRACKER)
    folder, facts = train(tiny_layout, monkeypatch, [0.9, 0.1])
    assert {path.name for path in folder.iterdir()} == ALWAYS | {"last.safetensors"}
    assert facts["best_step"] == facts["steps"] // 2  # type: ignore[operator]
    assert facts["last_weights"] == "last.safetensors"
    best, last = ((folder / name).read_bytes() for name in ("model.safetensors", "last.safetensors"))
    version = read_manifest(folder).data_version  # type: ignore[union-attr]
    # The same training, whose last weights are the best ones.
    folder, facts = train(tiny_layout, monkeypatch, [0.1, 0.9])
    assert facts["best_step"] == facts["steps"]
    assert not (folder / "last.safetensors").exists()
    assert "last_weights" not in facts
    assert (folder / "model.safetensors").read_bytes() == last != best
    assert read_manifest(folder).data_version != version  # type: ignore[union-attr]


def test_last_weights_are_imported_as_any_others(tiny_layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    stages.build_places(tiny_layout, tiny_experiment(tiny_layout), tracker=TRACKER)
    stages.build_benchmark(tiny_layout, "demo_val", tracker=TRACKER)
    folder, _ = train(tiny_layout, monkeypatch, [0.9, 0.1])
    imported = own_experiment(tiny_layout, "later", f"weights: {folder / 'last.safetensors'}\n", training=False)
    stages.train(tiny_layout, imported, tracker=TRACKER)
    weights = tiny_layout.checkpoint("later") / "model.safetensors"
    assert weights.read_bytes() == (folder / "last.safetensors").read_bytes()


def test_a_training_says_once_at_its_start_where_it_runs(tiny_layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    stages.build_places(tiny_layout, tiny_experiment(tiny_layout), tracker=TRACKER)
    stages.build_benchmark(tiny_layout, "demo_val", tracker=TRACKER)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("gsv_pipeline.images.workers.processors", lambda: 3)
    heard = Heard()
    stages.train(tiny_layout, tiny_experiment(tiny_layout), tracker=heard)
    sentence = "No GPU answers: training on 3 processors in float32"
    assert [text for text in heard.said if sentence in text] == [sentence]
    monkeypatch.setenv("GSV_DEVICE", "cuda")
    with pytest.raises(ConfigError, match="GSV_DEVICE is cuda, but no GPU answers"):
        stages.train(tiny_layout, tiny_experiment(tiny_layout), tracker=heard, restart=True)
    assert (tiny_layout.checkpoint("demo") / "model.safetensors").is_file()
