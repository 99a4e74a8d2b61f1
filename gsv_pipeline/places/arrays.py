"""Half a million image paths on disk, read one at a time: no process ever holds them.

Beside a table of places stand `offsets.npy` (where each place's images begin), `cities.npy` (each place's city),
`paths.bin` (every relative path as UTF-8, one after the other) and `paths.npy` (where each begins).
"""

import os
import struct
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, overload

import numpy as np
import numpy.typing as npt

from gsv_pipeline.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Ints = npt.NDArray[np.int64]

OFFSETS_FILE: Final = "offsets.npy"
CITIES_FILE: Final = "cities.npy"
TEXT_FILE: Final = "paths.bin"
STARTS_FILE: Final = "paths.npy"
_START_AND_END: Final = struct.Struct("=2q")


def save_arrays(folder: Path, table: "pd.DataFrame") -> None:
    """Write what `open_arrays` opens.

    Args:
        folder: Where the table is written, too.
        table: Columns `label` (dense from 0, sorted), `city` and `image_id`, as `select_places` leaves them.
    """
    labels = table["label"].to_numpy(np.int64)
    firsts = np.flatnonzero(np.diff(labels, prepend=-1))
    _, cities = np.unique(table["city"].take(firsts).to_numpy(dtype=str), return_inverse=True)
    texts = [image_id.encode() for image_id in table["image_id"]]
    np.save(folder / OFFSETS_FILE, np.append(firsts, len(labels)).astype(np.int64))
    np.save(folder / CITIES_FILE, cities.astype(np.int64))
    np.save(folder / STARTS_FILE, np.cumsum([0, *map(len, texts)], dtype=np.int64))
    (folder / TEXT_FILE).write_bytes(b"".join(texts))


def open_arrays(folder: Path, *, image_root: Path) -> tuple["ImagePaths", Ints, Ints]:
    """Paths, [places + 1] offsets and [places] cities, mapped into memory: nothing is read before it is asked for.

    Raises:
        DataError: A file is missing or damaged, or they do not belong together.
    """
    paths = ImagePaths(folder, image_root)
    offsets, cities = open_array(folder / OFFSETS_FILE), open_array(folder / CITIES_FILE)
    ends_fit = offsets[0] == 0 and offsets[-1] == len(paths)
    if len(cities) != len(offsets) - 1 or not ends_fit or not (np.diff(offsets) > 0).all():
        raise DataError(
            f"{folder / OFFSETS_FILE}: expected the beginnings of {len(cities)} places in {len(paths)} images, found "
            f"{len(offsets)} numbers that do not fit. {_again(folder)}"
        )
    return paths, offsets, cities


def open_array(path: Path) -> Ints:
    """Map a row of whole numbers into memory.

    Raises:
        DataError: Missing, damaged or of another kind.
    """
    try:
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} is not readable ({error}). {_again(path.parent)}") from error
    expected = array.nbytes + getattr(array, "offset", 0)  # what follows the header, and the header
    if array.dtype != np.int64 or array.ndim != 1 or not len(array) or path.stat().st_size != expected:
        raise DataError(
            f"{path}: expected a row of whole numbers in {expected} bytes, found {array.dtype} {array.shape} in "
            f"{path.stat().st_size}. {_again(path.parent)}"
        )
    return np.asarray(array)  # a plain array over the same memory: its elements are read ten times as fast


class ImagePaths(Sequence[Path]):
    """N image files as a sequence of paths, each made when it is asked for.

    Texts and where they begin are read from open files and not mapped, so that they never count as memory of a process.
    The position is an argument of each read, so threads and forked processes share the files; pickled, they are opened
    again.

    Args:
        folder: Where `save_arrays` wrote.
        image_root: What the paths are relative to.

    Raises:
        DataError: A file is missing or damaged.
    """

    __slots__ = ("__weakref__", "_first", "_folder", "_length", "_root", "_starts", "_texts", "image_root")

    def __init__(self, folder: Path, image_root: Path) -> None:
        self.image_root = image_root
        self._folder = folder
        self._root = str(image_root)
        starts = open_array(folder / STARTS_FILE)
        self._length = len(starts) - 1
        self._starts, self._texts = self._open(STARTS_FILE), self._open(TEXT_FILE)
        self._first = os.fstat(self._starts).st_size - starts.nbytes  # what comes before is the header
        size = os.fstat(self._texts).st_size
        if starts[0] != 0 or starts[-1] != size:
            raise DataError(f"{folder / TEXT_FILE} has {size} bytes, expected {starts[-1]}. {_again(folder)}")

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Path: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Path, ...]: ...

    def __getitem__(self, index: int | slice) -> Path | tuple[Path, ...]:
        rows = range(self._length)[index]
        return self._path(rows) if isinstance(rows, int) else tuple(self._path(row) for row in rows)

    def __reduce__(self) -> tuple[type["ImagePaths"], tuple[Path, Path]]:
        return ImagePaths, (self._folder, self.image_root)

    def text(self, row: int) -> str:
        """Row's path relative to the root, as in the table's `image_id`.

        Args:
            row: From 0 to N - 1.

        Raises:
            DataError: What stands there is no text.
        """
        try:
            start, end = _START_AND_END.unpack(os.pread(self._starts, 16, self._first + 8 * row))
            return os.pread(self._texts, end - start, start).decode()
        except (OSError, OverflowError, ValueError, struct.error) as error:
            raise DataError(
                f"{self._folder / TEXT_FILE}, path {row}, is damaged ({error}). {_again(self._folder)}"
            ) from error

    def _path(self, row: int) -> Path:
        return Path(f"{self._root}/{self.text(row)}")

    def _open(self, name: str) -> int:
        try:
            file = os.open(self._folder / name, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise DataError(
                f"{self._folder / name} is not readable ({error.strerror}). {_again(self._folder)}"
            ) from error
        weakref.finalize(self, os.close, file)
        return file


def _again(folder: Path) -> str:
    return f"Make the places again: gsv-pipeline places {folder.name} --force"
