"""Interrupted trainings of one experiment under several settings: none is lost, each goes on with its own command."""

import shutil

import pytest

from gsv_pipeline import stages
from gsv_pipeline.cleaning import find_removable
from gsv_pipeline.errors import ConfigError
from gsv_pipeline.layout import Layout
from gsv_pipeline.standing import Standing, standings
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


def test_status_shows_a_training_that_was_set_aside_and_what_becomes_of_it(
    ready: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(ready, monkeypatch, step=3)
    assert not _aside(ready)
    interrupt(ready, monkeypatch, OTHER, step=2, restart=True)
    (row,) = _aside(ready)
    assert (row.state, row.step, row.experiment) == ("interrupted", 3, "demo")
    assert row.bytes > 1000
    assert row.reason.startswith("a training that stopped at step 3 is set aside (")
    assert row.reason.endswith("; the command that began it goes on from there")
    train(ready, OTHER, restart=True)
    (row,) = _aside(ready)
    assert row.reason.endswith("; another training was finished since: gsv-pipeline clean frees it")
    shutil.rmtree(ready.checkpoint("demo"))
    shutil.rmtree(ready.places("demo"))
    assert _aside(ready), "all that there is of the experiment"


def _aside(layout: Layout) -> list[Standing]:
    return [row for row in standings(layout) if row.key.startswith("checkpoint/.demo.training.")]


def test_a_restart_of_the_same_settings_begins_anew_and_keeps_what_was_interrupted(
    ready: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(ready, monkeypatch, step=3)
    said = train(ready, restart=True)
    assert "is set aside as" in said
    assert "Resuming" not in said
