"""The quick look at an image file: its header, its size, its end."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image, UnidentifiedImageError

_JPEG_END: Final = b"\xff\xd9"
_TAIL_BYTES: Final = 64  # some cameras pad after the end marker


@dataclass(frozen=True, slots=True)
class Header:
    """Size in pixels and bytes; `problem` names a rule, and is empty for a sound file."""

    width: int
    height: int
    bytes: int
    problem: str = ""


def read_header(path: Path) -> Header:
    """Read what can be known without decoding."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:  # a link that leads nowhere
        return Header(0, 0, 0, "missing_image")
    if size == 0:
        return Header(0, 0, 0, "empty_image")
    try:
        with Image.open(path) as image:
            width, height = image.size
            is_jpeg = image.format == "JPEG"
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return Header(0, 0, size, "not_an_image")
    if is_jpeg and not _ends_whole(path, size):
        return Header(0, 0, size, "truncated_image")
    return Header(width, height, size)


def _ends_whole(path: Path, size: int) -> bool:
    with path.open("rb") as file:
        file.seek(-min(size, _TAIL_BYTES), os.SEEK_END)
        return _JPEG_END in file.read()
