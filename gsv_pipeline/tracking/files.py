"""A JSON-lines log beside the training state, so that nothing depends on a service."""

import json
from collections.abc import Mapping
from pathlib import Path

from gsv_pipeline.tracking.protocol import NullTracker


class JsonLinesTracker(NullTracker):
    """Appends one line per call of `log`: `{"step": 12, "train/loss": 0.8}`.

    Args:
        path: The file; made with its folder when the first number arrives.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Append; each line is whole even when the process is killed after it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **metrics}) + "\n")
