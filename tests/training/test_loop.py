"""The loop: learns, follows its schedule, chooses the best weights, resumes at any step."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.fabric import Fabric
from torch import nn

from gsv_pipeline.errors import DataError
from gsv_pipeline.models.vpr_model import build_model
from gsv_pipeline.places.dataset import Places
from gsv_pipeline.places.sampling import PlaceSampler
from gsv_pipeline.tracking import NullTracker
from gsv_pipeline.tracking.files import JsonLinesTracker
from gsv_pipeline.training.augmentation import AUGMENTATIONS
from gsv_pipeline.training.loop import LoopSettings, Trainer
from gsv_pipeline.training.losses import build_objective
from gsv_pipeline.training.optimizers import SCHEDULES, build_optimizer
from gsv_pipeline.training.state import STATE_FILE, Progressed, load_state

NUM_PLACES, PER_PLACE = 8, 4
RATE = 3e-3


def pictures() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Places that differ in texture; images of a place that differ in noise."""
    generator = np.random.default_rng(0)
    bases = generator.integers(40, 215, (NUM_PLACES, 1, 8, 10, 3)).repeat(4, axis=2).repeat(4, axis=3)
    noise = generator.integers(-25, 25, (NUM_PLACES, PER_PLACE, 32, 40, 3))
    return (bases + noise).reshape(-1, 32, 40, 3).astype(np.uint8)


def trainer(folder: Path, *, epochs: int = 3, validate: Any = None, tracker: Any = None, **changed: Any) -> Trainer:
    offsets = np.arange(NUM_PLACES + 1, dtype=np.int64) * PER_PLACE
    places = Places(
        tuple(Path(f"{row}") for row in range(NUM_PLACES * PER_PLACE)), offsets, np.zeros(NUM_PLACES, np.int64)
    )
    model = build_model(
        backbone="resnet18",
        backbone_args={"weights": "none", "layers_to_crop": [3, 4]},
        aggregator="convap",
        aggregator_args={"out_channels": 8},
        seed=1,
    )
    images = pictures()
    return Trainer(
        Fabric(accelerator="cpu", devices=1, precision="32-true"),
        model,
        optimizer=build_optimizer("adamw", model.parameters(), learning_rate=RATE),
        sampler=PlaceSampler(
            places, places_per_batch=4, images_per_place=3, sampling="all_cities", mirrored_places=True
        ),
        read_images=lambda rows: images[rows],
        settings=LoopSettings(
            objective=build_objective("multi_similarity", {}, miner="multi_similarity", miner_arguments={}),
            schedule=SCHEDULES.build("multi_step", warmup_steps=4, milestones=[2], gamma=0.1),
            augmentation=AUGMENTATIONS.build("street"),
            learning_rate=RATE,
            epochs=epochs,
            validate_every_epochs=changed.get("validate_every_epochs", 1),
            checkpoint_every_steps=changed.get("checkpoint_every_steps", 1),
            seed=1,
        ),
        validate=validate,
        state_folder=folder,
        tracker=tracker or NullTracker(),
    )


def test_the_loss_falls_and_the_rate_follows_the_schedule(tmp_path: Path) -> None:
    log = tmp_path / "metrics.jsonl"
    done = trainer(tmp_path, epochs=8, tracker=JsonLinesTracker(log)).run()
    losses = [row["loss"] for row in done.history]
    assert np.mean(losses[-8:]) < 0.8 * np.mean(losses[:4])
    rates = [row["learning_rate"] / RATE for row in done.history]
    np.testing.assert_allclose(rates[:9], [0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 0.1])
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 33))
    assert lines[4]["train/loss"] == losses[4]


def test_the_best_validation_chooses_the_weights_and_a_later_tie_wins(tmp_path: Path) -> None:
    recalls = iter([0.5, 0.8, 0.8, 0.6])
    seen: list[dict[str, torch.Tensor]] = []

    def validate(model: nn.Module) -> dict[str, float]:
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
        return {"val/R@1": next(recalls), "val/R@5": 0.9}

    done = trainer(tmp_path, epochs=4, validate=validate).run()
    assert done.best_step == 12
    assert [row["val/R@1"] for row in done.validations] == [0.5, 0.8, 0.8, 0.6]
    assert done.best_weights is not None
    assert all(torch.equal(value, seen[2][name]) for name, value in done.best_weights.items())


def test_validation_happens_every_n_epochs_and_at_the_end(tmp_path: Path) -> None:
    done = trainer(tmp_path, epochs=5, validate=lambda model: {"val/R@1": 0.5}, validate_every_epochs=2).run()
    assert [row["step"] for row in done.validations] == [8, 16, 20]


def test_without_validation_the_last_weights_are_kept(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    done = run.run()
    assert done.best_step == done.step == 12
    assert done.best_weights is not None
    assert all(torch.equal(done.best_weights[name], value) for name, value in run.model.state_dict().items())


@pytest.mark.parametrize("strike_at", [1, 4, 7])
def test_a_run_broken_off_at_any_step_ends_with_the_same_weights(tmp_path: Path, strike_at: int) -> None:
    whole = trainer(tmp_path / "whole").run()
    broken = trainer(tmp_path / "broken")
    step = broken._step

    def strike(number: int, batch: Any, images: Any) -> dict[str, float]:
        if number == strike_at:
            raise KeyboardInterrupt
        return step(number, batch, images)

    broken._step = strike  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        broken.run()
    resumed = trainer(tmp_path / "broken").run()
    assert resumed.history == whole.history
    assert whole.best_weights is not None
    assert resumed.best_weights is not None
    assert all(torch.equal(value, resumed.best_weights[name]) for name, value in whole.best_weights.items())


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    first = trainer(tmp_path).run()
    run = trainer(tmp_path)
    run._step = None  # type: ignore[method-assign,assignment]
    assert run.run().history == first.history


def test_a_damaged_state_is_refused_with_a_way_out(tmp_path: Path) -> None:
    trainer(tmp_path, epochs=1).run()
    path = tmp_path / STATE_FILE
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"cannot be resumed from .* Start anew with --restart"):
        trainer(tmp_path, epochs=2).run()


def test_without_a_state_training_starts_at_zero(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    assert load_state(run.fabric, tmp_path, model=run.model, optimizer=run.optimizer) == Progressed()
