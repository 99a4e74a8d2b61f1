"""`.npy` files of other people: names, numbers and ragged lists, with nothing in them that could run."""

import pickle
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt
from numpy._core.multiarray import _reconstruct, scalar  # what pickles of arrays name
from numpy._core.numeric import _frombuffer  # type: ignore[attr-defined]

from gsv_pipeline.benchmarks.ground_truth import Ints, Positives
from gsv_pipeline.errors import DataError


def _latin1(text: str, encoding: str) -> bytes:
    """Bytes, as the pickles of NumPy before 1.16 spell them; in place of a function that takes any codec."""
    if encoding != "latin1":
        raise ValueError(f"bytes in the encoding {encoding}")
    return text.encode("latin1")


_TRUSTED: Final = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _latin1,
    # NumPy 2 renamed the modules of what builds an array or a number; files name either.
    **{
        (f"numpy.{core}.{module}", builder.__name__): builder
        for core in ("core", "_core")
        for module, builder in (("multiarray", _reconstruct), ("multiarray", scalar), ("numeric", _frombuffer))
    },
}
_BROKEN: Final = (
    OSError, EOFError, ValueError, TypeError, AttributeError, LookupError, MemoryError, OverflowError, RecursionError,
    UnicodeDecodeError, pickle.UnpicklingError,
)  # fmt: skip
"""What NumPy and pickle raise for files that are cut short or damaged, by chance or on purpose."""


class _ForeignError(Exception):
    """A pickle asks for something else than NumPy's own types."""


class _NumpyUnpickler(pickle.Unpickler):
    """Admits arrays, their types and numbers; an object array is a pickle, which could otherwise run any program."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _TRUSTED:
            raise _ForeignError(f"{module}.{name}")
        return _TRUSTED[module, name]


def read_array(path: Path) -> npt.NDArray[Any]:
    """An array from an `.npy` file, one of objects too, as long as these are NumPy's own.

    Raises:
        DataError: No `.npy` file, one that is damaged, or a pickle that holds anything but NumPy's own types.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except _ForeignError as error:
        raise DataError(
            f"{path} is a pickle that holds {error}, which is no NumPy data: reading it could run a program. Only "
            "arrays and numbers are read; write the list anew with numpy.save."
        ) from error
    except _BROKEN as error:
        raise DataError(f"{path} is not readable as an .npy file ({error}). Get it again.") from error


def _read(file: BinaryIO) -> npt.NDArray[Any]:
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if not dtype.hasobject:
        file.seek(0)
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))
    found = _NumpyUnpickler(file).load()
    if not isinstance(found, np.ndarray) or found.shape != shape:
        raise ValueError(f"its header promises an array of shape {shape}, and something else follows")
    return found


def read_names(path: Path) -> list[str]:
    """A list of file names.

    Raises:
        DataError: As `read_array`; or something else than a list of names; or a name that leads out of its folder.
    """
    array = read_array(path)
    names = [item.decode("utf-8", "replace") if isinstance(item, bytes) else item for item in array.ravel().tolist()]
    if array.ndim != 1 or not all(isinstance(name, str) and name for name in names):
        raise DataError(f"{path} holds an array of {array.dtype} and shape {array.shape}, expected a list of names.")
    for name in names:
        if name.startswith(("/", "\\")) or ".." in Path(name).parts:
            raise DataError(f"{path} names {name!r}, which leads out of the folder of images.")
    return names


def read_rows(path: Path) -> Ints:
    """A list of row numbers.

    Raises:
        DataError: As `read_array`; or something else than whole numbers.
    """
    array = read_array(path)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise DataError(f"{path} holds an array of {array.dtype} and shape {array.shape}, expected whole numbers.")
    return array.astype(np.int64)


def read_positives(path: Path, *, num_queries: int, num_database: int) -> Positives:
    """Database rows of each query: `[Q, k]` whole numbers, Q lists, or VPR-Bench's `[query, [rows]]`.

    Args:
        path: The file.
        num_queries: How many lists it must hold.
        num_database: Rows are below this.

    Raises:
        DataError: As `read_array`; another number of lists, something else than whole numbers, or rows outside.
    """
    array = read_array(path)
    if array.ndim == 0 or len(array) != num_queries:
        found = len(array) if array.ndim else 0
        raise DataError(
            f"{path} holds the positives of {found:,} queries, but there are {num_queries:,} queries. The lists are "
            "not of one release: take all of them from the same place."
        )
    positives = [_whole_numbers(rows, path, query) for query, rows in enumerate(_by_query(array, path))]
    for query, rows in enumerate(positives):
        if len(rows) and not 0 <= rows[0] <= rows[-1] < num_database:
            wrong = rows[0] if rows[0] < 0 else rows[-1]
            raise DataError(
                f"{path}: the positives of query {query} name database row {wrong:,}, but there are {num_database:,} "
                "database images. The lists are not of one release."
            )
    return positives


def _by_query(array: npt.NDArray[Any], path: Path) -> list[Any]:
    """Rows in the order of the queries; VPR-Bench writes the number of the query before its rows."""
    is_numbered = array.dtype.hasobject and array.shape[1:] == (2,) and all(np.ndim(rows) for rows in array[:, 1])
    if not is_numbered:
        return list(array)
    numbers = [int(query) for query in array[:, 0]]
    if sorted(numbers) != list(range(len(numbers))):
        raise DataError(f"{path}: queries are numbered otherwise than from 0 to {len(numbers) - 1}.")
    rows_of = dict(zip(numbers, array[:, 1], strict=True))
    return [rows_of[query] for query in range(len(numbers))]


def _whole_numbers(rows: Any, path: Path, query: int) -> Ints:
    try:
        found = np.atleast_1d(np.asarray(rows))
    except ValueError:  # lists of unequal lengths
        found = np.empty((0, 0))
    if found.ndim != 1 or (found.size and found.dtype.kind not in "iu"):
        raise DataError(f"{path}: the positives of query {query} are {str(rows)[:60]}, expected whole numbers.")
    return np.unique(found.astype(np.int64))
