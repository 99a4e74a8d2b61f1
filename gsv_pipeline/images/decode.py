"""JPEGs decoded quickly and strictly: damage that Pillow conceals raises. All that is not a usual JPEG is Pillow's."""

import io
import threading
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image

from gsv_pipeline.errors import DataError
from gsv_pipeline.images import jpeg
from gsv_pipeline.images.opening import open_image

Pixels = npt.NDArray[np.uint8]

_CUT_SHORT: Final = "truncated_image"
_USUAL_COMPONENTS: Final = (1, 3)  # grey and colours; what is made for print, Pillow converts
_KEPT_BYTES: Final = 64 * 1024**2
"""A larger buffer than for a photograph of 21 megapixels is given back: every thread has one."""


class Decoder:
    """Decodes image files to RGB, each thread in a buffer of its own.

    The buffer matters: memory that is new for each image is faulted in page by page, a sixth of the time of an image.
    """

    def __init__(self) -> None:
        self._own = threading.local()

    def decode(self, path: Path) -> Pixels:
        """[height, width, 3] as Pillow decodes it. Valid until this thread decodes the next one.

        Raises:
            DataError: Missing, empty, not an image, cut short, or a JPEG with damage in its middle.
        """
        try:
            with io.FileIO(path) as file:
                data = file.readall()
        except OSError:
            return _by_pillow(path)  # which says what is wrong
        num_bytes = _bytes_of_jpeg(data)
        if not num_bytes:
            return _by_pillow(path)
        try:
            pixels: Pixels = simplejpeg.decode_jpeg(data, "RGB", strict=True, buffer=self._buffer(num_bytes))
        except ValueError as complaint:
            return _judge(path, str(complaint), data)
        return pixels if jpeg.num_components(data) in _USUAL_COMPONENTS else _by_pillow(path)

    def _buffer(self, num_bytes: int) -> Pixels:
        found: Pixels | None = getattr(self._own, "buffer", None)
        if found is not None and found.nbytes >= num_bytes:
            return found
        buffer = np.empty(num_bytes, dtype=np.uint8)
        if num_bytes <= _KEPT_BYTES:
            self._own.buffer = buffer
        return buffer


def _bytes_of_jpeg(data: bytes) -> int:
    """What its pixels take; 0 for another format, an unusual JPEG, and one of a size that Pillow warns of."""
    size = jpeg.frame_size(data) if data.startswith(jpeg.START) else None
    if size is None:
        return 0
    num_pixels, limit = size[0] * size[1], Image.MAX_IMAGE_PIXELS
    return 3 * num_pixels if limit is None or num_pixels <= limit else 0


def _judge(path: Path, complaint: str, data: bytes) -> Pixels:
    """The pixels of a JPEG that libjpeg is not content with, if there is no damage.

    Pillow is asked first, since it names a cut. What it decodes in spite of an early end lacks the end marker alone: it
    never makes up bytes that are missing.
    """
    pixels = _by_pillow(path)
    if jpeg.damage(complaint, data) in ("", _CUT_SHORT):
        return pixels
    raise DataError(f"Image {path} is damaged: {complaint}. Restore the file, or leave it out of the data set.")


def _by_pillow(path: Path) -> Pixels:
    return np.array(open_image(path), dtype=np.uint8)  # a copy: Pillow's own memory is read-only
