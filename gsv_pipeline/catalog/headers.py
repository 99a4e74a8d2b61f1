"""The quick look at an image file: its header, its size and its end, nothing decoded. And looking at many files."""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Final

from PIL import Image

from gsv_pipeline.catalog.files import (
    FORMATS,
    PILLOW_REFUSES,
    UnsoundError,
    check_end,
    check_size,
    not_an_image,
    open_regular,
)
from gsv_pipeline.images import jpeg
from gsv_pipeline.tracking import Tracker

COVERED_BYTES: Final = 8192
"""Of a file up to this size the token of the content covers every byte, else the first and the last half of as many."""

_PIECE_BYTES: Final = COVERED_BYTES // 2
_CHUNK: Final = 256  # files that a thread takes at once
_THREADS: Final = min(32, 2 * (os.cpu_count() or 1))  # one decodes while another waits for the disk


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of a file.

    Args:
        width: Pixels; 0 with a problem.
        height: Pixels; 0 with a problem.
        bytes: Size of the file.
        content: 16 hex characters, a token of the content, the same whichever look was taken: of `bytes` and the first
            and last 4096 bytes, and of every byte of a file up to COVERED_BYTES. Empty where nothing was read.
        whole: 32 hex characters, a hash of all bytes; empty where they were not read.
        problem: A rule of `report.RULES`; empty for a sound file.
        detail: What was found, for people.
    """

    width: int = 0
    height: int = 0
    bytes: int = 0
    content: str = ""
    whole: str = ""
    problem: str = ""
    detail: str = ""


def quick_look(path: Path | str) -> Look:
    """Read header and end of an image file: two small reads. What seems cut short is read whole to make sure."""
    size, content = 0, ""
    try:
        file, size = open_regular(path)
        try:
            head = os.pread(file, COVERED_BYTES, 0)
            tail = os.pread(file, _PIECE_BYTES, size - _PIECE_BYTES) if size > COVERED_BYTES else head
        finally:
            os.close(file)
        content = content_token(head, tail, size=size)
        check_end(head, tail, size=size, read_all=Path(path).read_bytes)
        width, height = _size_in_header(path, head)
    except UnsoundError as found:
        return Look(bytes=size, content=content, problem=found.rule, detail=found.detail)
    except OSError as error:
        return unreadable(error)
    return Look(width, height, size, content)


def look_all(
    paths: Sequence[str],
    *,
    look: Callable[[str], Look],
    tracker: Tracker,
    description: str,
    threads: int | None = None,
) -> list[Look]:
    """Look at many files on all processors, in the order of `paths`.

    Args:
        paths: Files.
        look: `quick_look` or `decode.full_look`; both leave the interpreter to others while they read and decode.
        tracker: Shows a bar.
        description: Of the bar.
        threads: None: two per processor.
    """
    workers = threads or _THREADS
    step = max(1, min(_CHUNK, len(paths) // (8 * workers)))
    stopped = Event()

    def look_at(start: int) -> list[Look]:
        return [look(path) for path in paths[start : start + step] if not stopped.is_set()]

    looks: list[Look] = []
    with ThreadPoolExecutor(workers) as pool, tracker.progress(description, total=len(paths)) as bar:
        try:
            for chunk in pool.map(look_at, range(0, len(paths), step)):
                looks += chunk
                bar.advance(len(chunk))
        finally:
            stopped.set()  # whoever interrupts does not wait for chunks that nobody wants any more
    return looks


def unreadable(error: OSError) -> Look:
    """The look at a file that the system does not hand out."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return Look(problem="missing_image", detail="no such file, or a link that leads nowhere")
    return Look(problem="undecodable_image", detail=f"cannot be read: {error.strerror}")


def content_token(head: bytes, tail: bytes, *, size: int) -> str:
    """`Look.content`.

    Args:
        head: The first bytes of the file, at least `min(size, COVERED_BYTES)`.
        tail: Its last bytes, at least half of COVERED_BYTES; unused for smaller files.
        size: Of the file.
    """
    digest = hashlib.blake2b(size.to_bytes(8, "little"), digest_size=8)
    if size <= COVERED_BYTES:
        digest.update(head[:size])
    else:
        digest.update(head[:_PIECE_BYTES])
        digest.update(tail[-_PIECE_BYTES:])
    return digest.hexdigest()


def _size_in_header(path: Path | str, head: bytes) -> tuple[int, int]:
    size = jpeg.frame_size(head) if head.startswith(jpeg.START) else None
    if size is None:
        try:
            with Image.open(path, formats=FORMATS) as image:
                size = image.size
        except PILLOW_REFUSES as error:
            raise not_an_image(head) from error
    check_size(*size)
    return size
