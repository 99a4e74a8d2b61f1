"""One run at a time makes an artifact. The lock is the kernel's, so a killed run never keeps it."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from gsv_pipeline.errors import ConfigError, DataError, LockTimeoutError
from gsv_pipeline.tracking import Tracker

TIMEOUT_VARIABLE: Final = "GSV_LOCK_TIMEOUT_S"
TIMEOUT_S: Final = 24 * 3600.0
POLL_S: Final = 0.2
_UNKNOWN: Final[dict[str, str | int]] = {"pid": "unknown", "key": "unknown", "started": "just now"}


@contextmanager
def hold(path: Path, *, key: str, tracker: Tracker) -> Iterator[None]:
    """Hold the lock file `path` while the artifact `key` is made.

    Raises:
        LockTimeoutError: Another run kept it longer than `GSV_LOCK_TIMEOUT_S` seconds.
        ConfigError: `GSV_LOCK_TIMEOUT_S` is no number.
        DataError: The lock file cannot be created.
    """
    with _open(path) as file:
        _acquire(file, key=key, tracker=tracker)
        with _noted(file, key):
            yield


@contextmanager
def try_hold(path: Path, *, key: str) -> Iterator[bool]:
    """Hold the lock file without waiting for it; False where somebody else holds it.

    Raises:
        DataError: The lock file cannot be created.
    """
    with _open(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        with _noted(file, key):
            yield True


def holder(path: Path) -> dict[str, str | int] | None:
    """Who holds the lock file (`pid`, `key`, `started`), or None when nobody does."""
    if not path.is_file():
        return None
    with path.open(encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read(file) or _UNKNOWN
        fcntl.flock(file, fcntl.LOCK_UN)
    return None


@contextmanager
def _noted(file: IO[str], key: str) -> Iterator[None]:
    """Say who holds the lock while the block runs, then let go of it."""
    started = datetime.now(UTC).isoformat(timespec="seconds")
    _note(file, json.dumps({"pid": os.getpid(), "key": key, "started": started}))
    try:
        yield
    finally:
        _note(file, "")
        fcntl.flock(file, fcntl.LOCK_UN)


def _open(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a+", encoding="utf-8")
    except OSError as error:
        raise DataError(
            f"The lock {path} cannot be created: {error.strerror}. Make the data root writable, or choose another one."
        ) from error


def _note(file: IO[str], text: str) -> None:
    """Replace what the file says. It only informs others: a full disk must not end the run here."""
    with suppress(OSError):
        os.ftruncate(file.fileno(), 0)
        os.write(file.fileno(), text.encode())


def _timeout() -> float:
    asked = os.environ.get(TIMEOUT_VARIABLE, "")
    try:
        return float(asked or TIMEOUT_S)
    except ValueError as error:
        raise ConfigError(f"{TIMEOUT_VARIABLE} is {asked!r}, expected a number of seconds.") from error


def _acquire(file: IO[str], *, key: str, tracker: Tracker) -> None:
    timeout = _timeout()
    started, told = time.monotonic(), False
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            other = _read(file) or _UNKNOWN
            if time.monotonic() - started > timeout:
                raise LockTimeoutError(
                    f"'{key}' is still being made by process {other['pid']} after {timeout:.0f} s. "
                    f"Wait for it or end it, then run the same command again; {TIMEOUT_VARIABLE} sets the patience."
                ) from None
            if not told:
                tracker.message(
                    f"{key}: another run makes it (process {other['pid']}, since {other['started']}); waiting"
                )
                told = True
            time.sleep(POLL_S)


def _read(file: IO[str]) -> dict[str, str | int] | None:
    file.seek(0)
    try:
        value: dict[str, str | int] = json.loads(file.read())
    except ValueError:
        return None
    return value
