"""Folders of VPR-Bench: `ref/` and `query/` with numbered images, and `ground_truth_new.npy`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from gsv_pipeline.benchmarks.data import BenchmarkData
from gsv_pipeline.benchmarks.formats.arrays import read_positives
from gsv_pipeline.benchmarks.formats.sides import image_names, side_table
from gsv_pipeline.benchmarks.ground_truth import Positives, exact_pairs, positives_in_window
from gsv_pipeline.errors import DataError

GROUND_TRUTH: Final = "ground_truth_new.npy"
_SIDES: Final = {"database": "ref", "queries": "query"}


def find(
    root: Path,
    lists: Path | None,
    *,
    names: Sequence[str] = (),
    exact_pair: bool = False,
    frames_per_query: int | None = None,
    frame_window: int = 0,
) -> BenchmarkData | None:
    """Both sides in the order of their numbers.

    Args:
        root: Folder that holds `ref/` and `query/`, or one above it.
        lists: Folder of the ground truth, where it is not beside them.
        names: Folders below `root` that may hold the data set.
        exact_pair: Without a ground truth, images of one number belong together.
        frames_per_query: Without one, query i was taken at frame i times this.
        frame_window: Then frames that a positive may be away.

    Returns:
        None where there are no such folders.

    Raises:
        DataError: A ground truth that is missing or is not what it should be.
    """
    folder = next((place for place in (root, *(root / name for name in names)) if _holds_both(place)), None)
    if folder is None:
        return None
    listed = {side: sorted(image_names(folder / name), key=_number) for side, name in _SIDES.items()}
    num_queries, num_database = len(listed["queries"]), len(listed["database"])
    truth = _ground_truth(folder, lists)
    if truth is not None:
        positives = read_positives(truth, num_queries=num_queries, num_database=num_database)
    elif exact_pair:
        positives = exact_pairs(num_queries, num_database)
    elif frames_per_query is not None:
        positives = _in_window(num_queries, num_database, step=frames_per_query, window=frame_window)
    else:
        raise DataError(
            f"{folder} holds ref/ and query/, but not {GROUND_TRUTH}. It is part of VPR-Bench; put it beside them, or "
            "say where it is with lists=FOLDER."
        )
    where = folder.relative_to(root).as_posix()
    inside = {side: name if where == "." else f"{where}/{name}" for side, name in _SIDES.items()}
    tables = {side: side_table(listed[side], inside=inside[side]) for side in _SIDES}
    return BenchmarkData(tables["database"], tables["queries"], positives)


def _holds_both(folder: Path) -> bool:
    return all((folder / name).is_dir() for name in _SIDES.values())


def _ground_truth(folder: Path, lists: Path | None) -> Path | None:
    places = [folder, *([lists] if lists is not None else [])]
    return next((place / GROUND_TRUTH for place in places if (place / GROUND_TRUTH).is_file()), None)


def _number(name: str) -> tuple[int, str]:
    stem = name.rpartition("/")[2].rpartition(".")[0]
    return (int(stem) if stem.isdecimal() else 0), name


def _in_window(num_queries: int, num_database: int, *, step: int, window: int) -> Positives:
    frames = np.arange(num_queries, dtype=np.int64) * step
    return positives_in_window(frames, np.arange(num_database, dtype=np.int64), window)
