"""Starts `dvc` and `git` and turns what they say into errors of this project. DVC is never imported."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from gsv_pipeline.errors import ConfigError, RunError
from gsv_pipeline.tracking import Tracker

STAGE_VARIABLE: Final = "DVC_STAGE"
"""`dvc repro` sets it for the command of every stage (dvc.stage.run, DVC 3)."""

HEARTBEAT_S: Final = 10.0
_CURSOR: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_BAR: Final = re.compile(r"\|.*\[\d.*|^!$|^\s*$")
_SHOWN_CHARACTERS: Final = 1000


def run_dvc(repository: Path, *arguments: str, tracker: Tracker) -> str:
    """What `dvc` with these arguments prints; its progress goes to the tracker as a message now and then.

    Raises:
        ConfigError: DVC is not installed, or it is DVC that started this process.
        RunError: It failed; `details["said"]` is what it said.
    """
    _refuse_inside_a_stage()
    # DVC hides its bars from a pipe unless told otherwise; hours without a word look like a hang.
    surroundings = {**os.environ, "DVC_NO_ANALYTICS": "1", "DVC_IGNORE_ISATTY": "1"}
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [_dvc_executable(), *arguments],
            cwd=repository,
            env=surroundings,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
        )
        said = _listen(process, tracker=tracker, name=f"dvc {arguments[0]}")
        if process.returncode:
            raise _failed(f"dvc {' '.join(arguments)}", said, code=process.returncode)
        output.seek(0)
        return output.read().decode("utf-8", "replace")


def run_git(repository: Path, *arguments: str) -> str:
    """What `git` with these arguments prints.

    Raises:
        ConfigError: Git is not installed.
        RunError: It failed; `details["said"]` is what it said.
    """
    # Looking must not rewrite the index: `git status` refreshes it unless told otherwise.
    surroundings = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=repository, env=surroundings, stdin=subprocess.DEVNULL, capture_output=True
        )
    except FileNotFoundError as error:
        raise ConfigError("Git is not on the PATH; versions of data are kept with it. Install git.") from error
    if done.returncode:
        said = (done.stderr or done.stdout).decode("utf-8", "replace")
        raise _failed(f"git {' '.join(arguments)}", said, code=done.returncode)
    return done.stdout.decode("utf-8", "replace")


def ask_git(repository: Path, *arguments: str) -> str | None:
    """As `run_git`, but None where git says no."""
    try:
        return run_git(repository, *arguments)
    except RunError:
        return None


def _refuse_inside_a_stage() -> None:
    stage = os.environ.get(STAGE_VARIABLE)
    if stage:
        raise ConfigError(
            f"This was started by the stage '{stage}' of DVC, which holds DVC's lock until it ends, so that no other "
            "`dvc` command can work. Take the command out of dvc.yaml and run it after `dvc repro`."
        )


def _dvc_executable() -> str:
    beside = Path(sys.executable).with_name("dvc")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("dvc")
    if found is None:
        raise ConfigError(
            f"DVC is not installed: no `dvc` beside {sys.executable} and none on the PATH. "
            "Run: pip install 'gsv-pipeline[dvc]'"
        )
    return found


def _listen(process: "subprocess.Popen[bytes]", *, tracker: Tracker, name: str) -> str:
    """Everything but progress bars, until the process ends; ends it when this one is told to stop."""
    assert process.stderr is not None  # a pipe was asked for
    kept, told = [], time.monotonic()
    try:
        for piece in _pieces(process.stderr):
            if not _BAR.search(piece):
                kept.append(piece.rstrip())
            elif piece.strip(" !") and time.monotonic() - told > HEARTBEAT_S:
                tracker.message(f"{name}: {' '.join(piece.split())}")
                told = time.monotonic()
        process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    finally:
        process.stderr.close()
    return "\n".join(kept)


def _pieces(stream: IO[bytes]) -> Iterator[str]:
    rest = b""
    while chunk := os.read(stream.fileno(), 1 << 16):
        *lines, rest = re.split(rb"[\r\n]", rest + chunk)
        yield from (_plain(line) for line in lines)
    yield _plain(rest)


def _plain(line: bytes) -> str:
    return _CURSOR.sub("", line.decode("utf-8", "replace"))


def _failed(command: str, said: str, *, code: int) -> RunError:
    text = said.partition("ERROR: ")[2] or said
    shown = text.strip()[:_SHOWN_CHARACTERS] or f"it ended with {code}"
    return RunError(f"`{command}` failed: {shown}", {"said": text.strip()})
