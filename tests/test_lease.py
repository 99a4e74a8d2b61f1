"""A process ends with the one that started it, whatever ends that one."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gsv_pipeline.lease import VARIABLE, grant_lease, keep_lease

# Notes what it receives; with an argument it takes no notice of SIGTERM.
CHILD = """
import signal, sys, time
from pathlib import Path
from gsv_pipeline.lease import keep_lease
def stopped(number, frame):
    Path(sys.argv[1]).write_text("stopped")
    if len(sys.argv) < 3:
        sys.exit(143)
signal.signal(signal.SIGTERM, stopped)
keep_lease(grace_s=0.5)
Path(sys.argv[1]).write_text("running")
while True:
    time.sleep(0.05)
"""
# Starts a child of a child, and is then killed; the process between them knows of nothing.
PARENT = """
import os, subprocess, sys, time
from gsv_pipeline.lease import grant_lease
between = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"
with grant_lease() as leased:
    subprocess.Popen([sys.executable, "-c", between, *sys.argv[1:]], env={**os.environ, **leased})
    time.sleep(600)
"""


def wait_for(path: Path, text: str) -> None:
    deadline = time.monotonic() + 120
    while not (path.is_file() and path.read_text() == text):
        assert time.monotonic() < deadline, f"{path} does not say {text}"
        time.sleep(0.02)


def start(*arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", *arguments], env={**os.environ, **environment})


def test_a_grandchild_is_stopped_when_the_process_with_the_lease_is_killed(tmp_path: Path) -> None:
    said = tmp_path / "said"
    parent = start(PARENT, CHILD, str(said), TMPDIR=str(tmp_path))
    wait_for(said, "running")
    assert list(tmp_path.glob("gsv-lease-*"))

    parent.send_signal(signal.SIGKILL)
    parent.wait()

    wait_for(said, "stopped")
    assert not list(tmp_path.glob("gsv-lease-*"))


def test_a_process_that_does_not_stop_is_killed_after_the_grace_period(tmp_path: Path) -> None:
    said = tmp_path / "said"
    with grant_lease() as leased:
        child = start(CHILD, str(said), "stubborn", **leased)
        wait_for(said, "running")
        assert child.poll() is None

    assert child.wait(timeout=120) == -signal.SIGKILL
    assert said.read_text() == "stopped"


def test_a_process_that_begins_after_the_end_of_its_lease_stops(tmp_path: Path) -> None:
    with grant_lease() as leased:
        assert Path(leased[VARIABLE]).is_file()

    child = start(CHILD, str(tmp_path / "said"), **leased)

    assert child.wait(timeout=120) == 128 + signal.SIGTERM
    assert not Path(leased[VARIABLE]).exists()


def test_without_a_lease_nothing_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)

    keep_lease()

    assert "lease" not in {thread.name for thread in threading.enumerate()}
