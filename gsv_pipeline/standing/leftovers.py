"""What lies beside an artifact: work of runs that were interrupted, killed or failed. Looks, and removes nothing."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from gsv_pipeline.artifact_files import TRAINING_LOG_FILE
from gsv_pipeline.errors import StoppedError
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import Manifest
from gsv_pipeline.places.epoch_length import batches_per_epoch, num_labels

"""Of a training, beside its state: a line for each step."""
_STEP: Final = "step"
_ROUNDING_S: Final = 1.0
"""A manifest notes its time in whole seconds."""
_TAIL_BYTES: Final = 1 << 14


@dataclass(frozen=True, slots=True)
class Failure:
    """How the last attempt ended.

    Args:
        error: Name of the exception.
        message: Its text.
        time: ISO 8601.
    """

    error: str
    message: str
    time: str

    @property
    def was_stopped(self) -> bool:
        """Whether somebody asked it to end, so that nothing failed."""
        return self.error == StoppedError.__name__


def failure_of(layout: Layout, artifact: Path) -> Failure | None:
    """What `failed.json` beside an artifact says, or None where the last attempt did not fail."""
    try:
        found = json.loads(layout.failure(artifact).read_text(encoding="utf-8"))
        return Failure(str(found["error"]), str(found["message"]), str(found["time"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def files_below(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Every file, and every link, below a folder; links are not followed."""
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError:
        return  # gone meanwhile, or not ours to read
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from files_below(Path(entry.path))
        else:
            yield entry


def bytes_below(path: Path, *, freed: bool = False) -> int:
    """Bytes of a file, or of all below a folder; links count as nothing.

    Args:
        path: A file or a folder.
        freed: Leave out files that have a second name elsewhere: removing the first one frees nothing.
    """
    if path.is_symlink():
        return 0
    items = [path.stat()] if path.is_file() else _stats(path)
    return sum(item.st_size for item in items if not (freed and item.st_nlink > 1))


def newest_below(path: Path) -> float:
    """When anything at or below a path was last changed, in seconds since 1970; 0 where there is nothing."""
    if path.is_file():
        return path.stat().st_mtime
    return max((item.st_mtime for item in _stats(path)), default=0.0)


def is_finished(work: Path, made: Manifest | None, identity: str = "") -> bool:
    """Whether the artifact that `work` was for is there, and was made after the last touch to `work`.

    Args:
        work: A training state, descriptors under way or a download.
        made: Manifest of the artifact.
        identity: Fingerprint of what the work is for; empty where any will do.
    """
    if made is None or not made.created or (identity and made.fingerprint != identity):
        return False
    return newest_below(work) <= datetime.fromisoformat(made.created).timestamp() + _ROUNDING_S


def last_step(state: Path) -> int:
    """The last step that an interrupted training has logged; 0 before the first."""
    try:
        with (state / TRAINING_LOG_FILE).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return 0
    return max((_step_of(line) for line in lines), default=0)


def total_steps(training: Mapping[str, Any], places: int) -> int:
    """Steps of a whole training.

    Args:
        training: Its settings, as a manifest has them.
        places: How many there are.
    """
    labels = num_labels(places, mirrored=bool(training.get("mirrored_places")))
    return int(training["epochs"]) * batches_per_epoch(labels, int(training["places_per_batch"]))


def described_images(extraction: Path) -> int:
    """Images whose descriptors an interrupted run has noted as done."""
    done = 0
    for note in sorted(extraction.glob("*/*.rank*.json")):
        try:
            done += sum(stop - start for start, stop in json.loads(note.read_text(encoding="utf-8"))["done"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # half a note: it will be described again
    return done


def _stats(folder: Path) -> Iterator[os.stat_result]:
    for entry in files_below(folder):
        if not entry.is_symlink():
            try:
                yield entry.stat(follow_symlinks=False)
            except OSError:
                continue  # removed meanwhile


def _step_of(line: str) -> int:
    try:
        return int(json.loads(line)[_STEP])
    except (ValueError, KeyError, TypeError):
        return 0  # the first line of the tail, cut in the middle, or half of the last one
