"""Disks that are too small: one of its own where root may mount it, or a limit on what a file may hold."""

import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Callable[[str], None]]:
    """A disk at `folder` for the time of the block; calling what is given makes it larger.

    Args:
        folder: An empty one.
        size: As `mount` takes it: `"256k"`.
    """
    _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield lambda larger: _mount("-o", f"remount,size={larger}", str(folder))
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def largest_file(count: int | None) -> Iterator[None]:
    """A disk that takes no more than this of a file; None takes any."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft if count is None else count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _mount(*options: str) -> None:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    if subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody mount a small disk")
