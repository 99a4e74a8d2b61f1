"""An index on disk: FAISS's file, the images that its rows stand for, and the model whose descriptors it holds."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gsv_pipeline.errors import DataError
from gsv_pipeline.index.flat import INDEX_FILE, load_index, save_index
from gsv_pipeline.manifest import read_json, write_json

RECORD_FILE: Final = "index.json"
IMAGES_FILE: Final = "images.json"

Float = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class IndexRecord:
    """What an index is of.

    Args:
        kind: Row of INDEXES.
        model: What its descriptors were made by, as `recipes.model_identity` writes it.
        dimensions: D.
        vectors: How many it holds.
        build_seconds: What it took.
    """

    kind: str
    model: str
    dimensions: int
    vectors: int
    build_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class StoredIndex:
    """An index that was read.

    Args:
        index: FAISS's.
        record: What it is of.
        images: [N] the image of each database row.
        path: Its file.
    """

    index: Any
    record: IndexRecord
    images: Sequence[str]
    path: Path

    def check_descriptors(self, queries: Float, *, model: str) -> None:
        """Refuse descriptors that mean something else than those in the index.

        Raises:
            DataError: They are of another model, or of another size.
        """
        if queries.shape[1] != self.record.dimensions:
            raise DataError(
                f"{self.path} holds descriptors of {self.record.dimensions} numbers, and these have "
                f"{queries.shape[1]}. Describe the queries with the model of the index."
            )
        if model != self.record.model:
            raise DataError(
                f"{self.path} holds descriptors of the model {self.record.model}, and these are of {model}: distances "
                "between them mean nothing. Describe the queries with the model of the index, or build it again."
            )


def write_stored(folder: Path, index: Any, record: IndexRecord, *, images: Sequence[str]) -> None:
    """Write an index with its record and the ids of its images."""
    save_index(index, folder / INDEX_FILE)
    write_json(folder / RECORD_FILE, asdict(record))
    write_json(folder / IMAGES_FILE, list(images))


def read_stored(folder: Path) -> StoredIndex:
    """Read what `write_stored` wrote, its vectors mapped from disk.

    Raises:
        DataError: A file is missing or damaged, or they are not of one index.
    """
    path = folder / INDEX_FILE
    index = load_index(path)
    values = read_json(folder / RECORD_FILE)
    try:
        record = IndexRecord(**values)
    except TypeError as error:
        raise DataError(
            f"{folder / RECORD_FILE} is no record of an index ({error}). Build it again: --force."
        ) from error
    if (index.ntotal, index.d) != (record.vectors, record.dimensions):
        raise DataError(
            f"{path} holds {index.ntotal} vectors of {index.d} numbers, and its record says {record.vectors} of "
            f"{record.dimensions}. Build it again: --force."
        )
    return StoredIndex(index, record, read_json(folder / IMAGES_FILE), path)
