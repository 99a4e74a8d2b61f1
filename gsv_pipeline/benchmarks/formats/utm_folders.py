"""Folders of VPR-datasets-downloader: `images/<split>/database` and `queries`, coordinates in the file names."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from gsv_pipeline.benchmarks.data import BenchmarkData
from gsv_pipeline.benchmarks.formats.sides import DATABASE_NAMES, image_names, metres_of, side_table
from gsv_pipeline.benchmarks.ground_truth import Float, Names, Positives, positives_in_window
from gsv_pipeline.benchmarks.plane import check_tells_apart, positives_in_plane
from gsv_pipeline.benchmarks.rows import POSITIVE_RADIUS_M
from gsv_pipeline.errors import DataError


def find(
    root: Path,
    lists: Path | None,
    *,
    split: str,
    queries: str = "queries",
    inside: Sequence[str] = (),
    frame_window: int | None = None,
    condition: str = "",
    made_up_metres: bool = False,
) -> BenchmarkData | None:
    """Both sides with the positives within 25 m, or those in the window of frames.

    Args:
        root: Folder of the data set.
        lists: Unused: the names say everything.
        split: `val` or `test`.
        queries: Name of the folder of queries.
        inside: Folders below `root` that may hold the data set.
        frame_window: Frames that a positive may be away; None counts metres.
        condition: Of the queries.
        made_up_metres: The coordinates say which images belong together and not where they are: none is kept.

    Returns:
        None where there are no such folders.

    Raises:
        DataError: A name without coordinates, or degrees where metres are expected.
    """
    found = _folders(root, split=split, queries=queries, inside=inside)
    if found is None:
        return None
    names = {side: image_names(folder) for side, folder in found.items()}
    metres = {side: metres_of(names[side], folder=folder, side=side) for side, folder in found.items()}
    where = {side: folder.relative_to(root).as_posix() for side, folder in found.items()}
    tables = {
        side: side_table(names[side], inside=where[side], condition=condition if side == "queries" else "")
        for side in ("database", "queries")
    }
    if made_up_metres:
        tables = {side: _without_positions(table) for side, table in tables.items()}
    positives = _positives(metres["queries"], metres["database"], names=names, frame_window=frame_window)
    return BenchmarkData(tables["database"], tables["queries"], positives)


def _folders(root: Path, *, split: str, queries: str, inside: Sequence[str]) -> dict[str, Path] | None:
    starts = [root, *(root / name for name in inside)]
    for folder in (start / middle for start in starts for middle in (f"images/{split}", split)):
        sides = [folder / name for name in DATABASE_NAMES if (folder / name).is_dir()]
        if sides and (folder / queries).is_dir():
            return {"database": sides[0], "queries": folder / queries}
    return None


def _without_positions(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns=["east", "north"], errors="ignore").assign(lat=np.nan, lon=np.nan)


def _positives(queries: Float, database: Float, *, names: Names, frame_window: int | None) -> Positives:
    if frame_window is None:
        found = positives_in_plane(queries, database, POSITIVE_RADIUS_M, names=names)
        check_tells_apart(found, queries, database, radius_m=POSITIVE_RADIUS_M)
        return found
    if len(queries) != len(database):
        raise DataError(
            f"Found {len(database):,} frames of one journey, {len(queries):,} of the other, expected as many of each."
        )
    # Frames stand along a line: their order on it is their number.
    frames = [np.argsort(np.argsort(_along(side), kind="stable"), kind="stable") for side in (queries, database)]
    return positives_in_window(frames[0], frames[1], frame_window)


def _along(metres: Float) -> Float:
    return metres[:, int(np.argmax(np.ptp(metres, axis=0)))]
