"""Where the images of a benchmark lie, whether they are there, and when they are others than they were."""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gsv_pipeline.benchmarks import CATALOG, FOLDERS, BenchmarkRow
from gsv_pipeline.layout import MANIFEST, Layout
from gsv_pipeline.sources.location import image_root, listing_of, read_location
from gsv_pipeline.sources.published import read_listing

if TYPE_CHECKING:
    from gsv_pipeline.benchmarks.data import BenchmarkData

_LISTS: Final = (".csv", ".npy", ".txt")


def root_of(layout: Layout, row: BenchmarkRow) -> Path:
    """The folder that image ids are relative to.

    Raises:
        DataError: The folder is gone.
    """
    if row.takes == FOLDERS:
        return Path(os.path.commonpath([row.arguments["database"], row.arguments["queries"]]))
    return image_root(layout.dataset(row.dataset))


def lists_of(layout: Layout, row: BenchmarkRow) -> Path | None:
    """Folder of published lists, where `fetch` was told one."""
    lists = read_location(layout.dataset(row.dataset)).arguments.get("lists")
    return Path(lists) if lists else None


def paths_of(layout: Layout, row: BenchmarkRow, data: "BenchmarkData") -> dict[str, list[Path]]:
    """Image files of both sides, in order.

    Raises:
        DataError: The folder is gone.
    """
    root = root_of(layout, row)
    return {side: [root / image_id for image_id in table["image_id"]] for side, table in data.sides.items()}


def is_present(layout: Layout, row: BenchmarkRow) -> bool:
    """Whether the images have been fetched, or the two folders are there. Looks at nothing else."""
    if row.takes == FOLDERS:
        return all(Path(row.arguments[side]).is_dir() for side in ("database", "queries"))
    return (layout.dataset(row.dataset) / MANIFEST).is_file()


def files_version(layout: Layout, row: BenchmarkRow) -> str:
    """Changes when an image or a list is added, removed or changed in place; empty where the catalog says so.

    Raises:
        DataError: A folder is gone, or cannot be read.
    """
    if row.takes == CATALOG:
        return ""
    if row.takes == FOLDERS:
        folders = [Path(row.arguments[side]) for side in ("database", "queries")]
        versions = [read_listing(folder, is_published=False).version for folder in folders]
        return _together([*versions, *_stamps([Path(row.arguments["positives"])])])
    lists = lists_of(layout, row)
    listed = sorted(path for path in lists.rglob("*") if path.suffix in _LISTS) if lists is not None else []
    return _together([listing_of(read_location(layout.dataset(row.dataset))).version, *_stamps(listed)])


def _together(parts: list[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _stamps(files: list[Path]) -> list[str]:
    found = [(path, path.stat()) for path in files if path.is_file()]
    return [f"{path.name}:{status.st_size}:{status.st_mtime_ns}" for path, status in found]
