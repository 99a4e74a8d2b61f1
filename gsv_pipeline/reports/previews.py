"""Pictures in Markdown for the Dagster UI, which shows data URIs inside its metadata dialogs."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

from gsv_pipeline.reports.thumbnails import image_uri, jpeg_bytes, read_small

_GAP: Final = 4  # pixels between the pictures of a sheet
_PAPER: Final = (255, 255, 255)


def contact_sheet_markdown(paths: Sequence[Path], columns: int = 6, thumb_height: int = 120) -> str:
    """Many images as one: a grid in reading order, cropped to the shape of the first image.

    Args:
        paths: Image files, at least one to see something.
        columns: Images in a row.
        thumb_height: Pixels.

    Returns:
        One Markdown image with a base64 JPEG, or a sentence when there is no image.

    Raises:
        DataError: A file is missing, empty, truncated or no image.
    """
    if not paths:
        return "There are no images to show."
    thumbs = [read_small(path, side=4 * thumb_height) for path in paths]
    cell = (max(1, round(thumb_height * thumbs[0].width / thumbs[0].height)), thumb_height)
    used = min(columns, len(thumbs))
    rows = math.ceil(len(thumbs) / used)
    sheet = Image.new("RGB", (used * (cell[0] + _GAP) - _GAP, rows * (cell[1] + _GAP) - _GAP), _PAPER)
    for number, thumb in enumerate(thumbs):
        row, column = divmod(number, used)
        sheet.paste(ImageOps.fit(thumb, cell), (column * (cell[0] + _GAP), row * (cell[1] + _GAP)))
    return f"![Contact sheet of {len(paths)} images]({image_uri(jpeg_bytes(sheet))})"


def figure_markdown(png_bytes: bytes, alt: str = "Figure") -> str:
    """A figure of `figures.py` as one Markdown image.

    Args:
        png_bytes: PNG (or SVG) bytes.
        alt: What the figure shows, for readers who cannot see it.
    """
    return f"![{alt}]({image_uri(png_bytes)})"
