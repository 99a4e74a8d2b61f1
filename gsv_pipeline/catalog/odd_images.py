"""Images that stand out among the others: in size, or by being the same as another."""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from gsv_pipeline.catalog.decode import whole_hash
from gsv_pipeline.catalog.headers import COVERED_BYTES

SMALLEST_SIDE: Final = 32
LONGEST_ASPECT: Final = 4.0
ODD_FACTOR: Final = 3.0
_RARE: Final = 0.01
"""Share of the images below which a size is rare: a second camera takes more than one photograph in a hundred."""


def odd_sizes(table: pd.DataFrame) -> list[str]:
    """Images that are tiny, or far smaller, larger or longer than the others while few are like them.

    Args:
        table: image_id, width, height; images that were not opened have the width 0.
    """
    opened = table[table["width"] > 0]
    if opened.empty:
        return []
    sides = opened[["width", "height"]].to_numpy(np.float64)
    sides = np.sort(sides, axis=1)  # portrait or landscape is no matter
    short, long = sides.T
    scale, aspect = np.sqrt(short * long), long / short
    is_odd = short < SMALLEST_SIDE
    for value, factor, least in ((scale, ODD_FACTOR, 0.0), (aspect, 2.0, LONGEST_ASPECT)):
        is_odd |= _rare(value) & (value > least) & _far_from_median(value, factor)
    found = opened[is_odd]
    return [
        f"{name} ({w} × {h})" for name, w, h in zip(found["image_id"], found["width"], found["height"], strict=True)
    ]


def same_images(table: pd.DataFrame, *, root: Path) -> list[str]:
    """Images whose bytes are those of an earlier one.

    Args:
        table: image_id, bytes, content and width; images that were not opened have the width 0.
        root: What image ids are relative to. Files with equal tokens are read to see whether they differ in the middle.
    """
    told = (table["width"] > 0) & (table["content"] != "")
    opened = table.loc[told, ["image_id", "content", "bytes"]]
    alike = opened[opened["content"].duplicated(keep=False)]
    first: dict[tuple[str, str], str] = {}
    found = []
    for image_id, content, size in alike.itertuples(index=False):
        whole = "" if size <= COVERED_BYTES else _whole(root / image_id)
        earlier = first.setdefault((content, whole), image_id)
        if earlier != image_id:
            found.append(f"{image_id} is {earlier}")
    return found


def _whole(path: Path) -> str:
    try:
        return whole_hash(path.read_bytes())
    except OSError:  # gone since it was looked at: it is like no other
        return str(path)


def _rare(value: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Whether an image is alone, or one of a few in a hundred, in its class: classes are powers of two apart."""
    classes = np.round(np.log2(value)).astype(np.int64)
    classes -= classes.min()
    counts = np.bincount(classes)[classes]
    return np.asarray(counts <= max(1.0, _RARE * len(value)), dtype=bool)


def _far_from_median(value: npt.NDArray[np.float64], factor: float) -> npt.NDArray[np.bool_]:
    ratio = value / np.median(value)
    return (ratio > factor) | (ratio < 1 / factor)
