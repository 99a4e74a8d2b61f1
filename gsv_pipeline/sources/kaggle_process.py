"""Runs Kaggle's client as a process, watches that it gets on, and asks again where that helps."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gsv_pipeline
from gsv_pipeline.errors import RunError
from gsv_pipeline.sources.downloads.refusals import PASSING
from gsv_pipeline.sources.kaggle_client import CACHE_VARIABLE, Failure
from gsv_pipeline.tracking import Progress, Tracker

CLIENT: Final = "gsv_pipeline.sources.kaggle_client"
BACK_OFF_S: Final = (2.0, 10.0, 30.0, 120.0)
"""Waits between attempts; one that brought something makes the next wait the first again."""

LONGEST_WAIT_S: Final = 300.0
ANSWER_S: Final = 60.0
STALLED_S: Final = 600.0
"""Without a new byte. Long, since the client reads what it has of the archive before it continues."""

_POLL_S: Final = 0.25
MEGABYTE: Final = 1_000_000


class _StalledError(Exception):
    """Nothing came for too long."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the client is asked.

    Args:
        task: `look` or `download`.
        handle: `owner/name`, with `/versions/2` or without.
        cache: Folder to download to; None: the user's own cache.
    """

    task: str
    handle: str
    cache: Path | None


class Watch:
    """Tells from the files how far the client is.

    Args:
        bar: Advanced by the megabytes that come.
        total: Megabytes that the bar was made for.
        archive: The file that grows during the download.
        unpacked: The folder that is there when unpacking has begun.
        tracker: Told when it has.
    """

    def __init__(self, bar: Progress, *, total: int, archive: Path, unpacked: Path, tracker: Tracker) -> None:
        self.archive, self.tracker = archive, tracker
        self._bar, self._left, self._unpacked = bar, total, unpacked
        self._size = size_of(archive)
        self.restart()

    def restart(self) -> None:
        """Count the time from now; called when the client is started again."""
        self._changed, self._unpacking = time.monotonic(), False

    def look(self) -> None:
        """Show what came since the last look.

        Raises:
            _StalledError: Nothing did, for too long.
        """
        size = size_of(self.archive)
        if size > self._size:
            self._show(size // MEGABYTE - self._size // MEGABYTE)
            self._changed = time.monotonic()
        self._size = size
        if self._unpacked.is_dir():
            if not self._unpacking:
                self.finish()
                self.tracker.message(f"Unpacking to {self._unpacked}; half a million files take some minutes")
            self._unpacking = True
        elif time.monotonic() - self._changed > STALLED_S:
            raise _StalledError

    def finish(self) -> None:
        """Fill the bar: what came last came between two looks."""
        self._show(self._left)

    def _show(self, megabytes: int) -> None:
        counted = min(megabytes, self._left)  # an archive may be larger than Kaggle said
        self._bar.advance(counted)
        self._left -= counted


def size_of(file: Path) -> int:
    """Bytes of a file, 0 where there is none."""
    return file.stat().st_size if file.is_file() else 0


def look(request: Request, *, tracker: Tracker) -> Mapping[str, Any] | Failure:
    """Ask what there is; see `kaggle_client.look`.

    Raises:
        RunError: The client ended without an answer.
    """
    return _persist(lambda: _run(request, _give_up_after(ANSWER_S)), came=lambda: 0, patient=False, tracker=tracker)


def download(request: Request, watch: Watch) -> Mapping[str, Any] | Failure:
    """Have the client download and unpack; see `kaggle_client.download`.

    Raises:
        RunError: The client ended without an answer.
    """

    def attempt() -> Mapping[str, Any] | Failure:
        watch.restart()
        return _run(request, watch.look)

    return _persist(attempt, came=lambda: size_of(watch.archive), patient=True, tracker=watch.tracker)


def _persist(
    attempt: Callable[[], Mapping[str, Any] | Failure], *, came: Callable[[], int], patient: bool, tracker: Tracker
) -> Mapping[str, Any] | Failure:
    """Try again where that helps; `patient`: also when there is no connection at all."""
    failed = 0
    while True:
        before = came()
        answer = attempt()
        if not isinstance(answer, Failure):
            return answer
        failed = 1 if came() > before else failed + 1
        # A server that ignores what was asked to continue spoils the archive; from the start it can go well.
        again = answer.kind == "damaged" and before > 0
        if not (again or _is_transient(answer, patient=patient)) or failed > len(BACK_OFF_S):
            return answer
        if answer.retry_after_s > LONGEST_WAIT_S:
            return answer
        wait = max(BACK_OFF_S[failed - 1], answer.retry_after_s)
        tracker.message(f"Kaggle: {_in_short(answer)}; trying again in {wait:.0f} s")
        time.sleep(wait)


def _is_transient(failure: Failure, *, patient: bool) -> bool:
    if failure.kind == "status":
        return failure.status in PASSING
    return failure.kind == "cut" or (patient and failure.kind == "unreachable")


def _in_short(failure: Failure) -> str:
    words = {
        "status": f"the server answers {failure.status}",
        "cut": "the connection broke or nothing came any more",
        "unreachable": f"no connection ({failure.text})",
        "damaged": "the continued archive is damaged and is begun anew",
    }
    return words[failure.kind]


def _give_up_after(seconds: float) -> Callable[[], None]:
    started = time.monotonic()

    def look() -> None:
        if time.monotonic() - started > seconds:
            raise _StalledError

    return look


def _run(request: Request, look: Callable[[], None]) -> Mapping[str, Any] | Failure:
    asked = {"task": request.task, "handle": request.handle, "cache": request.cache and str(request.cache)}
    root = str(Path(gsv_pipeline.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
    if not environment.get(CACHE_VARIABLE):
        environment.pop(CACHE_VARIABLE, None)  # the client would take an empty one for the working directory
    # A session of its own: Ctrl-C reaches us alone. Its standard input is what tells it that we are gone.
    with subprocess.Popen(
        [sys.executable, "-m", CLIENT, json.dumps(asked)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            _wait(process, look)
            line = process.stdout.read() if process.stdout is not None else ""
        except _StalledError:
            return Failure("cut", "nothing came any more")
        finally:
            process.kill()
    return _read(line, process.returncode)


def _wait(process: subprocess.Popen[str], look: Callable[[], None]) -> None:
    while True:
        try:
            process.wait(_POLL_S)
        except subprocess.TimeoutExpired:
            look()
        else:
            look()
            return


def _read(line: str, code: int) -> Mapping[str, Any] | Failure:
    if not line:
        raise RunError(
            f"Kaggle's client ended with code {code} and without an answer. A negative code is a signal (-9: killed, "
            "often for lack of memory); another one is a broken installation: python -c 'import kagglehub' tells more. "
            "What was downloaded is kept; run the same command again.",
            {"exit_code": code},
        )
    answer: dict[str, Any] = json.loads(line)
    return Failure(**answer["failure"]) if "failure" in answer else answer
