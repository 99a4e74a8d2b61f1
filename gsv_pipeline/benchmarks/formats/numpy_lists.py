"""Lists of gsv-cities: names of both sides and the positives in `.npy` files, beside the images or elsewhere."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from gsv_pipeline.benchmarks.data import BenchmarkData
from gsv_pipeline.benchmarks.formats.arrays import read_names, read_positives, read_rows
from gsv_pipeline.benchmarks.formats.sides import side_table
from gsv_pipeline.errors import DataError


def find(
    root: Path,
    lists: Path | None,
    *,
    database: str,
    queries: str,
    positives: Sequence[str] = (),
    chosen: str | None = None,
) -> BenchmarkData | None:
    """Both sides in the order of their lists.

    Args:
        root: What the names in the lists are relative to, or a folder up to two levels above it.
        lists: Folder of the lists, or one up to two levels above it; None where they are below `root`.
        database: File of the names of database images.
        queries: File of the names of queries.
        positives: Files of the database rows of each query, the first that is there; nothing where answers are hidden.
        chosen: File of the rows of `queries` that count; None where all do.

    Returns:
        None where none of the files is there.

    Raises:
        DataError: Some of the files are there and some are not, or one is not what it should be.
    """
    files = {"database": [database], "queries": [queries], "positives": positives, "chosen": [chosen] if chosen else []}
    wanted = {role: names for role, names in files.items() if names}
    found = {role: path for role, names in wanted.items() if (path := _locate(names, lists or root)) is not None}
    if not found:
        return None
    missing = [names[0] for role, names in wanted.items() if role not in found]
    if missing:
        there = ", ".join(sorted(path.name for path in found.values()))
        raise DataError(
            f"{lists or root} holds {there}, but not {', '.join(missing)}. All of them are in the folder datasets/ of "
            "https://github.com/amaralibey/gsv-cities; say where they are with lists=FOLDER."
        )
    names = {side: read_names(found[side]) for side in ("database", "queries")}
    if "chosen" in found:
        names["queries"] = _chosen(found["chosen"], names["queries"])
    inside = _inside(root, names["database"][0])
    sides = {side: side_table(listed, inside=inside) for side, listed in names.items()}
    counts = {"num_queries": len(names["queries"]), "num_database": len(names["database"])}
    rows = (
        read_positives(found["positives"], **counts)
        if "positives" in found
        else [np.empty(0, np.int64) for _ in names["queries"]]
    )
    return BenchmarkData(sides["database"], sides["queries"], rows)


def _locate(names: Sequence[str], folder: Path) -> Path | None:
    """The first of the files in `folder`, else the nearest up to two levels below it."""
    patterns = [f"{above}{name}" for above in ("", "*/", "*/*/") for name in names]
    found = (path for pattern in patterns for path in sorted(folder.glob(pattern)))
    return next(found, None)


def _chosen(path: Path, names: list[str]) -> list[str]:
    rows = read_rows(path)
    if len(rows) and not 0 <= rows.min() <= rows.max() < len(names):
        raise DataError(f"{path} names query {rows.max():,}, but there are {len(names):,} queries.")
    return [names[row] for row in rows]


def _inside(root: Path, name: str) -> str:
    """The folder up to two levels below `root` that holds `name`, relative to it; `root` itself where none does."""
    for folder in _levels(root):
        if (folder / name).is_file():
            inside = folder.relative_to(root).as_posix()
            return "" if inside == "." else inside
    return ""


def _levels(root: Path) -> Iterator[Path]:
    yield root
    for pattern in ("*/", "*/*/"):
        yield from sorted(path for path in root.glob(pattern) if path.is_dir())
