"""The places of an experiment as arrays: image paths in label order and where each place begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gsv_pipeline.places.arrays import open_arrays

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Places:
    """Places as arrays.

    Args:
        paths: N image files, sorted by label.
        offsets: [places + 1] where each place's images begin; label l owns rows offsets[l] to offsets[l + 1].
        cities: [places] code of each place's city.
    """

    paths: Sequence[Path]
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
    """Open the places whose table is `table_path`, from the arrays that `save_arrays` wrote beside it.

    The table itself is not read: half a million rows are there at once, and a forked process shares them.

    Raises:
        DataError: An array is missing or damaged.
    """
    return Places(*open_arrays(table_path.parent, image_root=image_root))
