"""Training long enough to be struck in the middle, and a look at it from outside."""

from typing import Final

import pytest

from gsv_pipeline import stages
from gsv_pipeline.layout import Layout
from gsv_pipeline.locks import holder
from gsv_pipeline.tracking import NullTracker
from tests.tiny import tiny_experiment
from tests.waiting import wait_for

# Three steps an epoch: long enough to strike in the middle, short enough to wait for the end.
LONG: Final = ("training.epochs=20", "training.validate_every_epochs=20")
STEPS: Final = 60


class ResumedError(Exception):
    """Training goes on from a state that was saved."""


class UntilItResumes(NullTracker):
    def message(self, text: str) -> None:
        if text.startswith("Resuming"):
            raise ResumedError(text)


def steps(layout: Layout) -> int:
    """Training steps of `demo` that have been logged."""
    log = layout.training_state("demo") / "metrics.jsonl"
    return log.read_text().count("train/loss") if log.is_file() else 0


def trainer(layout: Layout, *, other_than: int = 0) -> int:
    """The process that trains `demo`, as soon as it has done three more steps."""
    before = steps(layout)
    wait_for(lambda: steps(layout) >= before + 3 and _holder(layout) not in (0, other_than), within_s=300)
    return _holder(layout)


def assert_it_saved(layout: Layout) -> None:
    """What was trained is not lost: the same command goes on from it."""
    assert not layout.checkpoint("demo").exists()
    with pytest.raises(ResumedError, match=f"after step .* of {STEPS}"):
        stages.train(layout, tiny_experiment(layout, *LONG), tracker=UntilItResumes())


def _holder(layout: Layout) -> int:
    found = holder(layout.lock(layout.checkpoint("demo")))
    return int(found["pid"]) if found and found["pid"] != "unknown" else 0
