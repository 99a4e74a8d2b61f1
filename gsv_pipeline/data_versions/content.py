"""The files of a data set: listed, hashed as DVC would hash them, and copied into the data root."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Final

from gsv_pipeline.data_versions.record import Content
from gsv_pipeline.data_versions.repository import UNVERSIONED
from gsv_pipeline.data_versions.whole_files import hash_file
from gsv_pipeline.errors import DataError
from gsv_pipeline.sources.disk import is_full, require_room
from gsv_pipeline.sources.location import PUBLISHED, Location
from gsv_pipeline.sources.published import DATAFRAMES, IMAGES
from gsv_pipeline.tracking import Tracker

_READERS: Final = 4  # hashing lets go of the interpreter, and a disk answers several readers faster than one
_PART: Final = ".part"
_OTHERS: Final = "photographs"


def files_of(location: Location) -> list[str]:
    """Names of a data set's files, relative to its root and sorted: those that its listing version counts.

    Raises:
        DataError: There is none, or a table of places lies elsewhere.
    """
    root = location.root
    table = location.arguments.get("table")
    if table is not None and Path(table).is_absolute():
        raise DataError(
            f"The table {table} lies outside the photographs in {root}, so no version would hold it. "
            "Put it into the folder, and fetch the data set again with that path."
        )
    folders = (root / DATAFRAMES, root / IMAGES) if location.layout == PUBLISHED else (root,)
    names = sorted(path.relative_to(root).as_posix() for folder in folders for path in _below(folder))
    if not names:
        raise DataError(f"{location.root} holds no file, so there is nothing to keep. Fetch the data set again.")
    return names


def hash_content(location: Location, names: Sequence[str], *, tracker: Tracker) -> Content:
    """The hash that `dvc add` would give a copy of these files: the MD5 of the list of their names and MD5s.

    Args:
        location: Where they lie.
        names: Of `files_of`.
        tracker: Shows a bar.

    Raises:
        DataError: A file cannot be read.
    """
    listed, size, place = [], 0, PurePosixPath(place_in_artifact(location))
    with ThreadPoolExecutor(_READERS) as pool, tracker.progress("hash", len(names), "file") as bar:
        hashes = pool.map(hash_file, (location.root / name for name in names))
        for name, (md5, length) in zip(names, hashes, strict=True):
            listed.append({"md5": md5, "relpath": str(place / name)})
            size += length
            bar.advance()
    text = json.dumps(listed, sort_keys=True)
    return Content(f"{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}.dir", size, len(names))


def copy_content(root: Path, names: Sequence[str], *, target: Path, tracker: Tracker) -> None:
    """Copy files with their times, never as links; what an interrupted run has copied is not copied again.

    Raises:
        DataError: The disk is full, or a file cannot be read.
    """
    waiting = [name for name in names if not _same(root / name, target / name)]
    require_room(target, sum((root / name).stat().st_size for name in waiting), purpose="to copy the data set")
    with tracker.progress("copy", len(names), "file") as bar:
        bar.advance(len(names) - len(waiting))
        for name in waiting:
            _copy_file(root / name, target / name)
            bar.advance()


def remove_others(root: Path, names: Sequence[str]) -> None:
    """Remove what an interrupted copy of other files has left below `root`; notes stay."""
    wanted = {*names, *UNVERSIONED}
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.relative_to(root).as_posix() not in wanted:
            path.unlink()


def place_in_artifact(location: Location) -> str:
    """Folder of the artifact into which a copy goes, empty for the artifact itself.

    Every file below a folder in another layout than the published one counts, so the manifest must not lie there.
    """
    return "" if location.layout == PUBLISHED else _OTHERS


def _below(folder: Path, *, above: frozenset[tuple[int, int]] = frozenset()) -> Iterator[Path]:
    """Every file but hidden ones; links are followed, but not back to one of the folders `above`."""
    if not folder.is_dir():
        return
    try:
        status = folder.stat()
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror}. Mend or remove it, then try again.") from error
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _below(entry, above=above | {here})
        else:
            yield entry


def _same(source: Path, copy: Path) -> bool:
    if not copy.is_file():
        return False
    theirs, ours = source.stat(), copy.stat()
    return (theirs.st_size, theirs.st_mtime_ns) == (ours.st_size, ours.st_mtime_ns)


def _copy_file(source: Path, copy: Path) -> None:
    part = copy.with_name(copy.name + _PART)
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, part)
        # Modes stay behind: a read-only original must not make the copy one that nobody can replace.
        status = source.stat()
        os.utime(part, ns=(status.st_atime_ns, status.st_mtime_ns))
        part.replace(copy)
    except OSError as error:
        remedy = "Free some space" if is_full(error) else "Make both readable for this user"
        raise DataError(f"{source} cannot be copied to {copy}: {error.strerror}. {remedy}, then try again.") from error
