"""A few render processes that share a list of places. No process is left behind, whatever happens."""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Final

import gsv_pipeline
from gsv_pipeline.errors import RunError
from gsv_pipeline.sources.demo.plan import Sizes

WORKER: Final = "gsv_pipeline.sources.demo.worker"
_AHEAD: Final = 2  # places that a process has been given and not finished, so that it never waits for us
_ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Task = tuple[str, int]
"""A city and a place's number in it."""


def render_in_processes(
    tasks: Sequence[Task], *, target: Path, sizes: Sizes, seed: int, workers: int
) -> Generator[int]:
    """Renders all places and yields, after each, its number of images.

    Args:
        tasks: City and number of each place.
        target: The data set's folder; it holds `Images/<City>` already.
        sizes: Of the whole data set.
        seed: Of the whole data set.
        workers: Number of processes.

    Raises:
        OSError: A process could not write an image.
        RunError: A process failed otherwise, or ended before its work was done.
    """
    replies: queue.Queue[tuple[int, str]] = queue.Queue()
    setting = json.dumps({"target": str(target), "seed": seed, "sizes": asdict(sizes)})
    processes: list[subprocess.Popen[str]] = []
    listeners: list[threading.Thread] = []
    try:
        for number in range(min(workers, len(tasks))):
            processes.append(_start_worker())
            listeners.append(threading.Thread(target=_listen, args=(number, processes[-1], replies), daemon=True))
            listeners[-1].start()
            _send(processes[-1], setting)
        yield from _share_out(processes, tasks, replies)
    finally:
        for process in processes:
            process.kill()
        for listener in listeners:
            listener.join()
        for process in processes:
            _close(process)


def _close(process: subprocess.Popen[str]) -> None:
    """Waits for the end of a process and closes its pipes."""
    with process:
        if process.stdin is not None:
            with suppress(BrokenPipeError):  # a line that it did not live to read
                process.stdin.close()


def _start_worker() -> subprocess.Popen[str]:
    root = str(Path(gsv_pipeline.__file__).parents[1])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | dict.fromkeys(_ONE_THREAD, "1")
    command = [sys.executable, "-m", WORKER]
    # A session of its own: Ctrl-C reaches us alone, and we end the crew without a traceback from each of its members.
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )


def _listen(number: int, process: subprocess.Popen[str], replies: "queue.Queue[tuple[int, str]]") -> None:
    """Passes a process's lines on, and an empty line when it has ended."""
    assert process.stdout is not None
    for line in process.stdout:
        replies.put((number, line))
    replies.put((number, ""))


def _send(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it has ended: its listener says so, with a better message than ours
        process.stdin.write(line + "\n")
        process.stdin.flush()


def _share_out(
    processes: Sequence[subprocess.Popen[str]], tasks: Sequence[Task], replies: "queue.Queue[tuple[int, str]]"
) -> Iterator[int]:
    waiting = iter(tasks)
    for _ in range(_AHEAD):
        for process in processes:
            _give_next(process, waiting)
    for _ in tasks:
        number, line = replies.get()
        if not line:
            code = processes[number].wait()
            raise RunError(
                f"A render process of the demo city ended with code {code} before its work was done. Expected it to "
                "render all its places; a negative code is a signal (-9: killed, often for lack of memory). "
                "Run the command again.",
                {"exit_code": code},
            )
        reply = json.loads(line)
        if "unwritable" in reply:
            raise OSError(reply["unwritable"])
        if "error" in reply:
            raise RunError(f"A render process of the demo city failed. Its traceback:\n{reply['error']}")
        _give_next(processes[number], waiting)
        yield int(reply["images"])


def _give_next(process: subprocess.Popen[str], waiting: Iterator[Task]) -> None:
    task = next(waiting, None)
    if task is not None:
        _send(process, json.dumps(task))
