"""Reading images in processes of their own, where one interpreter cannot keep all processors busy."""

import multiprocessing
import queue
import signal
import weakref
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gsv_pipeline.errors import DataError, RunError
from gsv_pipeline.images.sources import FilePixels

Pixels = npt.NDArray[np.uint8]

IMAGES_AT_ONCE: Final = 8  # a message to a process and back costs as much of the interpreter's time as an image


class ProcessPixels:
    """Reads files in worker processes; each thread that asks is served by one of them, through shared memory.

    Workers end with this process however it ends: the pipe that they listen to is closed then.

    Args:
        files: What to read.
        number: Of processes.
    """

    images_at_once: int = IMAGES_AT_ONCE

    def __init__(self, files: FilePixels, number: int) -> None:
        self.paths, self.shape = files.paths, files.shape
        workers = [_Worker(files) for _ in range(number)]
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        for worker in workers:
            self._idle.put(worker)
        self.close = weakref.finalize(self, _close_all, workers)

    def read_into(self, rows: Sequence[int], out: Pixels) -> None:
        """As `Source.read_into`.

        Raises:
            DataError: A damaged image.
            RunError: A worker process ended.
        """
        worker = self._idle.get()
        try:
            worker.read_into(rows, out)
        finally:
            self._idle.put(worker)


class _Worker:
    """A process, the pipe to it and the memory that it shares."""

    def __init__(self, files: FilePixels) -> None:
        num_bytes = IMAGES_AT_ONCE * int(np.prod(files.shape))
        self._memory = SharedMemory(create=True, size=num_bytes)
        context = multiprocessing.get_context("spawn")  # Torch's threads do not survive a fork
        self._connection, theirs = context.Pipe()
        settings = {"shape": files.shape, "interpolation": files.interpolation, "plain": files.plain}
        arguments = (theirs, self._memory.name, files.paths, settings)
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        theirs.close()
        self._shape = files.shape

    def read_into(self, rows: Sequence[int], out: Pixels) -> None:
        try:
            self._connection.send(list(rows))
            problem: DataError | None = self._connection.recv()
        except (EOFError, OSError) as error:
            raise RunError(
                f"Process {self._process.pid}, which read images, ended (exit status {self._process.exitcode}); "
                "a status of -9 says that memory ran out. Run the same command again."
            ) from error
        if problem is not None:
            raise problem
        np.copyto(out, _view(self._memory, self._shape)[: len(rows)])

    def close(self) -> None:
        with suppress(OSError):
            self._connection.close()
        self._process.join()
        self._memory.close()
        self._memory.unlink()


def _close_all(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.close()


def _view(memory: SharedMemory, shape: tuple[int, int, int]) -> Pixels:
    return np.ndarray((IMAGES_AT_ONCE, *shape), dtype=np.uint8, buffer=memory.buf)


def _serve(connection: Connection, name: str, paths: Sequence[Any], settings: dict[str, Any]) -> None:
    """The life of a worker: read what is asked for until nobody is there to ask."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    files, memory = FilePixels(paths, **settings), SharedMemory(name)
    with suppress(EOFError, OSError):
        while True:
            rows = connection.recv()
            try:
                files.read_into(rows, _view(memory, files.shape)[: len(rows)])
            except DataError as error:
                connection.send(error)
            else:
                connection.send(None)
    memory.close()
