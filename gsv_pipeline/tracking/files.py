"""Logs beside the training state, so that nothing depends on a service: JSON lines here, the base of the CSV too."""

import json
import logging
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gsv_pipeline.tracking.protocol import NullTracker

_log = logging.getLogger(__name__)


class LocalLog(NullTracker):
    """A log in a file. One that cannot be written is said once: a full disk stops what must be saved, not the curves.

    Args:
        path: The file; made with its folder when the first number arrives.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._has_failed = False

    def _attempt(self, write: Callable[[], None]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write()
        except OSError as error:
            if not self._has_failed:
                _log.warning("%s cannot be written (%s); going on without it", self._path, error.strerror or error)
            self._has_failed = True


class JsonLinesTracker(LocalLog):
    """Appends one line per call: `{"step": 12, "train/loss": 0.8}`, for a picture the path in place of the number."""

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Append; each line is whole even when the process is killed after it."""
        self._attempt(lambda: self._append({"step": step, **_as_json(metrics)}))

    def picture(self, name: str, path: Path, step: int) -> None:
        """Append where it lies."""
        self._attempt(lambda: self._append({"step": step, name: str(path)}))

    def _append(self, row: Mapping[str, Any]) -> None:
        with self._path.open("ab+") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - 1))
            is_torn = end > 0 and file.read(1) != b"\n"  # a full disk or a power cut left half a line
            file.write(b"\n" * is_torn + json.dumps(row).encode() + b"\n")


def _as_json(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """JSON has no NaN and no infinity: null stands for them."""
    return {name: float(value) if math.isfinite(value) else None for name, value in metrics.items()}
