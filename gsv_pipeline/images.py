"""Strict image reading: a damaged file raises, it never passes as grey."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from gsv_pipeline.errors import DataError
from gsv_pipeline.tracking import Tracker

T = TypeVar("T")

Interpolation = Literal["bilinear", "bicubic"]
SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
DECODED_LIMIT_BYTES: Final = 2 * 1024**3  # images that fit into this are decoded once; more are decoded as they come
_RESAMPLING: Final = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


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
        image = image.resize((width, height), _RESAMPLING[interpolation])
    return np.asarray(image, dtype=np.uint8)


def check_image(path: Path) -> tuple[int, int]:
    """Decode the whole file and return its (width, height).

    Raises:
        DataError: As `open_image`.
    """
    return open_image(path).size


def list_images(folder: Path) -> list[Path]:
    """Every image file below `folder`, by suffix, in natural order of the relative path (db2 before db10).

    Raises:
        DataError: No such folder, or no image in it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder. Expected a folder of images ({', '.join(SUFFIXES)}).")
    found = [path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()]
    if not found:
        raise DataError(f"No image in {folder}. Expected files that end in {', '.join(SUFFIXES)}.")
    return sorted(found, key=lambda path: (_natural(name := path.relative_to(folder).as_posix()), name))


def _natural(text: str) -> list[tuple[int, int, str]]:
    parts: list[tuple[int, int, str]] = []
    digits = ""
    for character in [*text, ""]:
        if character.isdecimal():  # not isdigit: a superscript two is a digit that int() refuses
            digits += character
            continue
        if digits:
            parts.append((0, int(digits), ""))
            digits = ""
        parts.append((1, 0, character))
    return parts


def _unidentified(path: Path) -> str:
    size = path.stat().st_size
    if size == 0:
        return f"Image {path} is empty (0 bytes)."
    with path.open("rb") as file:
        start: Any = file.read(16)
    return f"Image {path} is not an image: {size} bytes that start with {start!r}."


class ImageReader:
    """Reads batches of images at one size with a pool of threads (Pillow decodes outside the interpreter lock).

    Args:
        paths: N image files.
        height: Pixels.
        width: Pixels.
        interpolation: Of the resize.
        threads: None: one per processor.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        height: int,
        width: int,
        interpolation: Interpolation = "bilinear",
        threads: int | None = None,
    ) -> None:
        self.paths = paths
        self.shape = (height, width, 3)
        self._read = partial(read_resized, height=height, width=width, interpolation=interpolation)
        self._threads = threads or os.cpu_count() or 1
        self._decoded: npt.NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def fits_in_memory(self) -> bool:
        """Whether all images at this size take less than `DECODED_LIMIT_BYTES`."""
        return len(self.paths) * int(np.prod(self.shape)) <= DECODED_LIMIT_BYTES

    def decode_all(self, tracker: Tracker, description: str) -> None:
        """Decode every image once and keep it in memory; `batch` then only copies.

        Raises:
            DataError: A damaged image.
        """
        decoded = np.empty((len(self.paths), *self.shape), dtype=np.uint8)
        with ThreadPoolExecutor(self._threads) as pool, tracker.progress(description, total=len(self.paths)) as bar:
            for row, image in enumerate(pool.map(self._read, self.paths)):
                decoded[row] = image
                bar.advance()
        self._decoded = decoded

    def batch(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """[len(rows), H, W, 3] uint8, in the order of `rows`.

        Raises:
            DataError: A damaged image.
        """
        if self._decoded is not None:
            return self._decoded[np.asarray(rows, dtype=np.int64)]
        with ThreadPoolExecutor(self._threads) as pool:
            images: list[npt.NDArray[np.uint8]] = list(pool.map(lambda row: self._read(self.paths[row]), rows))
        return np.stack(images)


def prefetch(jobs: Iterable[Callable[[], T]]) -> Iterator[T]:
    """Run `jobs` in order in a background thread, one ahead of the consumer."""
    with ThreadPoolExecutor(1) as pool:
        pending: Future[T] | None = None
        for job in jobs:
            following = pool.submit(job)
            if pending is not None:
                yield pending.result()
            pending = following
        if pending is not None:
            yield pending.result()
