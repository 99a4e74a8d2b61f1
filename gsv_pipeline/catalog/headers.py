"""The quick look at an image file: its header, its size, its end, and a hash of its bytes. Nothing is decoded."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image, UnidentifiedImageError

_JPEG_END: Final = b"\xff\xd9"
_TAIL_BYTES: Final = 64  # some cameras pad after the end marker


@dataclass(frozen=True, slots=True)
class Header:
    """Size in pixels and bytes, and a hash of the content; `problem` names a rule, and is empty for a sound file."""

    width: int
    height: int
    bytes: int
    content: str = ""
    problem: str = ""


def read_header(path: Path) -> Header:
    """Read what can be known without decoding."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:  # a link that leads nowhere
        return Header(0, 0, 0, problem="missing_image")
    if not data:
        return Header(0, 0, 0, problem="empty_image")
    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
            is_jpeg = image.format == "JPEG"
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return Header(0, 0, len(data), problem="not_an_image")
    if is_jpeg and _JPEG_END not in data[-_TAIL_BYTES:]:
        return Header(0, 0, len(data), problem="truncated_image")
    return Header(width, height, len(data), hashlib.blake2b(data, digest_size=8).hexdigest())
