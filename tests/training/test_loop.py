"""The loop: learns, follows its schedule, chooses the best weights, resumes at any step."""

import dataclasses
import json
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gsv_pipeline.errors import DataError, RunError, StoppedError, TrainingError
from gsv_pipeline.tracking.files import JsonLinesTracker
from gsv_pipeline.training import saving
from gsv_pipeline.training.loop import Trainer
from gsv_pipeline.training.not_finite import CULPRITS_FILE
from gsv_pipeline.training.state import STATE_FILE, Progressed, load_state
from tests.trackers import Heard
from tests.training.tiny_trainer import RATE, trainer


def by_epoch(recalls: Sequence[float]) -> Callable[[nn.Module], dict[str, float]]:
    found = iter(recalls)
    return lambda model: {"val/R@1": next(found)}


def without_times(history: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{name: value for name, value in row.items() if name != "images_per_s"} for row in history]


def strike(run: Trainer, at: int, action: Callable[[], object]) -> None:
    """Do `action` in the middle of step `at`, counted from 0."""
    take = run._take

    def struck(done: Progressed, *arguments: Any, **named: Any) -> None:
        if done.step == at:
            action()
        take(done, *arguments, **named)

    run._take = struck  # type: ignore[method-assign]


def interrupt() -> None:
    raise KeyboardInterrupt


def poison(run: Trainer, at: int) -> None:
    """Let the loss of step `at`, counted from 0, be no number."""
    objective, calls = run.settings.objective, iter(range(1000))

    def poisoned(descriptors: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        loss, accuracy = objective(descriptors, labels)
        return (loss * float("nan") if next(calls) == at else loss), accuracy

    run.settings = dataclasses.replace(run.settings, objective=poisoned)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Progressed:
    """An uninterrupted run with the settings that `trainer` has of itself."""
    return trainer(tmp_path_factory.mktemp("whole")).run()


def same_weights(one: Progressed, other: Progressed) -> bool:
    assert one.best_weights is not None
    assert other.best_weights is not None
    return all(torch.equal(value, other.best_weights[name]) for name, value in one.best_weights.items())


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


@pytest.mark.parametrize(("strike_at", "every"), [(1, 1), (7, 3), (11, 5)])
def test_a_run_broken_off_at_any_step_ends_with_the_same_weights(tmp_path: Path, strike_at: int, every: int) -> None:
    def recall(model: nn.Module) -> dict[str, float]:
        weight = next(model.parameters())
        return {"val/R@1": -float(weight.detach().square().sum())}  # any function of the weights

    changed: dict[str, Any] = {"checkpoint_every_steps": every, "read_every_steps": 2, "validate": recall}
    finished = trainer(tmp_path / "whole", **changed).run()
    broken = trainer(tmp_path / "broken", **changed)
    strike(broken, strike_at, interrupt)
    with pytest.raises(KeyboardInterrupt):
        broken.run()
    again = trainer(tmp_path / "broken", **changed).run()
    assert without_times(again.history) == without_times(finished.history)
    assert again.validations == finished.validations
    assert again.best_step == finished.best_step
    assert same_weights(again, finished)


def test_a_run_broken_off_while_it_validates_validates_again(tmp_path: Path) -> None:
    def validate(model: nn.Module) -> dict[str, float]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path, validate=validate, checkpoint_every_steps=100).run()
    heard = Heard()
    done = trainer(tmp_path, validate=lambda model: {"val/R@1": 0.5}, tracker=heard).run()
    assert heard.said[0] == "Resuming after step 4 of 12"
    assert [row["step"] for row in done.validations] == [4, 8, 12]


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    first = trainer(tmp_path).run()
    run = trainer(tmp_path)
    run._take = None  # type: ignore[method-assign,assignment]
    again = run.run()
    assert again.history == first.history
    assert same_weights(again, first)


@pytest.fixture(autouse=True)
def _usual_handlers() -> Iterator[None]:
    """Dagster, once it has run in this process, leaves a handler of its own behind."""
    usual = {signal.SIGTERM: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_step_finish_and_saves_it_before_it_does_what_it_always_does(
    tmp_path: Path, whole: Progressed, number: signal.Signals
) -> None:
    heard, before = Heard(), signal.getsignal(number)
    run = trainer(tmp_path, tracker=heard, checkpoint_every_steps=100, read_every_steps=7)
    strike(run, 2, lambda: signal.raise_signal(number))
    with pytest.raises(KeyboardInterrupt if number == signal.SIGINT else StoppedError) as caught:
        run.run()
    assert signal.getsignal(number) == before
    if isinstance(caught.value, StoppedError):
        assert caught.value.number == number
    assert "Asked to stop: the state after step 3 of 12 is saved. Run the same command again" in heard.said[-1]
    assert torch.load(tmp_path / STATE_FILE, weights_only=True)["step"] == 3
    assert same_weights(trainer(tmp_path).run(), whole)


def test_whoever_handled_a_signal_before_gets_it_after_the_state_is_saved(tmp_path: Path) -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(torch.load(saved)["step"]))
    saved = tmp_path / STATE_FILE
    try:
        run = trainer(tmp_path, checkpoint_every_steps=100)
        strike(run, 1, lambda: signal.raise_signal(signal.SIGTERM))
        with pytest.raises(StoppedError):
            run.run()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [2]


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    def twice() -> None:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        pytest.fail("the second signal was held back too")

    run = trainer(tmp_path, checkpoint_every_steps=100)
    strike(run, 2, twice)
    with pytest.raises(StoppedError):
        run.run()
    assert not (tmp_path / STATE_FILE).exists()


def test_a_thread_trains_without_touching_signals(tmp_path: Path) -> None:
    found: list[Progressed] = []
    thread = threading.Thread(target=lambda: found.append(trainer(tmp_path, epochs=1).run()))
    thread.start()
    thread.join()
    assert found[0].step == 4


@pytest.mark.parametrize("read_every", [1, 7])
def test_a_step_that_is_not_finite_names_its_images_and_keeps_the_state_before(
    tmp_path: Path, whole: Progressed, read_every: int
) -> None:
    run = trainer(tmp_path, checkpoint_every_steps=2, read_every_steps=read_every)
    poison(run, 4)
    pattern = (
        r"The loss is nan at step 5 of 12, in a batch of 4 places \(labels .*\) and 1\d images \(city_.* and \d+ more\)"
    )
    with pytest.raises(TrainingError, match=pattern) as caught:
        run.run()
    assert torch.load(tmp_path / STATE_FILE, weights_only=True)["step"] == 4
    record = json.loads((tmp_path / CULPRITS_FILE).read_text())
    batch = run.sampler.epoch(1)[0]
    assert record["step"] == caught.value.details["step"] == 5
    assert record["labels"] == sorted(set(batch.labels.tolist()))
    assert set(record["images"]) == {str(run.reader.paths[row]) for row in batch.rows}
    assert same_weights(trainer(tmp_path).run(), whole)


def test_patience_ends_a_run_that_gets_no_better_and_a_resumed_one_knows_it(tmp_path: Path) -> None:
    recalls = [0.5, 0.7, 0.7, 0.6, 0.9]
    heard = Heard()
    done = trainer(tmp_path, epochs=5, patience=2, tracker=heard, validate=by_epoch(recalls)).run()
    assert [row["val/R@1"] for row in done.validations] == [0.5, 0.7, 0.7, 0.6]
    assert done.step == 16
    assert "Stopping early after step 16 of 20: the last 2 validation(s) were no better" in heard.said[-1]
    again = trainer(tmp_path, epochs=5, patience=2, validate=by_epoch(recalls))
    again._take = None  # type: ignore[method-assign,assignment]
    assert again.run().best_step == 12  # the later of two equal ones


def test_a_run_that_was_killed_while_it_waited_in_patience_waits_no_longer(tmp_path: Path) -> None:
    recalls = [0.7, 0.6, 0.5, 0.9]
    broken = trainer(tmp_path, epochs=4, patience=2, validate=by_epoch(recalls))
    strike(broken, 9, interrupt)
    with pytest.raises(KeyboardInterrupt):
        broken.run()
    done = trainer(tmp_path, epochs=4, patience=2, validate=by_epoch(recalls[2:])).run()
    assert done.step == 12
    assert done.best_step == 4


def test_a_full_disk_ends_the_run_and_leaves_the_state_before_whole(
    tmp_path: Path, whole: Progressed, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = iter([10**12] * 3 + [10**5] * 10)
    monkeypatch.setattr(saving.shutil, "disk_usage", lambda folder: SimpleNamespace(free=next(room)))
    with pytest.raises(RunError, match=r"too full to save the training state: \d.* MB needed, 100.0 kB free. What was"):
        trainer(tmp_path).run()
    monkeypatch.undo()
    assert not list(tmp_path.glob("*.tmp"))
    assert torch.load(tmp_path / STATE_FILE, weights_only=True)["step"] == 3
    assert same_weights(trainer(tmp_path).run(), whole)


def test_every_step_logs_what_people_watch(tmp_path: Path) -> None:
    heard = Heard()
    done = trainer(tmp_path, epochs=1, tracker=heard).run()
    names = ["loss", "batch_accuracy", "gradient_norm", "learning_rate", "images_per_s"]
    assert [list(row) for row in done.history] == [["step", *names]] * 4
    assert [(step, sorted(row)) for step, row in heard.logged] == [
        (step, sorted(f"train/{name}" for name in names)) for step in range(1, 5)
    ]
    assert all(row["images_per_s"] > 0 and row["gradient_norm"] > 0 for row in done.history)


def test_a_damaged_state_is_refused_with_a_way_out(tmp_path: Path) -> None:
    trainer(tmp_path, epochs=1).run()
    path = tmp_path / STATE_FILE
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"cannot be resumed from .* Start anew with --restart"):
        trainer(tmp_path, epochs=2).run()


def test_without_a_state_training_starts_at_zero(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    assert load_state(run.fabric, tmp_path, model=run.bare_model, optimizer=run.bare_optimizer) == Progressed()
