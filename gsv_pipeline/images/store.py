"""Decoded images of a set in one file, mapped into memory: read again at the speed of memory, as long as they hold."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Final

import numpy as np
import numpy.typing as npt
import PIL
import simplejpeg
import torch

from gsv_pipeline.errors import DataError

Pixels = npt.NDArray[np.uint8]

SPARE_BYTES: Final = 2 * 1024**3  # of the disk that a store leaves free: checkpoints are written beside it
_VERSION: Final = 1
_DIGEST_BYTES: Final = 16


def identity_of(paths: Sequence[Path], *, settings: Sequence[object]) -> bytes:
    """What a store was made of: 16 bytes over names, sizes and times of change of all files, and the settings.

    Args:
        paths: Image files, in order.
        settings: Whatever else shapes the pixels. Versions of the libraries are added: theirs differ by a level.

    Raises:
        DataError: A file is missing.
    """
    versions = (_VERSION, PIL.__version__, simplejpeg.__version__, torch.__version__)
    digest = hashlib.blake2b(json.dumps([versions, *settings], default=str).encode(), digest_size=_DIGEST_BYTES)
    for path in paths:
        try:
            status = path.stat()
        except OSError as error:
            raise DataError(f"Image {path} is missing ({error.strerror}).") from error
        digest.update(f"\0{path}\0{status.st_size}\0{status.st_mtime_ns}".encode(errors="surrogateescape"))
    return digest.digest()


def open_store(path: Path, *, shape: tuple[int, ...], identity: bytes) -> Pixels | None:
    """The images of a store; None where there is none, or one of other images, or half of one.

    Args:
        path: The file.
        shape: N, H, W, 3.
        identity: Of what it should hold.
    """
    try:
        with path.open("rb") as file:
            file.seek(-_DIGEST_BYTES, os.SEEK_END)
            is_ours = file.read() == identity
        if not is_ours or path.stat().st_size != _bytes_of(shape):
            return None
        return np.asarray(np.memmap(path, dtype=np.uint8, mode="r", shape=shape))
    except OSError:
        return None


def room_for(path: Path, shape: tuple[int, ...]) -> bool:
    """Whether the disk holds a store and `SPARE_BYTES` more; the one that it replaces counts as free."""
    path.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(path.parent).free + (path.stat().st_size if path.is_file() else 0)
    return free >= _bytes_of(shape) + SPARE_BYTES


def write_store(path: Path, batches: Iterable[Pixels], *, identity: bytes) -> None:
    """Write a store beside `path` and move it there: a killed run leaves the file that was there, or none.

    The images come first and the identity last, so that what is cut short is none. Images are written, not mapped: on
    a full disk that raises, and a write to mapped memory would end the process.

    Args:
        path: The file; what it held is removed first, to make room.
        batches: Decoded images in order.
        identity: Of what it holds.

    Raises:
        DataError: A damaged image.
        OSError: The disk is full, or cannot be written to.
    """
    partial = path.with_name(f".{path.name}.partial")
    path.unlink(missing_ok=True)
    try:
        with partial.open("wb") as file:
            for images in batches:
                file.write(images.data)
            file.write(identity)
            _settle(file)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _bytes_of(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64)) + _DIGEST_BYTES


def _settle(file: IO[bytes]) -> None:
    """On the disk before it has its name: after a loss of power it would hold black images otherwise."""
    file.flush()
    os.fsync(file.fileno())
