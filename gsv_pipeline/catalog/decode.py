"""The full look at an image file: every byte is read and every pixel decoded."""

import hashlib
import io
import os
from pathlib import Path
from typing import Final

import simplejpeg
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
from gsv_pipeline.catalog.headers import COVERED_BYTES, Look, content_token, unreadable
from gsv_pipeline.images import jpeg

_WHOLE_BYTES: Final = 16


def full_look(path: Path | str) -> Look:
    """Read and decode a whole image file.

    JPEGs are decoded by libjpeg-turbo in a mode in which it says what it mended: damage in the middle of a file, which
    Pillow paints over without a word. What it complains of without being damage is left to Pillow; see `jpeg.damage`.
    """
    try:
        file, _ = open_regular(path)
        with os.fdopen(file, "rb") as stream:
            data = stream.read()
    except UnsoundError as found:
        return Look(problem=found.rule, detail=found.detail)
    except OSError as error:
        return unreadable(error)
    content = content_token(data[:COVERED_BYTES], data[-COVERED_BYTES:], size=len(data))
    whole = whole_hash(data)
    try:
        width, height = _decode(data)
    except UnsoundError as found:
        return Look(0, 0, len(data), content, whole, found.rule, found.detail)
    return Look(width, height, len(data), content, whole)


def read_whole(path: Path | str) -> Look:
    """Read all bytes for their hash, and decode nothing."""
    try:
        file, _ = open_regular(path)
        with os.fdopen(file, "rb") as stream:
            data = stream.read()
    except UnsoundError as found:
        return Look(problem=found.rule, detail=found.detail)
    except OSError as error:
        return unreadable(error)
    return Look(bytes=len(data), whole=whole_hash(data))


def whole_hash(data: bytes) -> str:
    """`Look.whole`."""
    return hashlib.blake2b(data, digest_size=_WHOLE_BYTES).hexdigest()


def _decode(data: bytes) -> tuple[int, int]:
    check_end(data[:COVERED_BYTES], data[-COVERED_BYTES:], size=len(data), read_all=lambda: data)
    size = jpeg.frame_size(data) if data.startswith(jpeg.START) else None
    if size is None:
        return _decode_by_pillow(data)
    check_size(*size)
    try:
        # Brightness alone: colours are read from the file all the same, but not enlarged and mixed.
        simplejpeg.decode_jpeg(data, colorspace="GRAY", strict=True)
    except ValueError as complaint:
        rule = jpeg.damage(str(complaint), data)
        if rule:
            raise UnsoundError(rule, str(complaint)) from complaint
        return _decode_by_pillow(data)
    return size


def _decode_by_pillow(data: bytes) -> tuple[int, int]:
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except PILLOW_REFUSES as error:
        raise not_an_image(data) from error
    try:
        with image:
            image.load()
            return image.size
    except PILLOW_REFUSES as error:
        raise UnsoundError("undecodable_image", str(error)) from error
