"""What a process tells the Dagster step that started it, over Dagster Pipes. Alone imports `dagster_pipes`."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from gsv_pipeline.tracking.dagster_log import DagsterLogTracker
from gsv_pipeline.tracking.protocol import Progress

if TYPE_CHECKING:
    from dagster_pipes import PipesContext

CONTEXT_VARIABLE: Final = "DAGSTER_PIPES_CONTEXT"
"""Set by Dagster in the environment of a child. Asked first: `open_dagster_pipes` elsewhere returns a mock."""
RANK_VARIABLE: Final = "RANK"
"""Set by torchrun. A step expects one writer, so the first process of a group speaks for all."""

TERMINAL_VARIABLE: Final = "GSV_TERMINAL"
"""Device of the terminal in front of which somebody waits; Dagster keeps standard error for its own log."""

RESULT: Final = "result"
ERROR: Final = "error"
INPUT: Final = "input"
"""Kind of an error: what was given is wrong, so trying again will not help."""
RUN: Final = "run"
"""Kind of an error: the work failed."""
STOPPED: Final = "stopped"
"""Kind of an error: somebody asked the process to stop."""

_TRAINING: Final = "train/"
_STEP: Final = "step"
_BESIDE_THE_STEPS: Final = ("loss", "batch_accuracy", "images_per_s", "gpu_memory_mb")


@contextmanager
def connection() -> Iterator["PipesTracker | None"]:
    """Speak to the step while the block runs; an error that leaves it arrives there with its traceback.

    Yields None outside Dagster, and in every process of a group but the first.
    """
    pipes = _open()
    if pipes is None:
        yield None
        return
    try:
        yield PipesTracker(pipes)
    except BaseException:
        _tell(pipes, partial(pipes.__exit__, *sys.exc_info()))
        raise
    _tell(pipes, pipes.close)


def current_connection() -> "PipesTracker | None":
    """The step that the block of `connection` speaks to, for whoever is called inside it."""
    pipes = _open()
    return PipesTracker(pipes) if pipes is not None else None


def _open() -> "PipesContext | None":
    if CONTEXT_VARIABLE not in os.environ or os.environ.get(RANK_VARIABLE, "0") != "0":
        return None
    try:
        from dagster_pipes import open_dagster_pipes
    except ImportError:
        return None  # an environment of its own, without Dagster: the step reads the manifest instead
    return open_dagster_pipes()  # the same object every time


class PipesTracker(DagsterLogTracker):
    """Writes lines to the run's log at intervals, recalls at once, and hands results and errors over.

    A step that is gone, with its files, must not end the work: it is told nothing more.

    Args:
        pipes: An open connection.
    """

    def __init__(self, pipes: "PipesContext") -> None:
        super().__init__(_Log(pipes))
        self._pipes = pipes
        self._numbers: dict[str, float] = {}

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Numbers of training wait for the next line about its progress; others (recall) are a line of their own."""
        others = {name: value for name, value in metrics.items() if not name.startswith(_TRAINING)}
        if others:
            self.message(f"Step {step}: {', '.join(f'{name} {value:.4f}' for name, value in others.items())}")
        for name in _BESIDE_THE_STEPS:
            if _TRAINING + name in metrics:
                self._numbers[name] = metrics[_TRAINING + name]

    @contextmanager
    def progress(self, description: str, total: int, unit: str = "image") -> Iterator[Progress]:
        """Lines at intervals; those about training steps show loss and images/s as last logged."""
        with super().progress(description, total, unit) as lines:
            yield _StepLines(lines, self._numbers) if unit == _STEP else lines

    def hand_over(self, kind: str, facts: Mapping[str, Any]) -> None:
        """Give the step the result of the command, or its error.

        Args:
            kind: RESULT or ERROR.
            facts: JSON values.
        """
        _tell(self._pipes, lambda: self._pipes.report_custom_message({kind: dict(facts)}))

    def close(self) -> None:
        """Say that all is said; an error that follows is no news to the step."""
        _tell(self._pipes, self._pipes.close)


class _Log:
    def __init__(self, pipes: "PipesContext") -> None:
        self._pipes = pipes

    def info(self, msg: str) -> None:
        _tell(self._pipes, lambda: self._pipes.log.info(msg))


class _StepLines:
    def __init__(self, lines: Progress, numbers: Mapping[str, float]) -> None:
        self._lines, self._numbers = lines, numbers

    def advance(self, count: int = 1, **shown: float) -> None:
        self._lines.advance(count, **{**self._numbers, **shown})


def _tell(pipes: "PipesContext", call: Callable[[], None]) -> None:
    if not pipes.is_closed:
        with suppress(OSError):
            call()
