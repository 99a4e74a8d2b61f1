"""Descriptors without learning: what any trained model has to beat."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from gsv_pipeline.errors import DataError
from gsv_pipeline.images import open_image
from gsv_pipeline.tracking import Tracker

HISTOGRAM_BINS: Final = 8  # per channel
THUMBNAIL_SIZE: Final = (16, 12)  # width, height

Float = npt.NDArray[np.float32]


def colour_histogram(path: Path) -> Float:
    """[512] joint RGB histogram of 8×8×8 bins, square root, unit norm: the cosine is Bhattacharyya's coefficient."""
    pixels = np.asarray(open_image(path), dtype=np.int64).reshape(-1, 3) * HISTOGRAM_BINS // 256  # [H*W, 3]
    codes = (pixels[:, 0] * HISTOGRAM_BINS + pixels[:, 1]) * HISTOGRAM_BINS + pixels[:, 2]
    counts = np.bincount(codes, minlength=HISTOGRAM_BINS**3)
    return _unit(np.sqrt(counts))


def thumbnail(path: Path) -> Float:
    """[192] grey values of a 16×12 thumbnail, mean removed, unit norm (the cosine is then the correlation)."""
    grey = np.asarray(open_image(path).convert("L").resize(THUMBNAIL_SIZE), dtype=np.float64).reshape(-1)
    return _unit(grey - grey.mean())


BASELINES: Final[Mapping[str, Callable[[Path], Float]]] = {"colour_histogram": colour_histogram, "thumbnail": thumbnail}


def describe_by(
    baseline: str, paths: Sequence[Path], *, tracker: Tracker, skip_broken: bool = False
) -> tuple[Float, list[int]]:
    """Descriptors by a row of BASELINES.

    Args:
        baseline: Its name.
        paths: N image files.
        tracker: Shows a bar.
        skip_broken: Go on over images that cannot be read.

    Returns:
        [N, D] float32, and the rows of images that could not be read: those are zero.

    Raises:
        DataError: An image that cannot be read, unless they are skipped.
    """
    function = partial(_or_nothing, BASELINES[baseline]) if skip_broken else BASELINES[baseline]
    with ThreadPoolExecutor() as pool, tracker.progress(f"Baseline {baseline}", total=len(paths)) as bar:
        rows = []
        for row in pool.map(function, paths):
            rows.append(row)
            bar.advance()
    broken = [number for number, row in enumerate(rows) if row is None]
    sizes = {row.shape for row in rows if row is not None}
    if not sizes:
        raise DataError(f"None of {len(paths)} images can be read, {paths[0]} for one.")
    nothing = np.zeros(sizes.pop(), dtype=np.float32)
    return np.stack([nothing if row is None else row for row in rows]), broken


def _or_nothing(function: Callable[[Path], Float], path: Path) -> Float | None:
    try:
        return function(path)
    except DataError:
        return None


def _unit(vector: npt.NDArray[np.float64]) -> Float:
    return (vector / max(float(np.linalg.norm(vector)), 1e-12)).astype(np.float32)
