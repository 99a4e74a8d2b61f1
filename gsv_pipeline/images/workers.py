"""How many threads read images, or whether processes do: measured on the images themselves when there are many."""

import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

from gsv_pipeline.errors import DataError
from gsv_pipeline.images.crew import Filling
from gsv_pipeline.images.processes import ProcessPixels
from gsv_pipeline.images.sources import FilePixels, Source

MEASURED_FROM: Final = 10_000
"""Images. Fewer are read before a better number of threads would pay."""
PROCESSES_FROM: Final = 50_000
"""Images. Processes take seconds to start."""
PROCESSES_PAY: Final = 1.15  # so much faster than threads: they cost memory, and are one more thing that may end
_IMAGES_PER_THREAD: Final = 16
_TIE: Final = 0.95
_POOR_SCALING: Final = 0.6
"""Of one thread's rate times the processors: below, threads wait for the interpreter, and processes may gain."""
_LONGEST_S: Final = 0.8

_LOG: Final = logging.getLogger(__name__)


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def beside_torch(threads: int) -> int:
    """Threads that do not get into the way of training on a CPU: as many as there are processors that Torch leaves.

    The threads of one operation wait for the slowest of them, so that one busy neighbour slows all. With a GPU, or
    where Torch takes every processor anyway, nothing is held back.
    """
    import torch

    left = processors() - torch.get_num_threads()
    return threads if left <= 0 or torch.cuda.is_available() else min(threads, left)


def choose(files: FilePixels, most: int) -> tuple[Source, int]:
    """What reads `files` fastest on `most` processors, and with how many threads.

    Measured on a few dozen images in less than a second: 1, 2, 4 ... threads, up to twice `most`, since
    disks far away are waited for. Processes are tried where threads fall short and the work is long.
    """
    if len(files.paths) < MEASURED_FROM:
        return files, most
    try:
        rates = _thread_rates(files, most=2 * most)
        best = max(rates.values())
        threads = min(number for number, rate in rates.items() if rate >= _TIE * best)
        source: Source = files
        if most > 1 and len(files.paths) >= PROCESSES_FROM and best < _POOR_SCALING * most * rates[1]:
            source, threads = _or_processes(files, threads, rate=best, number=most)
    except DataError:
        return files, most  # the damaged image is reported with the batch that it belongs to
    said = ", ".join(f"{number}: {rate:.0f}" for number, rate in rates.items())
    kind = "processes" if isinstance(source, ProcessPixels) else "threads"
    _LOG.info("Images are read by %d %s (images/s by number of threads: %s)", threads, kind, said)
    return source, threads


def _thread_rates(files: FilePixels, *, most: int) -> dict[int, float]:
    """Images per second by number of threads."""
    _rate(files, threads=most, images=2 * most)  # starts threads and opens files for the first time
    rates: dict[int, float] = {}
    began, threads = time.perf_counter(), 1
    while threads <= most and (not rates or time.perf_counter() - began < _LONGEST_S):
        rates[threads] = _rate(files, threads=threads, images=_IMAGES_PER_THREAD * threads, seed=threads)
        threads *= 2
    return rates


def _or_processes(files: FilePixels, threads: int, *, rate: float, number: int) -> tuple[Source, int]:
    """Processes where they are clearly faster than `threads` at `rate`."""
    source = ProcessPixels(files, number)
    _rate(source, threads=number, images=source.images_at_once * number)
    found = _rate(source, threads=number, images=4 * source.images_at_once * number, seed=1)
    _LOG.info("Threads read %.0f images/s, processes %.0f", rate, found)
    if found >= PROCESSES_PAY * rate:
        return source, number
    source.close()
    return files, threads


def _rate(source: FilePixels | ProcessPixels, *, threads: int, images: int, seed: int = 0) -> float:
    """Images per second. Each seed reads others, since a file that was read before lies in memory."""
    rows = np.random.default_rng(seed).integers(0, len(source.paths), images)
    out = np.zeros((images, *source.shape), dtype=np.uint8)
    with ThreadPoolExecutor(threads) as pool:
        started = time.perf_counter()
        Filling(pool, source, rows, out=out, threads=threads).result()
        return images / (time.perf_counter() - started)
