"""Where the GPU benchmark's JPEGs come from: our reader, or torchvision's decoder in threads where simplejpeg lacks."""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torchvision.io import ImageReadMode, decode_jpeg, read_file
from torchvision.transforms.v2 import functional as tv

Images = npt.NDArray[np.uint8]

_AHEAD: Final = 2  # batches that are read while one is in use


class Reader(Protocol):
    """Reads batches ahead of their use."""

    def batches(self, rows: Iterable[npt.NDArray[np.int64]]) -> Iterator[Images]:
        """[b, H, W, 3] of each batch of rows; valid until the next one is asked for."""


def open_reader(paths: Sequence[Path], *, side: int) -> tuple[Reader, str]:
    """The reader that training uses if it can be imported here, and how it is called."""
    try:
        from gsv_pipeline.images import ImageReader
    except ImportError as error:
        if error.name != "simplejpeg":
            raise
        return TorchvisionReader(paths, side=side), "torchvision in threads, since simplejpeg is not installed"
    return ImageReader(paths, height=side, width=side), "ImageReader"


class TorchvisionReader:
    """Decodes and resizes with torchvision, one image a thread.

    Args:
        paths: JPEGs.
        side: Of the images, in pixels.
    """

    def __init__(self, paths: Sequence[Path], *, side: int) -> None:
        self._paths = paths
        self._side = side
        self._pool = ThreadPoolExecutor(os.cpu_count())

    def batches(self, rows: Iterable[npt.NDArray[np.int64]]) -> Iterator[Images]:
        """See `Reader`."""
        waiting: list[tuple[Images, list[Future[None]]]] = []
        for batch in rows:
            waiting.append(self._start(batch))
            if len(waiting) > _AHEAD:
                yield _finish(*waiting.pop(0))
        for started in waiting:
            yield _finish(*started)

    def _start(self, rows: npt.NDArray[np.int64]) -> tuple[Images, list[Future[None]]]:
        images = np.empty((len(rows), self._side, self._side, 3), dtype=np.uint8)
        return images, [self._pool.submit(self._read, row, image) for row, image in zip(rows, images, strict=True)]

    def _read(self, row: int, out: Images) -> None:
        pixels = decode_jpeg(read_file(str(self._paths[row])), mode=ImageReadMode.RGB)
        resized: torch.Tensor = tv.resize(pixels, [self._side, self._side], antialias=True)
        out[:] = resized.permute(1, 2, 0).numpy()


def _finish(images: Images, work: list[Future[None]]) -> Images:
    for job in work:
        job.result()
    return images
