"""Opening images with Pillow: the yardstick of what an image's pixels are. A file cut short raises."""

from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from gsv_pipeline.errors import DataError

Interpolation = Literal["bilinear", "bicubic"]
RESAMPLING: Final = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def open_image(path: Path) -> Image.Image:
    """Decode the whole file as RGB.

    Raises:
        DataError: Missing, empty, truncated or not an image.
    """
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except FileNotFoundError as error:
        raise DataError(f"Image {path} is missing.") from error
    except UnidentifiedImageError as error:
        raise DataError(_unidentified(path)) from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"Image {path} is damaged: {error}.") from error


def read_resized(
    path: Path, *, height: int, width: int, interpolation: Interpolation = "bilinear"
) -> npt.NDArray[np.uint8]:
    """Decode and resize with Pillow's antialiasing, aspect ratio not kept, as the reference does.

    Returns:
        [height, width, 3] uint8.

    Raises:
        DataError: As `open_image`.
    """
    image = open_image(path)
    if image.size != (width, height):
        image = image.resize((width, height), RESAMPLING[interpolation])
    return np.asarray(image, dtype=np.uint8)


def check_image(path: Path) -> tuple[int, int]:
    """Decode the whole file and return its (width, height).

    Raises:
        DataError: As `open_image`.
    """
    return open_image(path).size


def _unidentified(path: Path) -> str:
    size = path.stat().st_size
    if size == 0:
        return f"Image {path} is empty (0 bytes)."
    with path.open("rb") as file:
        start: Any = file.read(16)
    return f"Image {path} is not an image: {size} bytes that start with {start!r}."
