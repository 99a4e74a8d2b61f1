"""A process that does not outlive the one that started it, however that one ends: the kernel keeps the lease."""

import fcntl
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

VARIABLE: Final = "GSV_LEASE"
"""Names the lease in the environment of a child, and of its children: the processes of `torchrun`, for example."""
GRACE_S: Final = 60.0
"""What a process that is asked to stop may take to finish its step and save it, before it is killed."""


@contextmanager
def grant_lease() -> Iterator[dict[str, str]]:
    """Let processes live as long as this block and no longer; yields what to add to their environment."""
    number, path = tempfile.mkstemp(prefix="gsv-lease-")
    with os.fdopen(number, "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield {VARIABLE: path}
        finally:
            Path(path).unlink(missing_ok=True)


def keep_lease(*, grace_s: float = GRACE_S) -> None:
    """Stop this process (SIGTERM, later SIGKILL) when its lease ends; without one, nothing is done.

    Works where a parent-death signal does not: on every Unix, for grandchildren, and when the parent ended before.

    Args:
        grace_s: Between the two signals.
    """
    path = os.environ.get(VARIABLE)
    if path:
        threading.Thread(target=_watch, args=(Path(path), grace_s), name="lease", daemon=True).start()


def _watch(path: Path, grace_s: float) -> None:
    # Waits in the kernel until the holder is gone. No such file: it was gone before this process began.
    with suppress(OSError), path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        path.unlink(missing_ok=True)  # a holder that was killed has left it
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(grace_s)
    os.kill(os.getpid(), signal.SIGKILL)
