"""Sending what was logged offline: starts `wandb sync` as a child, run by run in the order in which they began."""

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gsv_pipeline.errors import ConfigError, RunError
from gsv_pipeline.tracking.protocol import Tracker
from gsv_pipeline.tracking.wandb_folder import is_open, is_unsent, mark_sent
from gsv_pipeline.tracking.wandb_service import has_key

_RUNS: Final = "wandb"
"""W&B makes a folder of this name for its runs, wherever it is told to write."""


@dataclass(frozen=True, slots=True)
class OfflineRun:
    """A part of a run that the service has not got.

    Args:
        folder: Of the run.
        run_id: Equal for the parts of one run.
    """

    folder: Path
    run_id: str


def unsent_runs(folder: Path) -> list[OfflineRun]:
    """What `folder` holds and the service lacks, the oldest first; a run that is still being written is left out."""
    files = (folder / _RUNS).glob("*run-*-*/run-*.wandb")
    runs = [OfflineRun(path.parent, path.stem.removeprefix("run-")) for path in files]
    found = [run for run in runs if is_unsent(run.folder) and not is_open(run.folder)]
    return sorted(found, key=lambda run: run.folder.name.partition("run-")[2])  # that begins with the time


def sync(folder: Path, *, tracker: Tracker) -> list[OfflineRun]:
    """Send everything that is unsent; a second call sends nothing.

    Args:
        folder: Where run files are (`Layout.wandb`).
        tracker: Told about each run.

    Returns:
        What was sent.

    Raises:
        ConfigError: W&B is not installed, or there is no key.
        RunError: The service did not take a run; what it said is in the message.
    """
    runs = unsent_runs(folder)
    if not runs:
        return []
    if reason := hindrance():
        raise ConfigError(reason)
    for run in runs:
        tracker.message(f"Sending {run.run_id} ({run.folder.name})")
        _send(run)
    return runs


def hindrance() -> str:
    """Why nothing can be sent from here, and what to do about it; empty where it can."""
    if importlib.util.find_spec("wandb") is None:
        return "W&B is not installed here. Run: pip install 'gsv-pipeline[wandb]'"
    return "" if has_key() else "There is no key for W&B. Set WANDB_API_KEY, or run: wandb login"


def _send(run: OfflineRun) -> None:
    command = [sys.executable, "-m", "wandb", "sync", "--include-online", "--include-synced", str(run.folder)]
    surroundings = {"WANDB_ERROR_REPORTING": "false", **os.environ}
    for name in ("WANDB_MODE", "WANDB_DIR"):  # what is set for logging is not meant for sending
        surroundings.pop(name, None)
    done = subprocess.run(
        command, cwd=run.folder.parent, env=surroundings, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode or not any(run.folder.glob("run-*.wandb.synced")):
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise RunError(f"W&B did not take {run.folder}:\n{said}\nNothing is lost; run the same command again to go on.")
    mark_sent(run.folder)
