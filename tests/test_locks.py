"""One process at a time holds a lock; a killed one holds it no longer."""

import errno
import json
import os
import signal
import subprocess
import sys

import pytest

from gsv_pipeline import locks
from gsv_pipeline.errors import ConfigError, DataError, LockTimeoutError
from gsv_pipeline.locks import hold, holder
from gsv_pipeline.tracking import NullTracker

HOLDS = """
import sys, time
from pathlib import Path
from gsv_pipeline.locks import hold
from gsv_pipeline.tracking import NullTracker
with hold(Path(sys.argv[1]), key="catalog/demo", tracker=NullTracker()):
    print("held", flush=True)
    sys.stdin.readline()
"""


class Heard(NullTracker):
    def __init__(self, then=lambda: None):
        self.said, self.then = [], then

    def message(self, text):
        self.said.append(text)
        self.then()


@pytest.fixture
def lock(tmp_path):
    return tmp_path / ".locks" / "catalog.demo.lock"


@pytest.fixture
def other(lock):
    """Another process that holds the lock until it reads a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_held_lock_names_its_holder_and_a_released_one_nobody(lock):
    assert holder(lock) is None
    with hold(lock, key="catalog/demo", tracker=NullTracker()):
        found = holder(lock)
        assert found["pid"] == os.getpid()
        assert found["key"] == "catalog/demo"
        assert found["started"].endswith("+00:00")
    assert holder(lock) is None


def test_a_lock_is_released_when_the_work_fails(lock):
    with pytest.raises(ValueError, match="work"), hold(lock, key="catalog/demo", tracker=NullTracker()):
        raise ValueError("work")
    with hold(lock, key="catalog/demo", tracker=NullTracker()):
        assert holder(lock) is not None


def test_the_second_process_waits_with_a_message_that_names_the_first(lock, other):
    tracker = Heard(then=lambda: other.communicate("go\n"))
    with hold(lock, key="catalog/demo", tracker=tracker):
        assert holder(lock)["pid"] == os.getpid()
    assert len(tracker.said) == 1
    assert tracker.said[0].startswith(f"catalog/demo: another run makes it (process {other.pid}, since 20")


def test_a_killed_process_holds_no_lock(lock, other):
    assert holder(lock)["pid"] == other.pid
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert json.loads(lock.read_text())["pid"] == other.pid  # its note is still there, and means nothing
    assert holder(lock) is None
    tracker = Heard()
    with hold(lock, key="catalog/demo", tracker=tracker):
        assert holder(lock)["pid"] == os.getpid()
    assert tracker.said == []


def test_patience_ends_with_an_error_that_names_the_holder(lock, other, monkeypatch):
    monkeypatch.setenv("GSV_LOCK_TIMEOUT_S", "0.3")
    with (
        pytest.raises(LockTimeoutError, match=f"'catalog/demo' is still being made by process {other.pid} after 0 s"),
        hold(lock, key="catalog/demo", tracker=NullTracker()),
    ):
        pytest.fail("the lock was given twice")


def test_a_lock_without_a_note_still_makes_others_wait(lock, other, monkeypatch):
    os.truncate(lock, 0)
    monkeypatch.setenv("GSV_LOCK_TIMEOUT_S", "0")
    tracker = Heard()
    with pytest.raises(LockTimeoutError, match="process unknown"), hold(lock, key="catalog/demo", tracker=tracker):
        pytest.fail("the lock was given twice")
    assert holder(lock)["pid"] == "unknown"


def test_a_patience_that_is_no_number_is_refused(lock, monkeypatch):
    monkeypatch.setenv("GSV_LOCK_TIMEOUT_S", "soon")
    with (
        pytest.raises(ConfigError, match="GSV_LOCK_TIMEOUT_S is 'soon', expected a number of seconds"),
        hold(lock, key="catalog/demo", tracker=NullTracker()),
    ):
        pytest.fail("the lock was given")


def test_a_lock_file_that_cannot_be_made_says_why(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(DataError, match=r"file/x\.lock cannot be created: .*Make the data root writable"),
        hold(tmp_path / "file" / "x.lock", key="x", tracker=NullTracker()),
    ):
        pytest.fail("the lock was given")


def test_a_full_disk_takes_the_note_but_not_the_lock(lock, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(locks.os, "write", full)
    with hold(lock, key="catalog/demo", tracker=NullTracker()):
        monkeypatch.undo()
        assert lock.read_text() == ""
        process = subprocess.run(
            [sys.executable, "-c", HOLDS, str(lock)],
            env={**os.environ, "GSV_LOCK_TIMEOUT_S": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert "LockTimeoutError" in process.stderr
