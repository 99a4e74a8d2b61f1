"""Threads that fill buffers with images. They take images as they get free, from one buffer to the next."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from gsv_pipeline.errors import DataError
from gsv_pipeline.images.sources import Source

Pixels = npt.NDArray[np.uint8]
Rows = Sequence[int] | npt.NDArray[np.int64]
T = TypeVar("T")


class Filling:
    """A buffer on its way: `threads` of a pool read images into it.

    Args:
        pool: Of threads.
        source: Read from.
        rows: Which images.
        out: [len(rows), H, W, 3], written to.
        threads: So many at most.
    """

    def __init__(self, pool: ThreadPoolExecutor, source: Source, rows: Rows, *, out: Pixels, threads: int) -> None:
        self._source = source
        self._rows = [int(row) for row in rows]
        self._out = out
        size = max(1, min(source.images_at_once, len(self._rows) // threads))
        self._left = iter([slice(start, start + size) for start in range(0, len(self._rows), size)])
        self._taking = threading.Lock()
        self._is_cancelled = False
        self._failures: dict[int, DataError] = {}
        self._work = [pool.submit(self._read) for _ in range(min(threads, len(self._rows)))]

    def result(self) -> Pixels:
        """Wait for the buffer.

        Raises:
            DataError: A damaged image, the first one of these rows.
        """
        for work in self._work:
            work.result()
        if self._failures:
            raise self._failures[min(self._failures)]
        return self._out

    def cancel(self) -> None:
        """Read no further images."""
        self._is_cancelled = True

    def _read(self) -> None:
        while (part := self._take()) is not None:
            try:
                self._source.read_into(self._rows[part], self._out[part])
            except DataError as error:
                self._failures[part.start] = error

    def _take(self) -> slice | None:
        """The next images. After a failure none: what was taken before is finished, so the first failure is known."""
        with self._taking:
            return None if self._is_cancelled or self._failures else next(self._left, None)


def run_ahead(jobs: Iterable[T], start: Callable[[T, int], Filling], *, ahead: int = 1) -> Iterator[Pixels]:
    """Buffers in the order of their jobs; while the caller works on one, `ahead` more are filled.

    Args:
        jobs: One per buffer.
        start: Begins to fill the buffer of a job; the number says which of `ahead` + 1 buffers is free.
        ahead: How many buffers are filled beside the one that the caller has.

    Yields:
        Buffers, each valid until the next one is asked for.

    Raises:
        DataError: A damaged image, in place of the buffer that it belongs to.
    """
    pending: list[Filling] = []
    try:
        for number, job in enumerate(jobs):
            pending.append(start(job, number % (ahead + 1)))
            if len(pending) > ahead:
                yield pending.pop(0).result()
        while pending:
            yield pending.pop(0).result()
    finally:
        for filling in pending:
            filling.cancel()
