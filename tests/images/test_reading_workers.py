"""Threads or processes: what is measured to be faster is taken, and both give the same images."""

import logging
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from gsv_pipeline.errors import DataError, RunError
from gsv_pipeline.images import ImageReader, workers
from gsv_pipeline.images.processes import ProcessPixels
from tests.published import save_photo
from tests.waiting import gone

SIZE = {"height": 12, "width": 16}


@pytest.fixture
def photos(tmp_path):
    return [save_photo(tmp_path / f"{number}.jpg", number, size=(40, 30)) for number in range(20)]


def rates(monkeypatch, *, threads, processes, kind=ProcessPixels):
    """Pretend that so many images a second were measured."""

    def measured(source, *, threads, images, seed=0):
        return processes if isinstance(source, kind) else per_thread(threads)

    per_thread = threads
    monkeypatch.setattr(workers, "_rate", measured)
    monkeypatch.setattr(workers, "processors", lambda: 8)
    monkeypatch.setattr(workers, "MEASURED_FROM", 10)
    monkeypatch.setattr(workers, "PROCESSES_FROM", 10)


def test_a_small_set_is_not_measured(photos, monkeypatch):
    monkeypatch.setattr(workers, "_rate", None)
    files = ImageReader(photos, **SIZE)._files
    assert workers.choose(files, 3) == (files, 3)


@pytest.mark.parametrize(
    ("rate", "threads"),
    [
        (lambda number: 1000 * min(number, 8), 8),  # every processor counts, a second thread on it does not
        (lambda number: 1000 * number, 16),  # a disk far away: threads wait for it
        (lambda number: 1000 * min(number, 4) + number, 4),  # a neighbour on the others
        (lambda number: 1000, 1),
    ],
)
def test_the_fewest_threads_that_are_as_fast_as_any_are_taken(photos, monkeypatch, caplog, rate, threads):
    rates(monkeypatch, threads=rate, processes=0)
    monkeypatch.setattr(workers, "PROCESSES_FROM", 21)
    files = ImageReader(photos, **SIZE)._files
    with caplog.at_level(logging.INFO):
        assert workers.choose(files, 8) == (files, threads)
    assert f"Images are read by {threads} threads (images/s by number of threads: 1:" in caplog.text


def test_one_of_several_processes_measures_within_its_share_of_the_machine(photos, monkeypatch):
    rates(monkeypatch, threads=lambda number: 1000 * number, processes=0)
    assert ImageReader(photos, **SIZE, processors=2)._threads == 4, "at most twice its processors"
    assert ImageReader(photos, **SIZE)._threads == 16


def test_processes_are_taken_where_threads_hold_each_other_up_and_only_if_they_are_faster(photos, monkeypatch, caplog):
    closed = []

    class Pretended:
        images_at_once = 8

        def __init__(self, files, number):
            self.close = lambda: closed.append(number)

    monkeypatch.setattr(workers, "ProcessPixels", Pretended)
    files = ImageReader(photos, **SIZE)._files
    for processes, taken in ((6000, True), (2100, False)):
        rates(monkeypatch, threads=lambda number: 1000 * min(number, 2), processes=processes, kind=Pretended)
        caplog.clear()
        with caplog.at_level(logging.INFO):
            source, number = workers.choose(files, 8)
        assert (isinstance(source, Pretended), number) == (taken, 8 if taken else 2)
        assert f"Images are read by {'8 processes' if taken else '2 threads'}" in caplog.text
        assert f"Threads read 2000 images/s, processes {processes}" in caplog.text
    assert closed == [8]


def test_measuring_takes_less_than_a_second_and_a_damaged_image_waits_for_its_batch(photos, monkeypatch):
    monkeypatch.setattr(workers, "MEASURED_FROM", 10)
    monkeypatch.setattr(workers, "processors", lambda: 4)
    files = ImageReader(photos, **SIZE)._files
    started = time.process_time()
    assert workers.choose(files, 4)[0] is files
    assert time.process_time() - started < 1
    for path in photos[1:]:
        path.write_bytes(b"")
    reader = ImageReader(photos, **SIZE)
    batches = reader.batches([[0], [1]])
    assert len(next(batches)) == 1
    with pytest.raises(DataError, match=r"1\.jpg is empty"):
        next(batches)


@pytest.mark.slow
def test_processes_read_what_threads_read_and_say_what_is_damaged(photos):
    photos[19].write_bytes(b"")
    threads = ImageReader(photos, **SIZE)
    processes = ImageReader(photos, **SIZE)
    source = ProcessPixels(processes._files, 2)
    processes._chosen = (source, 2)
    rows = [range(19), [3, 3], [], [18]]
    for ours, theirs in zip(processes.batches(rows), threads.batches(rows), strict=True):
        assert np.array_equal(ours, theirs)
    with pytest.raises(DataError, match=r"19\.jpg is empty"):
        processes.batch([0, 19])
    assert len(processes.batch([0])) == 1, "a worker goes on after a damaged image"
    worker = source._idle.get()
    os.kill(worker._process.pid, signal.SIGKILL)
    worker._process.join()
    source._idle.put(worker)
    processes.batch([0])  # the other one
    with pytest.raises(RunError, match=r"which read images, ended \(exit status -9\)"):
        processes.batch([0])
    source.close()


ABANDONED = """
import sys
from pathlib import Path
from gsv_pipeline.images import ImageReader
from gsv_pipeline.images.processes import ProcessPixels

if __name__ == "__main__":
    files = ImageReader(sorted(Path(sys.argv[1]).glob("*.jpg")), height=12, width=16)._files
    source = ProcessPixels(files, 1)
    worker = source._idle.get()
    source._idle.put(worker)
    print(worker._process.pid, worker._memory.name, flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
def test_workers_end_with_a_process_that_is_killed(photos, tmp_path):
    (tmp_path / "abandoned.py").write_text(ABANDONED)
    command = [sys.executable, str(tmp_path / "abandoned.py"), str(tmp_path)]
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    worker, _ = child.stdout.readline().split()
    child.kill()
    child.wait(10)
    child.stdin.close()
    child.stdout.close()
    assert gone(int(worker)), "the worker outlived the process that it reads for"
