"""Checkpoints: when one is replaced, which interrupted run goes on, and where weights that are imported come from."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from gsv_pipeline import recipes, stages
from gsv_pipeline.config import Experiment
from gsv_pipeline.errors import ConfigError, DataError, TrainingError
from gsv_pipeline.layout import Layout
from tests.tiny import own_experiment, tiny_experiment
from tests.trackers import TRACKER, Heard


def test_a_changed_configuration_does_not_replace_a_checkpoint_without_restart(chain_layout: Layout) -> None:
    changed = tiny_experiment(chain_layout, "training.learning_rate=0.01")
    before = (chain_layout.checkpoint("demo") / "model.safetensors").read_bytes()
    with pytest.raises(ConfigError, match=r"training.learning_rate: found 0.003, expected 0.01.*--restart"):
        stages.train(chain_layout, changed, tracker=TRACKER)
    assert (chain_layout.checkpoint("demo") / "model.safetensors").read_bytes() == before
    assert not stages.train(chain_layout, changed, tracker=TRACKER, restart=True).cached
    previous = chain_layout.previous(chain_layout.checkpoint("demo"))
    assert (previous / "model.safetensors").read_bytes() == before
    assert (chain_layout.checkpoint("demo") / "model.safetensors").read_bytes() != before


def test_a_checkpoint_made_while_waiting_is_not_replaced(chain_layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = tiny_experiment(chain_layout, "training.learning_rate=0.01")
    refuse, asked = stages.compose.refuse_changed_training, []

    def too_early(layout: Layout, experiment: Experiment) -> None:
        asked.append(experiment.name)
        if len(asked) > 1:
            refuse(layout, experiment)

    monkeypatch.setattr(stages.compose, "refuse_changed_training", too_early)
    with pytest.raises(ConfigError, match="--restart"):
        stages.train(chain_layout, changed, tracker=TRACKER)
    assert len(asked) == 2


def test_a_cached_train_leaves_the_state_of_a_run_that_is_under_way(chain_layout: Layout) -> None:
    state = chain_layout.training_state("demo")
    state.mkdir(parents=True)
    (state / "last.ckpt").write_bytes(b"of another process")
    assert stages.train(chain_layout, tiny_experiment(chain_layout), tracker=TRACKER).cached
    assert (state / "last.ckpt").read_bytes() == b"of another process"


def test_a_loss_that_is_not_finite_stops_training_and_keeps_the_state_before(
    tiny_layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gsv_pipeline.training.pixels import Pixels

    experiment = tiny_experiment(tiny_layout)
    stages.build_places(tiny_layout, experiment, tracker=TRACKER)
    stages.build_benchmark(tiny_layout, "demo_val", tracker=TRACKER)
    whole, calls = Pixels.__call__, iter(range(1, 100))

    def poisoned(self, *arguments, **named):  # type: ignore[no-untyped-def]
        pieces, factor = whole(self, *arguments, **named), float("nan") if next(calls) == 3 else 1.0
        return lambda piece: pieces(piece) * factor

    monkeypatch.setattr(Pixels, "__call__", poisoned)
    with pytest.raises(TrainingError, match=r"at step 3 of \d+, in a batch of 12 places .*\.JPG.* and 39 more"):
        stages.train(tiny_layout, experiment, tracker=TRACKER)
    state = torch.load(tiny_layout.training_state("demo") / "last.ckpt", weights_only=True)
    assert state["step"] == 2
    monkeypatch.setattr(Pixels, "__call__", whole)
    heard = Heard()
    stages.train(tiny_layout, experiment, tracker=heard)
    assert any("Resuming after step 2" in text for text in heard.said)


def test_an_interrupted_run_of_another_configuration_is_not_resumed(tiny_layout: Layout) -> None:
    experiment = tiny_experiment(tiny_layout)
    stages.build_places(tiny_layout, experiment, tracker=TRACKER)
    stages.build_benchmark(tiny_layout, "demo_val", tracker=TRACKER)
    state = tiny_layout.training_state("demo")
    state.mkdir(parents=True)
    recipe = recipes.checkpoint(tiny_layout, tiny_experiment(tiny_layout, "seed=9"))
    (state / "identity.json").write_text(
        json.dumps({"identity": "another", "config": recipe.config, "restart": False}, default=str)
    )
    with pytest.raises(ConfigError, match=r"interrupted training of 'demo' .*seed: found 9, expected 1"):
        stages.train(tiny_layout, experiment, tracker=TRACKER)
    assert not stages.train(tiny_layout, experiment, tracker=TRACKER, restart=True).cached
    assert not state.exists()


def test_a_restart_that_was_killed_goes_on_when_it_is_typed_again(
    chain_layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gsv_pipeline.training import loop

    experiment = tiny_experiment(chain_layout)
    take = loop.Trainer._take

    def strike(self, done, *arguments, **named):  # type: ignore[no-untyped-def]
        if done.step == 3:
            raise KeyboardInterrupt
        take(self, done, *arguments, **named)

    monkeypatch.setattr(loop.Trainer, "_take", strike)
    with pytest.raises(KeyboardInterrupt):
        stages.train(chain_layout, experiment, tracker=TRACKER, restart=True)
    monkeypatch.setattr(loop.Trainer, "_take", take)
    heard = Heard()
    assert not stages.train(chain_layout, experiment, tracker=heard, restart=True).cached
    assert any("Resuming after step 3" in text for text in heard.said)
    lines = (chain_layout.checkpoint("demo") / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(1, len(lines) + 1))
    heard = Heard()
    assert not stages.train(chain_layout, experiment, tracker=heard, restart=True).cached
    assert not any("Resuming" in text for text in heard.said), "a finished restart is over"


@pytest.mark.parametrize("text", ["xx", "[]", '{"identity": "abc"}'])
def test_a_torn_note_beside_an_interrupted_run_starts_it_anew(tiny_layout: Layout, text: str) -> None:
    experiment = tiny_experiment(tiny_layout)
    stages.build_places(tiny_layout, experiment, tracker=TRACKER)
    stages.build_benchmark(tiny_layout, "demo_val", tracker=TRACKER)
    tiny_layout.training_state("demo").mkdir(parents=True)
    (tiny_layout.training_state("demo") / "identity.json").write_text(text)
    assert stages.train(tiny_layout, experiment, tracker=TRACKER).metadata["steps"] == 6


def test_imported_weights_need_no_places_and_describe_alike(chain_layout: Layout, tmp_path: Path) -> None:
    weights = tmp_path / "released.ckpt"
    torch.save(load_file(chain_layout.checkpoint("demo") / "model.safetensors"), weights)
    shutil.rmtree(chain_layout.root / "places")
    imported = own_experiment(chain_layout, "imported", f"weights: {weights}\n", training=False)
    result = stages.train(chain_layout, imported, tracker=TRACKER)
    assert result.metadata["imported_from"] == "released.ckpt"
    stages.embed(chain_layout, imported, "demo_test", tracker=TRACKER)
    ours, theirs = (
        np.load(chain_layout.embeddings("demo_test", name) / "queries.npy") for name in ("imported", "demo")
    )
    np.testing.assert_array_equal(ours, theirs)
    stages.build_index(chain_layout, imported, "demo_test", tracker=TRACKER)
    stages.evaluate(chain_layout, imported, "demo_test", tracker=TRACKER)
    page = (chain_layout.recall_report("demo_test", "imported") / "report.html").read_text()
    assert "not trained here" in page


def test_weights_of_another_model_are_refused(chain_layout: Layout, tmp_path: Path) -> None:
    weights = tmp_path / "other.pt"
    torch.save({"backbone.model.conv1.weight": torch.zeros(3)}, weights)
    imported = own_experiment(chain_layout, "imported", f"weights: {weights}\n", training=False)
    with pytest.raises(DataError, match="does not fit the model"):
        stages.train(chain_layout, imported, tracker=TRACKER)
    assert not chain_layout.checkpoint("imported").exists()
    with pytest.raises(DataError, match="cannot be read"):
        stages.train(chain_layout, imported.model_copy(update={"weights": tmp_path / "absent.pt"}), tracker=TRACKER)
