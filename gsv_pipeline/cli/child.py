"""A command that a step of Dagster started: it tells the step how it goes and how it ended, and does not outlive it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import click

from gsv_pipeline.errors import GsvError, InputError, StoppedError
from gsv_pipeline.lease import keep_lease
from gsv_pipeline.manifest import as_json
from gsv_pipeline.production import StageResult
from gsv_pipeline.tracking import Tracker, Trackers
from gsv_pipeline.tracking.console import ConsoleTracker
from gsv_pipeline.tracking.pipes import (
    ERROR,
    INPUT,
    RESULT,
    RUN,
    STOPPED,
    TERMINAL_VARIABLE,
    connection,
    current_connection,
)


@contextmanager
def as_child() -> Iterator[None]:
    """Run a command inside; what goes wrong on purpose reaches the step as a sentence, a bug with its traceback."""
    keep_lease()
    with connection() as step:
        try:
            yield
        except BaseException as error:
            facts = _facts(error)
            if step is not None and facts:
                step.hand_over(ERROR, facts)
                step.close()
            raise


def command_tracker() -> Tracker:
    """Bars and sentences for whoever waits: on the terminal, and in the log of the run whose step started this."""
    console, step = ConsoleTracker(_terminal()), current_connection()
    return console if step is None else Trackers(console, step)


def hand_over(result: StageResult) -> bool:
    """Give the result to the step that started this command; False where none did."""
    step = current_connection()
    if step is None:
        return False
    facts = {"metadata": as_json(result.metadata), "data_version": result.data_version, "cached": result.cached}
    step.hand_over(RESULT, {"artifact": str(result.artifact), **facts})
    return True


def _facts(error: BaseException) -> dict[str, Any]:
    """What the step is told; nothing of an error that nobody raised on purpose."""
    if isinstance(error, click.ClickException):
        return {"kind": INPUT, "type": type(error).__name__, "text": error.format_message(), "details": {}}
    if isinstance(error, StoppedError | KeyboardInterrupt | click.Abort):
        return {"kind": STOPPED, "type": type(error).__name__, "text": str(error), "details": {}}
    if isinstance(error, GsvError):
        kind = INPUT if isinstance(error, InputError) else RUN
        return {"kind": kind, "type": type(error).__name__, "text": str(error), "details": as_json(error.details)}
    return {}


def _terminal() -> TextIO | None:
    """The terminal that the step names; None, which means standard error, where there is none."""
    device = os.environ.get(TERMINAL_VARIABLE)
    if not device:
        return None
    try:
        return os.fdopen(os.open(device, os.O_WRONLY | os.O_NOCTTY), "w")
    except OSError:
        return None
