"""Batches of images at one size, from files, from memory or from a store on disk."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from gsv_pipeline.images import workers
from gsv_pipeline.images.crew import Filling, Rows, run_ahead
from gsv_pipeline.images.opening import Interpolation
from gsv_pipeline.images.sources import FilePixels, KeptPixels, Source
from gsv_pipeline.tracking import Tracker

Pixels = npt.NDArray[np.uint8]

DECODED_LIMIT_BYTES: Final = 2 * 1024**3  # images that fit into this are decoded once; more are decoded as they come
AHEAD: Final = 1  # batches that are read beside the one in use
_BLOCK: Final = 128  # images between two movements of a bar


class ImageReader:
    """Reads batches of images at one size with a pool of threads that lives as long as the reader.

    JPEGs are decoded strictly and resized to within one grey level of Pillow. A damaged image raises.

    Args:
        paths: N image files.
        height: Pixels.
        width: Pixels.
        interpolation: Of the resize.
        threads: So many read images. None: one per processor, or for a large set what is measured to be fastest.
        processors: This reader's share of the machine, where other processes read too; None: all.
        plain: Decode and resize with Pillow, as the reference does.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        height: int,
        width: int,
        interpolation: Interpolation = "bilinear",
        threads: int | None = None,
        processors: int | None = None,
        plain: bool = False,
    ) -> None:
        self.paths = paths
        self.shape = (height, width, 3)
        self._settings = (height, width, interpolation, plain)
        self._files = FilePixels(paths, shape=self.shape, interpolation=interpolation, plain=plain)
        self._asked = threads
        self._processors = processors or workers.processors()
        self._decoded: Pixels | None = None

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def fits_in_memory(self) -> bool:
        """Whether all images at this size take less than `DECODED_LIMIT_BYTES`."""
        return len(self.paths) * int(np.prod(self.shape)) <= DECODED_LIMIT_BYTES

    def batch(self, rows: Rows, out: Pixels | None = None) -> Pixels:
        """Read images now.

        Args:
            rows: Which.
            out: [len(rows), H, W, 3] to write into; a new array if None.

        Returns:
            [len(rows), H, W, 3] uint8, in the order of `rows`.

        Raises:
            DataError: A damaged image.
        """
        target = np.empty((len(rows), *self.shape), dtype=np.uint8) if out is None else out
        return self._start(rows, target, threads=self._threads).result()

    def batches(self, rows: Iterable[Rows]) -> Iterator[Pixels]:
        """Read images ahead of the caller, one batch beside the one that it works on.

        Args:
            rows: Of each batch.

        Yields:
            [len(batch), H, W, 3] uint8 in the order of the rows; valid until the next one is asked for.

        Raises:
            DataError: A damaged image, in place of the batch that it belongs to.
        """
        return self._buffered(rows, threads=self._threads if self._asked else workers.beside_torch(self._threads))

    def decode_all(self, tracker: Tracker, description: str) -> None:
        """Decode every image once and keep it in memory; batches are copied from there.

        Raises:
            DataError: A damaged image.
        """
        decoded = np.empty((len(self.paths), *self.shape), dtype=np.uint8)
        for _ in self._blocks(tracker, description, out=decoded):
            pass
        self._decoded = decoded

    def keep_on_disk(self, path: Path, *, tracker: Tracker, description: str) -> bool:
        """Decode every image once into a file, or use the one that is there; batches are copied from it.

        A file of images that have changed since is made anew. Hold a lock on `path` where several runs may come.

        Args:
            path: The file.
            tracker: Shows a bar, and is told what lies where.
            description: What the bar says.

        Returns:
            Whether there was room on the disk; if not, images are decoded as they come.

        Raises:
            DataError: A damaged image.
        """
        from gsv_pipeline.images import store

        shape = (len(self.paths), *self.shape)
        size = f"{int(np.prod(shape, dtype=np.int64)) / 1024**3:.1f} GiB"
        identity = store.identity_of(self.paths, settings=self._settings)
        kept, problem = store.open_store(path, shape=shape, identity=identity), "no room"
        try:
            if kept is None and store.room_for(path, shape):
                tracker.message(f"{description}: {size} of images go to {path}, which may be removed at any time")
                store.write_store(path, self._blocks(tracker, description), identity=identity)
                kept = store.open_store(path, shape=shape, identity=identity)
        except OSError as error:
            problem = error.strerror or str(error)
        if kept is None:
            where = f"{size} of decoded images are not kept in {path.parent} ({problem})"
            tracker.message(f"{description}: {where}; they are decoded each time they are used")
            return False
        self._decoded = kept
        return True

    def _blocks(self, tracker: Tracker, description: str, *, out: Pixels | None = None) -> Iterator[Pixels]:
        """All images in order, with a bar; in buffers, or in `out`."""
        blocks = [range(first, min(first + _BLOCK, len(self))) for first in range(0, len(self), _BLOCK)]
        with tracker.progress(description, total=len(self)) as bar:
            for images in self._buffered(blocks, threads=self._threads) if out is None else self._into(out, blocks):
                yield images
                bar.advance(len(images))

    def _buffered(self, rows: Iterable[Rows], *, threads: int) -> Iterator[Pixels]:
        buffers = [np.empty((0, *self.shape), dtype=np.uint8)] * (AHEAD + 1)

        def start(batch: Rows, slot: int) -> Filling:
            if len(buffers[slot]) < len(batch):
                buffers[slot] = np.empty((len(batch), *self.shape), dtype=np.uint8)
            return self._start(batch, buffers[slot][: len(batch)], threads=threads)

        return run_ahead(rows, start, ahead=AHEAD)

    def _into(self, out: Pixels, blocks: Sequence[range]) -> Iterator[Pixels]:
        def start(rows: range, slot: int) -> Filling:
            return self._start(rows, out[rows.start : rows.stop], threads=self._threads)

        return run_ahead(blocks, start, ahead=AHEAD)

    def _start(self, rows: Rows, out: Pixels, *, threads: int) -> Filling:
        source = self._files_or_processes if self._decoded is None else KeptPixels(self._decoded)
        return Filling(self._pool, source, rows, out=out, threads=threads)

    @cached_property
    def _chosen(self) -> tuple[Source, int]:
        return (self._files, self._asked) if self._asked else workers.choose(self._files, self._processors)

    @property
    def _files_or_processes(self) -> Source:
        return self._chosen[0]

    @property
    def _threads(self) -> int:
        return self._chosen[1]

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, thread_name_prefix="images")
