"""Image files before any decoder sees them: opened safely, refused by what their first and last bytes say."""

import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

from PIL import Image

from gsv_pipeline.images import jpeg

FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
"""Pillow's names. It reads others too, some by starting programs (EPS); files of those are no photographs."""

PILLOW_REFUSES: Final = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError, struct.error,
    Image.DecompressionBombError,
)  # fmt: skip
"""What its readers raise for files that are damaged, by chance or on purpose."""

_OPEN: Final = os.O_RDONLY | os.O_NONBLOCK  # a named pipe would wait for its writer for ever
_PNG: Final = b"\x89PNG"
_PNG_END: Final = b"IEND"


class UnsoundError(Exception):
    """A file breaks a rule. Caught where a look is made of it.

    Args:
        rule: One of `report.RULES`.
        detail: What was found.
    """

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.rule, self.detail = rule, detail


def open_regular(path: Path | str) -> tuple[int, int]:
    """Descriptor and size of a file that has content.

    Raises:
        UnsoundError: It is empty, or a folder, a pipe or a device.
        OSError: It cannot be opened.
    """
    file = os.open(path, _OPEN)
    status = os.fstat(file)
    if stat.S_ISREG(status.st_mode) and status.st_size:
        return file, status.st_size
    os.close(file)
    if stat.S_ISREG(status.st_mode):
        raise UnsoundError("empty_image", "0 bytes")
    raise UnsoundError("not_an_image", "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file")


def check_end(head: bytes, tail: bytes, *, size: int, read_all: Callable[[], bytes]) -> None:
    """Refuse a file that is cut short, as far as JPEG, PNG and WebP tell; a TIFF, BMP or GIF must be decoded for that.

    Args:
        head: First bytes.
        tail: Last bytes.
        size: Of the file.
        read_all: The whole file. Asked for only where no end is found: phones put films behind the end of a picture.

    Raises:
        UnsoundError: It is cut short.
    """
    if head.startswith(jpeg.START):
        is_whole = jpeg.ends_as_it_should(tail) or jpeg.holds_its_end(read_all())
    elif head.startswith(_PNG):
        is_whole = _PNG_END in tail or _PNG_END in read_all()
    elif head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        is_whole = size >= int.from_bytes(head[4:8], "little") + 8
    else:
        return
    if not is_whole:
        raise UnsoundError("truncated_image", f"no end after {size} bytes")


def check_size(width: int, height: int) -> None:
    """Refuse what Pillow refuses: a header that promises more pixels than any photograph has.

    Raises:
        UnsoundError: Too many.
    """
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and width * height > 2 * limit:
        raise UnsoundError("not_an_image", f"its header promises {width} × {height} pixels")


def not_an_image(data: bytes) -> UnsoundError:
    """The error for a file that begins with `data`."""
    return UnsoundError("not_an_image", f"begins with {data[:16]!r}")
