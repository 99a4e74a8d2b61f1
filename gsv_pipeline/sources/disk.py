"""Room on a disk: what is needed, what is free, and how both are said."""

import errno
import shutil
from pathlib import Path
from typing import Final

from gsv_pipeline.errors import DataError

BLOCK_BYTES: Final = 4096
"""Files take whole blocks: the usual size of ext4, xfs, apfs and ntfs."""

_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_STEP: Final = 1000
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


def human_bytes(count: float) -> str:
    """`1_234_000_000` as `1.2 GB`: decimal units, as disks and download pages count."""
    units = iter(_UNITS)
    unit = next(units)
    while abs(count) >= _STEP and unit != _UNITS[-1]:
        count, unit = count / _STEP, next(units)
    return f"{count:.0f} {unit}" if unit == _UNITS[0] else f"{count:.1f} {unit}"


def on_disk(size: int) -> int:
    """What a file of `size` bytes takes on a disk."""
    return -(-size // BLOCK_BYTES) * BLOCK_BYTES


def require_room(folder: Path, needed: int, *, purpose: str) -> None:
    """Refuse work that the disk has no room for.

    Args:
        folder: An existing folder on that disk.
        needed: Bytes.
        purpose: What they are for, as in `to download x.zip`.

    Raises:
        DataError: Less than `needed` is free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DataError(
            f"The disk of {folder} is too small {purpose}: {human_bytes(needed)} needed, {human_bytes(free)} free. "
            f"Free {human_bytes(needed - free)} or use a data root on another disk, then run the same command again.",
            {"bytes_needed": needed, "bytes_free": free},
        )


def is_full(error: OSError) -> bool:
    """Whether `error` says that the disk, a quota or the largest file that a disk can hold is used up."""
    return error.errno in _NO_ROOM
