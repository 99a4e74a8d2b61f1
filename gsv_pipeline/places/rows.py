"""The images that are still in when a clause of the filter looks at them, and what a clause is."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a catalog.

    Args:
        catalog: N images.
        places: [N] rank of each image's place among the sorted place ids of the catalog.
        index: [n] the rows that are left.
        seed: Of whatever is drawn.
    """

    catalog: pd.DataFrame
    places: Ints
    index: Ints
    seed: int

    def __len__(self) -> int:
        return len(self.index)

    def column(self, name: str) -> npt.NDArray[Any]:
        """[n] the values of a column of numbers."""
        values: npt.NDArray[Any] = self.catalog[name].to_numpy()
        return values[self.index]

    def is_in(self, column: str, values: set[str]) -> Mask:
        """[n] whether a column of text holds one of `values`."""
        return self.catalog[column].isin(values).to_numpy(dtype=np.bool_)[self.index]

    @property
    def place(self) -> Ints:
        """[n] rank of each image's place."""
        return self.places[self.index]

    @property
    def sizes(self) -> Ints:
        """[n] how many images the place of each image has left."""
        place = self.place
        return np.bincount(place)[place] if len(place) else place

    @property
    def num_places(self) -> int:
        """Places with an image left."""
        return int(np.count_nonzero(np.bincount(self.place)))

    def where(self, mask: Mask) -> "Rows":
        """Those of the rows for which `mask` is true."""
        return replace(self, index=self.index[mask])


@dataclass(frozen=True, slots=True)
class Condition:
    """One clause of a filter, ready to be applied.

    Args:
        setting: Its key below `places:` in an experiment.
        name: The sentence that a person reads.
        keep: Rows -> [n] which of them stay.
        there: Rows -> what they have, in a sentence, for when none of them stays.
    """

    setting: str
    name: str
    keep: Callable[[Rows], Mask]
    there: Callable[[Rows], str]


def span(values: npt.NDArray[Any], unit: str = "") -> str:
    """`2007 to 2021`, or the one value that there is."""
    known = values[~np.isnan(values)]
    if not len(known):
        return "unknown"
    first, last = (f"{value:.6g}{unit}" for value in (known.min(), known.max()))
    return first if first == last else f"{first} to {last}"


def listing(words: list[str]) -> str:
    """`north`, `north and west`, `June, July and August`."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
