"""Waiting for other processes."""

import subprocess
import time
from collections.abc import Callable


def wait_for(happened: Callable[[], object], *, within_s: float = 30.0) -> None:
    """Until it has happened; it is an error when it does not."""
    deadline = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < deadline, f"it did not happen within {within_s:.0f} s"
        time.sleep(0.02)


def gone(process: int) -> bool:
    """Whether a process ends soon; one whose parent is gone is collected by another."""

    def has_ended() -> bool:
        shown = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False)
        return not shown.stdout.strip() or shown.stdout.startswith("Z")

    wait_for(has_ended)
    return True


def children_of(process: int) -> list[int]:
    """The processes that it has started itself."""
    shown = subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True, check=False).stdout
    return [int(number) for number in shown.split()]


def parent_of(process: int) -> int:
    """The process that has started it."""
    shown = subprocess.run(["ps", "-o", "ppid=", "-p", str(process)], capture_output=True, text=True, check=True)
    return int(shown.stdout)
