"""Times of a version's files. DVC brings back bytes alone, and to the catalog a file with a new time may be another.

They are those of this machine, so they lie beside the data set and not in git: `.<name>.times/<md5>.json.gz`.
"""

import gzip
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from gsv_pipeline.data_versions.cache import listed_hashes
from gsv_pipeline.data_versions.record import Content
from gsv_pipeline.data_versions.repository import Tracked
from gsv_pipeline.data_versions.whole_files import hash_file, write_whole
from gsv_pipeline.tracking import Tracker

_QUICK: Final = 1  # half a million names shrink to a tenth in about a second


def times_of(artifact: Path) -> dict[str, int]:
    """Modification time in ns of every file in a folder."""
    return {name: status.st_mtime_ns for name, status in sorted(_files(artifact))}


def has_times(tracked: Tracked, content: Content) -> bool:
    """Whether the times of a version were noted on this machine, and can be read."""
    return bool(_read(_note(tracked, content)))


def note_times(tracked: Tracked, content: Content, times: Mapping[str, int], *, tracker: Tracker) -> None:
    """Keep the times that the files of a version have; without them they are new when it is brought back."""
    note = _note(tracked, content)
    try:
        write_whole(note, gzip.compress(json.dumps(dict(times)).encode(), compresslevel=_QUICK, mtime=0))
    except OSError as error:  # the version itself is made
        tracker.message(f"{tracked.name}: the times of its files are not noted: {error.strerror}")


def stamps_of(artifact: Path) -> dict[str, tuple[int, int, int]]:
    """Inode, size and time of every file in a folder: what is another one afterwards was written meanwhile."""
    return {name: (status.st_ino, status.st_size, status.st_mtime_ns) for name, status in _files(artifact)}


def give_times(tracked: Tracked, content: Content, *, cache: Path, before: Mapping[str, tuple[int, int, int]]) -> None:
    """Give files that a checkout has written the times that they had in that version, if their bytes are the version's.

    Links into the cache keep theirs: the time of the cache's object is DVC's.

    Args:
        tracked: The data set.
        content: The version that is in place.
        cache: Folder of DVC's cache, which lists the MD5 of each file.
        before: What `stamps_of` said before the checkout. What was not written keeps its time.
    """
    times = _read(_note(tracked, content))
    written = [name for name, stamp in stamps_of(tracked.artifact).items() if before.get(name) != stamp]
    hashes = listed_hashes(cache, content) if times and written else {}
    for name in sorted(set(written) & set(times) & set(hashes)):
        path = tracked.artifact / name
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and hash_file(path)[0] == hashes[name]:
            with suppress(OSError):  # then it is a file with a new time, as without a note
                os.utime(path, ns=(status.st_atime_ns, times[name]))


def _note(tracked: Tracked, content: Content) -> Path:
    return tracked.artifact.with_name(f".{tracked.name}.times") / f"{content.md5}.json.gz"


def _read(note: Path) -> dict[str, int]:
    try:
        found: dict[str, Any] = json.loads(gzip.decompress(note.read_bytes()))
        return {name: int(time) for name, time in found.items()}
    except (OSError, EOFError, ValueError, AttributeError, TypeError):  # absent or damaged: files keep their new times
        return {}


def _files(folder: Path, prefix: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """Name and status of every file; links to files count, links to folders are not followed."""
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path), f"{prefix}{entry.name}/")
            else:
                yield f"{prefix}{entry.name}", entry.stat(follow_symlinks=False)
