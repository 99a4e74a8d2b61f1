"""The places of an experiment as arrays: image paths in label order and where each place begins."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gsv_pipeline.catalog.tables import read_table

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Places:
    """Places as arrays.

    Args:
        paths: N image files, sorted by label.
        offsets: [places + 1] where each place's images begin; label l owns rows offsets[l] to offsets[l + 1].
        cities: [places] code of each place's city.
    """

    paths: tuple[Path, ...]
    offsets: Ints
    cities: Ints

    @property
    def num_places(self) -> int:
        """How many places there are."""
        return len(self.offsets) - 1

    @property
    def counts(self) -> Ints:
        """[places] images of each place."""
        return np.diff(self.offsets)


def load_places(table_path: Path, *, image_root: Path) -> Places:
    """Read the table that `select_places` made; labels must be dense and sorted, as that function leaves them."""
    table = read_table(table_path, ["label", "city", "image_id"])
    labels = table["label"].to_numpy(np.int64)
    starts = np.flatnonzero(np.diff(labels, prepend=-1))
    offsets = np.append(starts, len(labels)).astype(np.int64)
    _, cities = np.unique(table["city"].to_numpy(dtype=str)[starts], return_inverse=True)
    paths = tuple(image_root / image_id for image_id in table["image_id"])
    return Places(paths, offsets, cities.astype(np.int64))
