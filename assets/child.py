"""A stage as a child process: a command of `gsv-pipeline`, started over Dagster Pipes by the step that waits for it.

What holds a GPU for hours shares no process with Dagster: a crash, or the kernel when memory runs out, ends the child
alone, the step says what happened, and all memory is free afterwards. `embeddings` and `recall_report` use the device
too and stay in their step: they take minutes, and the executor of the job `benchmark` ends a step's process with the
step, which frees the memory as well.
"""

import os
import signal
import stat
import subprocess
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, Never

import dagster as dg

from assets.outcomes import Ended, failure_of, result_of
from gsv_pipeline.lease import GRACE_S, grant_lease
from gsv_pipeline.production import StageResult
from gsv_pipeline.tracking import Tracker
from gsv_pipeline.tracking.pipes import TERMINAL_VARIABLE

MAX_RETRIES: Final = 2
RETRY_AFTER_S: Final = 5
"""The kernel needs a moment to take back the memory of a killed process."""
POLL_S: Final = 0.1
TAIL_BYTES: Final = 4096
_STDERR: Final = 2


def run_child(
    context: dg.AssetExecutionContext,
    command: Sequence[str],
    *,
    artifact: Path,
    tracker: Tracker,
    terminal: str | None = None,
) -> StageResult:
    """Run a command of `gsv-pipeline` and wait for it; its lines come into the log of the run meanwhile.

    Args:
        context: Of the step.
        command: The whole command line.
        artifact: What the command makes.
        tracker: Told when the command is asked to stop, or tried again.
        terminal: Device of the terminal that shows its bars; None: they go to the step's standard error.

    Returns:
        What the command reported.

    Raises:
        RetryRequested: It was killed or failed at run time, and not for the last time.
        Failure: The same, for the last time; its input is bad; or it was stopped.
    """
    with grant_lease() as leased, _session(context) as session:
        begun = _output_size()
        environment = {**_settings(terminal), **leased, **session.get_bootstrap_env_vars()}
        code = _wait(_start(command, environment), tracker)
        output = _output_since(begun)
    ended = Ended(code, session.get_custom_messages(), output)  # messages are complete when the session is closed
    if code == 0:
        return result_of(ended, artifact)
    _fail(failure_of(ended, artifact), attempt=context.retry_number, tracker=tracker)


@contextmanager
def _session(context: dg.AssetExecutionContext) -> Iterator[dg.PipesSession]:
    with ExitStack() as stack:
        with warnings.catch_warnings():
            # Dagster itself calls here what it calls a preview, and what it calls deprecated.
            warnings.simplefilter("ignore", dg.PreviewWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            session = dg.open_pipes_session(
                context=context,
                context_injector=dg.PipesTempFileContextInjector(),
                message_reader=dg.PipesTempFileMessageReader(),
            )
            opened = stack.enter_context(session)
        yield opened


def _fail(failure: dg.Failure, *, attempt: int, tracker: Tracker) -> Never:
    """Try again what may go better.

    Not by a RetryPolicy of the asset, which would also try again what a person has just cancelled (Dagster 1.13, when
    the steps run in the process of the run).
    """
    if not failure.allow_retries or attempt >= MAX_RETRIES:
        raise failure
    tracker.message(f"{failure.description}\nTrying again in {RETRY_AFTER_S} s")
    raise dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=RETRY_AFTER_S) from failure


def _settings(terminal: str | None) -> dict[str, str]:
    """The environment of the step, and what makes a crash readable and an end orderly."""
    shown = {TERMINAL_VARIABLE: terminal} if terminal else {}
    return {
        **os.environ,
        **shown,
        "PYTHONFAULTHANDLER": "1",
        "PYTHONUNBUFFERED": "1",
        "TORCH_ELASTIC_SHUTDOWN_TIMEOUT": str(round(GRACE_S)),
    }


def _start(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start it with the step's output, which is Dagster's compute log, and out of reach of Ctrl-C.

    The step gets the Ctrl-C, and asks the child to stop once, in its own way.
    """
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)


def _wait(child: subprocess.Popen[bytes], tracker: Tracker) -> int:
    try:
        return child.wait()
    except BaseException:  # the run is cancelled
        _stop(child, tracker)
        raise


def _stop(child: subprocess.Popen[bytes], tracker: Tracker) -> None:
    """SIGTERM, upon which training finishes its step and saves it; after the grace period SIGKILL."""
    child.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + GRACE_S
    with _deaf():
        tracker.message(f"Cancelled. Process {child.pid} has {GRACE_S:.0f} s to finish its step and save it")
    while child.poll() is None and time.monotonic() < deadline:
        with _deaf():
            time.sleep(POLL_S)
    if child.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _deaf() -> suppress:
    """Ctrl-C reaches a step twice, from the terminal and from Dagster: the second one must not end the waiting."""
    return suppress(KeyboardInterrupt, dg.DagsterExecutionInterruptedError)


def _output_size() -> int:
    """Bytes in the step's standard error, where that is a file (Dagster's compute log); else 0."""
    found = os.fstat(_STDERR)
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


def _output_since(begun: int) -> str:
    """The end of what was written there since then."""
    size = _output_size()
    if size <= begun:
        return ""
    try:
        return os.pread(_STDERR, TAIL_BYTES, max(begun, size - TAIL_BYTES)).decode(errors="replace")
    except OSError:
        return ""  # written, not read
