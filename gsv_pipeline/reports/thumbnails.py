"""Images as data URIs, small enough to stand inside a page."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

from gsv_pipeline.errors import DataError
from gsv_pipeline.images import open_image

THUMBNAIL_SIDE: Final = 320  # pixels of the longer side; twice what a page shows, for dense screens
JPEG_QUALITY: Final = 80


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A JPEG inside a data URI with its size in pixels."""

    uri: str
    width: int
    height: int


def data_uri(content: bytes, media_type: str) -> str:
    """`content` as a base64 data URI."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def image_uri(content: bytes) -> str:
    """PNG, JPEG or SVG bytes as a data URI; the type is read from the first bytes."""
    if content.startswith(b"\x89PNG"):
        return data_uri(content, "image/png")
    return data_uri(content, "image/jpeg" if content.startswith(b"\xff\xd8") else "image/svg+xml")


def read_small(path: Path, *, side: int) -> Image.Image:
    """Read an image, upright and in RGB, with its longer side at most `side` pixels; never enlarged.

    Raises:
        DataError: The file is missing, empty, truncated or no image. A page never leaves a picture out silently.
    """
    try:
        image = open_image(path)
    except DataError as error:
        raise DataError(
            f"{error} The page would show it. Restore the file, or build the benchmark again without it.",
            {"path": str(path)},
        ) from error
    upright = ImageOps.exif_transpose(image)
    upright.thumbnail((side, side), Image.Resampling.LANCZOS)
    return upright


def jpeg_bytes(image: Image.Image) -> bytes:
    """`image` as a JPEG without metadata (photographs carry positions and owners)."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return buffer.getvalue()


class Thumbnails:
    """Reads each image once, however often a page shows it.

    Args:
        side: Pixels of the longer side.
    """

    def __init__(self, side: int = THUMBNAIL_SIDE) -> None:
        self._side = side
        self._read: dict[Path, Thumbnail] = {}

    def __call__(self, path: Path) -> Thumbnail:
        """The thumbnail of one file.

        Raises:
            DataError: The file is missing, empty, truncated or no image.
        """
        if path not in self._read:
            image = read_small(path, side=self._side)
            self._read[path] = Thumbnail(data_uri(jpeg_bytes(image), "image/jpeg"), image.width, image.height)
        return self._read[path]
