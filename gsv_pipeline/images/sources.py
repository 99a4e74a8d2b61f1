"""Where the pixels of an image come from: its file, or an array that holds all of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from gsv_pipeline.images.decode import Decoder
from gsv_pipeline.images.opening import Interpolation, read_resized

Pixels = npt.NDArray[np.uint8]


class Source(Protocol):
    """Reads images by row, in any thread, several at once."""

    images_at_once: int
    """So many a thread asks for: few keep all threads busy to the end of a batch, many spare calls."""

    def read_into(self, rows: Sequence[int], out: Pixels) -> None:
        """Read images.

        Args:
            rows: Which.
            out: [len(rows), H, W, 3], written to.

        Raises:
            DataError: A damaged image.
        """


class FilePixels:
    """Decodes and resizes image files, each time anew.

    Args:
        paths: N image files.
        shape: H, W, 3.
        interpolation: Of the resize.
        plain: All by Pillow, as the reference does.
    """

    images_at_once: int = 2

    def __init__(
        self, paths: Sequence[Path], *, shape: tuple[int, int, int], interpolation: Interpolation, plain: bool
    ) -> None:
        from gsv_pipeline.images.resize import resize_into  # Torch: listing and opening images do without

        self.paths, self.shape, self.interpolation, self.plain = paths, shape, interpolation, plain
        self._decoder: Final = Decoder()
        self._resize_into: Final = resize_into

    def read_into(self, rows: Sequence[int], out: Pixels) -> None:
        """As `Source.read_into`."""
        for row, image in zip(rows, out, strict=True):
            if self.plain:
                height, width, _ = self.shape
                image[:] = read_resized(self.paths[row], height=height, width=width, interpolation=self.interpolation)
            else:
                self._resize_into(image, self._decoder.decode(self.paths[row]), interpolation=self.interpolation)


class KeptPixels:
    """Copies images that are decoded already.

    Args:
        images: [N, H, W, 3], in memory or mapped from a file.
    """

    images_at_once: int = 8

    def __init__(self, images: Pixels) -> None:
        self.images = images

    def read_into(self, rows: Sequence[int], out: Pixels) -> None:
        """As `Source.read_into`."""
        for row, image in zip(rows, out, strict=True):
            np.copyto(image, self.images[row])
