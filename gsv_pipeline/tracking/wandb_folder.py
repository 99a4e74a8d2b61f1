"""What the folder of a W&B run says about it: still being written, or in want of being sent."""

import fcntl
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

_OPEN: Final = "open"
_UNSENT: Final = "unsent"


def hold_open(folder: Path) -> IO[str] | None:
    """Say that a process writes there, until the file is closed or the process ends, however it ends."""
    with suppress(OSError):  # a file system without locks: then nobody is told
        file = (folder / _OPEN).open("w", encoding="utf-8")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return file
    return None


def is_open(folder: Path) -> bool:
    """Whether a process writes there."""
    with suppress(FileNotFoundError), (folder / _OPEN).open(encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def mark_unsent(folder: Path) -> None:
    """Note that not everything of an online run reached the service."""
    (folder / _UNSENT).touch()


def mark_sent(folder: Path) -> None:
    """Note that all of it did."""
    (folder / _UNSENT).unlink(missing_ok=True)


def is_unsent(folder: Path) -> bool:
    """Whether the service lacks something: of a run that was logged offline, or of an online one that was cut short."""
    was_sent = any(folder.glob("run-*.wandb.synced"))
    return (folder / _UNSENT).exists() or (folder.name.startswith("offline-run-") and not was_sent)
