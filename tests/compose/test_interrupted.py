"""Interrupted trainings of one experiment under several settings: none is lost, each goes on with its own command."""

import pytest

from gsv_pipeline import stages
from gsv_pipeline.cleaning import find_removable
from gsv_pipeline.errors import ConfigError
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking import NullTracker
from gsv_pipeline.training import loop
from tests.tiny import tiny_experiment
from tests.trackers import Heard

OTHER = "training.learning_rate=0.01"
BEGIN = loop.Trainer._take


@pytest.fixture
def ready(tiny_layout: Layout) -> Layout:
    """A data root in which training can begin."""
    stages.build_places(tiny_layout, tiny_experiment(tiny_layout), tracker=NullTracker())
    stages.build_benchmark(tiny_layout, "demo_val", tracker=NullTracker())
    return tiny_layout


def train(layout: Layout, *settings: str, restart: bool = False) -> str:
    """What a training says that runs to its end."""
    heard = Heard()
    stages.train(layout, tiny_experiment(layout, *settings), tracker=heard, restart=restart)
    return "\n".join(heard.said)


def interrupt(layout: Layout, monkeypatch: pytest.MonkeyPatch, *settings: str, step: int, restart: bool = False) -> str:
    """What a training says that is stopped after `step`."""
    heard = Heard()

    def strike(self, done, *arguments, **named):  # type: ignore[no-untyped-def]
        if done.step == step:
            raise KeyboardInterrupt
        BEGIN(self, done, *arguments, **named)

    monkeypatch.setattr(loop.Trainer, "_take", strike)
    with pytest.raises(KeyboardInterrupt):
        stages.train(layout, tiny_experiment(layout, *settings), tracker=heard, restart=restart)
    monkeypatch.setattr(loop.Trainer, "_take", BEGIN)
    return "\n".join(heard.said)


def test_a_restart_with_other_settings_loses_no_interrupted_training(
    ready: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(ready, monkeypatch, step=4)
    with pytest.raises(ConfigError, match=r"learning_rate: found 0\.003, expected 0\.01.* is set aside, not lost"):
        train(ready, OTHER)
    said = interrupt(ready, monkeypatch, OTHER, step=2, restart=True)
    assert "is set aside as" in said
    assert "training.learning_rate: found 0.003, expected 0.01" in said
    said = train(ready)
    assert "that was set aside goes on" in said
    assert "Resuming after step 4" in said
    assert "Resuming after step 2" in train(ready, OTHER, restart=True)


def test_a_state_that_was_set_aside_may_go_once_another_training_is_finished(
    ready: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(ready, monkeypatch, step=3)
    interrupt(ready, monkeypatch, OTHER, step=2, restart=True)
    (aside,) = ready.root.glob("checkpoint/.demo.training.*")
    assert aside not in {item.path for item in find_removable(ready).removable}
    train(ready, OTHER, restart=True)
    assert aside in {item.path for item in find_removable(ready).removable}


def test_a_restart_of_the_same_settings_begins_anew_and_keeps_what_was_interrupted(
    ready: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(ready, monkeypatch, step=3)
    said = train(ready, restart=True)
    assert "is set aside as" in said
    assert "Resuming" not in said
