"""Messages and progress as lines of a Dagster run's log. Knows only that a log has `info`: no Dagster import."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from gsv_pipeline.tracking.protocol import NullTracker, Progress

LINE_EVERY_S: Final = 15.0


class InfoLog(Protocol):
    """What a Dagster context's `log` offers."""

    def info(self, msg: str) -> None:
        """Write a line."""


class _Lines:
    def __init__(self, log: InfoLog, description: str, total: int, unit: str) -> None:
        self._log, self._description, self._total, self._unit = log, description, total, unit
        self._done, self._started = 0, time.monotonic()
        self._last = self._started

    def advance(self, count: int = 1, **shown: float) -> None:
        self._done += count
        now = time.monotonic()
        if now - self._last < LINE_EVERY_S or not self._done:
            return
        self._last = now
        rate = self._done / (now - self._started)
        scale, unit = (1e6, "MB") if self._unit == "B" else (1, self._unit)
        of_all = f" of {self._total / scale:.0f}" if self._total else ""  # a download may not say how large it is
        left = f", {(self._total - self._done) / rate:.0f} s left" if self._total else ""
        numbers = "".join(f", {name} {value:.3f}" for name, value in shown.items())
        share = f"{self._description}: {self._done / scale:.0f}{of_all}"
        self._log.info(f"{share} ({rate / scale:.1f} {unit}/s{left}{numbers})")


class DagsterLogTracker(NullTracker):
    """Writes to a run's log: messages at once, progress every 15 seconds (a log is no place for bars).

    Args:
        log: `context.log` of an asset.
    """

    def __init__(self, log: InfoLog) -> None:
        self._log = log

    def message(self, text: str) -> None:
        """One line."""
        self._log.info(text)

    def picture(self, name: str, path: Path, step: int) -> None:
        """A line that says where it lies."""
        self._log.info(f"{name} at step {step}: {path}")

    @contextmanager
    def progress(self, description: str, total: int, unit: str = "image") -> Iterator[Progress]:
        """Lines at intervals."""
        yield _Lines(self._log, description, total, unit)
