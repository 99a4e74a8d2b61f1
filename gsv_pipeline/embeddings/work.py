"""Descriptors under way: a `.npy` that fills up in place, and notes beside it of what is done.

Processes that share the work write to the same file, each its own rows, and note what they did in a file of their
own. Nothing of it needs memory, and a killed process loses what it did since its last note.
"""

import io
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gsv_pipeline.embeddings.shards import Shard
from gsv_pipeline.errors import DataError
from gsv_pipeline.manifest import read_json, write_json

NOTE_EVERY_S: Final = 1.0
"""How much work a killed process may lose; a note waits until the disk has the rows."""

_DTYPE: Final = np.dtype("<f4")

Float = npt.NDArray[np.float32]


class Extraction:
    """One side's descriptors, as far as they are made.

    Args:
        folder: Of this extraction alone; made if missing, and found again after an interruption.
        name: Of the side: `database` is written to `database.npy`.
        rows: N images.
        batch_size: Images at once. The first process that comes decides: whole batches must stay whole.
        shard: Which process this is.

    Attributes:
        path: The `.npy`.
        batch_size: The one that was agreed on.

    Raises:
        DataError: The notes in the folder are of other images, or damaged.
    """

    def __init__(self, folder: Path, name: str, *, rows: int, batch_size: int, shard: Shard) -> None:
        self.path = folder / f"{name}.npy"
        self.rows = rows
        self.shard = shard
        self._notes = f"{name}.rank*.json"
        self._note = folder / f"{name}.rank{shard.rank}of{shard.size}.json"
        folder.mkdir(parents=True, exist_ok=True)
        self.batch_size = _agreed(folder / f"{name}.plan.json", {"rows": rows, "batch_size": batch_size})
        found = read_json(self._note) if self._note.is_file() else {"done": [], "broken": {}}
        self._done: list[list[int]] = found["done"]  # [start, stop) of the rows that this process wrote
        self._broken: dict[str, str] = found["broken"]
        self._file: _RowFile | None = None
        self._noted_at = time.monotonic()

    @property
    def share(self) -> range:
        """Rows that are this process's to describe, those that are done included."""
        batches = self.shard.share(-(-self.rows // self.batch_size))
        return range(batches.start * self.batch_size, min(batches.stop * self.batch_size, self.rows))

    def pending(self) -> list[range]:
        """Rows of the batches in this process's share that nobody has described, in order."""
        starts = range(self.share.start, self.share.stop, self.batch_size)
        done = self._done_everywhere()
        return [range(start, min(start + self.batch_size, self.rows)) for start in starts if not done[start]]

    @property
    def done_rows(self) -> int:
        """How many rows all processes have written."""
        return int(self._done_everywhere().sum())

    @property
    def broken(self) -> dict[int, str]:
        """Rows of all processes whose image could not be read -> what was wrong; their descriptors are zero."""
        notes = [*(note["broken"] for note in self._all_notes()), self._broken]
        return dict(sorted((int(row), text) for row, text in {k: v for note in notes for k, v in note.items()}.items()))

    def write(self, batch: range, descriptors: Float, problems: Mapping[int, str]) -> None:
        """Put a batch's descriptors in their place.

        Args:
            batch: Its rows.
            descriptors: [len(batch), D]; zeros where the image is broken.
            problems: Broken rows -> what is wrong.
        """
        if self._file is None:
            self._file = _RowFile(self.path, rows=self.rows, size=descriptors.shape[1])
        self._file.write(batch.start, descriptors)
        if self._done and self._done[-1][1] == batch.start:
            self._done[-1][1] = batch.stop
        else:
            self._done.append([batch.start, batch.stop])
        self._broken.update({str(row): text for row, text in problems.items()})
        if time.monotonic() - self._noted_at >= NOTE_EVERY_S:
            self._write_note()

    def close(self) -> None:
        """Note what is done and let go of the file."""
        if self._file is not None:
            self._write_note()
            self._file.close()
            self._file = None

    def _write_note(self) -> None:
        assert self._file is not None  # only called after a write
        self._file.flush()
        write_json(self._note, {"done": self._done, "broken": self._broken})
        self._noted_at = time.monotonic()

    def _all_notes(self) -> list[dict[str, Any]]:
        return [read_json(path) for path in sorted(self._note.parent.glob(self._notes))]

    def _done_everywhere(self) -> npt.NDArray[np.bool_]:
        done = np.zeros(self.rows, dtype=np.bool_)
        for spans in (*(note["done"] for note in self._all_notes()), self._done):
            for start, stop in spans:
                done[start:stop] = True
        return done


class _RowFile:
    """A `.npy` of a known size whose rows are written in any order, by several processes at once."""

    def __init__(self, path: Path, *, rows: int, size: int) -> None:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": _DTYPE.str, "fortran_order": False, "shape": (rows, size)}
        )
        self._start, self._row_bytes = len(header.getvalue()), size * _DTYPE.itemsize
        # Every process writes the same header and sets the same length, so it does not matter who is first.
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        os.pwrite(self._file, header.getvalue(), 0)
        os.ftruncate(self._file, self._start + rows * self._row_bytes)

    def write(self, row: int, descriptors: Float) -> None:
        # Not through a memory map: two machines that share a page of one would overwrite each other's half.
        data = memoryview(np.ascontiguousarray(descriptors, dtype=_DTYPE).tobytes())
        position = self._start + row * self._row_bytes
        while data:
            written = os.pwrite(self._file, data, position)
            data, position = data[written:], position + written

    def flush(self) -> None:
        os.fsync(self._file)

    def close(self) -> None:
        os.close(self._file)


def _agreed(path: Path, plan: Mapping[str, int]) -> int:
    """The batch size of whoever came first."""
    ours = path.with_name(f".{path.name}.{os.uname().nodename}.{os.getpid()}")
    write_json(ours, plan)
    try:
        os.link(ours, path)  # fails where a plan is, so that processes that start together agree on one
    except FileExistsError:
        ours.unlink()
    except OSError:  # a file system without links
        ours.replace(path)
    else:
        ours.unlink()
    found = read_json(path)
    if found["rows"] != plan["rows"]:
        raise DataError(
            f"{path} is about {found['rows']} images, and there are {plan['rows']}. "
            f"Remove {path.parent} and run the same command again."
        )
    return int(found["batch_size"])
