"""Progress bars and sentences on a terminal's standard error."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TextIO

from tqdm import tqdm

from gsv_pipeline.tracking.protocol import NullTracker, Progress

BYTES: Final = "B"
"""The unit whose counts are shown as 1.2G and rates as 30MB/s."""


class _Bar:
    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def advance(self, count: int = 1, **shown: float) -> None:
        if shown:
            self._bar.set_postfix({name: f"{value:.3f}" for name, value in shown.items()}, refresh=False)
        self._bar.update(count)


class ConsoleTracker(NullTracker):
    """Shows bars and messages; numbers are the business of other sinks.

    Args:
        stream: Where to write; standard error if None. Off a terminal a bar writes a line every ten seconds at most.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def message(self, text: str) -> None:
        """One line."""
        tqdm.write(text, file=self._stream or sys.stderr)

    @contextmanager
    def progress(self, description: str, total: int, unit: str = "image") -> Iterator[Progress]:
        """A bar with rate and time left; a count and a rate where the total of bytes is not known (0)."""
        stream = self._stream or sys.stderr
        in_bytes = unit == BYTES
        interval = 0.1 if stream.isatty() else 10.0
        with tqdm(
            total=None if in_bytes and not total else total,
            desc=description,
            unit=unit if in_bytes else f" {unit}",
            unit_scale=in_bytes,
            file=stream,
            mininterval=interval,
            maxinterval=2 * interval,
            dynamic_ncols=stream.isatty(),
            ncols=None if stream.isatty() else 100,
        ) as bar:
            yield _Bar(bar)
