"""Any two folders of images: positives from names, a list, folders of one name, or the order."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from gsv_pipeline.benchmarks.data import BenchmarkData
from gsv_pipeline.benchmarks.formats.arrays import read_positives
from gsv_pipeline.benchmarks.formats.sides import side_table
from gsv_pipeline.benchmarks.ground_truth import (
    Positives,
    exact_pairs,
    positives_by_label,
    positives_in_window,
)
from gsv_pipeline.benchmarks.own import BY_FOLDER, BY_ORDER, NAMES
from gsv_pipeline.benchmarks.photographs import positives_from_csv, positives_from_names, unclear_names
from gsv_pipeline.benchmarks.plane import check_tells_apart
from gsv_pipeline.errors import DataError
from gsv_pipeline.images import list_images


def load(
    root: Path, *, database: str, queries: str, positives: str, radius_m: float, frame_window: int | None
) -> BenchmarkData:
    """Both folders in the natural order of their names.

    Args:
        root: What image ids are relative to: a folder that holds both.
        database: Folder.
        queries: Folder.
        positives: One of WAYS, or a file: a CSV of pairs, or an `.npy` of rows.
        radius_m: For coordinates in names.
        frame_window: Images that a positive may be away in the order of names.

    Raises:
        DataError: A folder without images, a query that is a database image too, or positives that cannot be found.
    """
    folders = {"database": Path(database), "queries": Path(queries)}
    paths = {side: list_images(folder) for side, folder in folders.items()}
    _refuse_shared(folders, paths)
    names = {side: [path.relative_to(folders[side]).as_posix() for path in found] for side, found in paths.items()}
    inside = {side: folder.relative_to(root).as_posix() for side, folder in folders.items()}
    tables = {
        side: side_table(listed, inside="" if inside[side] == "." else inside[side]) for side, listed in names.items()
    }
    if frame_window is not None:
        rows = _in_window(len(names["queries"]), len(names["database"]), window=frame_window)
    else:
        rows = _positives(positives, paths, names, radius_m=radius_m)
        if positives == NAMES:
            _refuse_one_place(rows, tables, radius_m=radius_m)
    return BenchmarkData(tables["database"], tables["queries"], rows)


def _refuse_shared(folders: dict[str, Path], paths: dict[str, list[Path]]) -> None:
    """One folder inside the other, or links: a query that is in the database finds itself, and recall says nothing."""
    database = set(map(os.path.realpath, paths["database"]))
    shared = [path for path in paths["queries"] if os.path.realpath(path) in database]
    if shared:
        raise DataError(
            f"{len(shared):,} of {len(paths['queries']):,} queries are images of the database too, {shared[0]} for "
            f"one: each would find itself. Expected two folders without a common file, found {folders['database']} and "
            f"{folders['queries']}. Move the queries out of the database, or name other folders."
        )


def _positives(way: str, paths: dict[str, list[Path]], names: dict[str, list[str]], *, radius_m: float) -> Positives:
    if way == NAMES:
        return _from_names(paths["queries"], paths["database"], radius_m=radius_m)
    if way == BY_ORDER:
        return exact_pairs(len(names["queries"]), len(names["database"]))
    if way == BY_FOLDER:
        return positives_by_label(
            *([name.rpartition("/")[0] for name in names[side]] for side in ("queries", "database"))
        )
    file = Path(way)
    if file.suffix.lower() == ".npy":
        return read_positives(file, num_queries=len(names["queries"]), num_database=len(names["database"]))
    return positives_from_csv(file, queries=names["queries"], database=names["database"])


def _refuse_one_place(positives: Positives, tables: dict[str, pd.DataFrame], *, radius_m: float) -> None:
    if all({"east", "north"} <= set(table.columns) for table in tables.values()):
        metres = {side: table[["east", "north"]].to_numpy(np.float64) for side, table in tables.items()}
        check_tells_apart(positives, metres["queries"], metres["database"], radius_m=radius_m)


def _from_names(queries: Sequence[Path], database: Sequence[Path], *, radius_m: float) -> Positives:
    found = positives_from_names(queries, database, radius_m)
    if found is None:
        raise DataError(
            "Not every name holds coordinates of one kind, so nothing says which images are correct. "
            f"{unclear_names(queries, database)}. Name all of them "
            "@UTM_east@UTM_north@...@.jpg, or give 'positives' in the YAML: a CSV with the columns query,database, an "
            ".npy of database rows, 'folders' or 'order'."
        )
    return found


def _in_window(num_queries: int, num_database: int, *, window: int) -> Positives:
    exact_pairs(num_queries, num_database)  # for its refusal: frames of equal journeys
    return positives_in_window(np.arange(num_queries), np.arange(num_database), window)
