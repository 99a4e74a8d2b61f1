"""The `kaggle` source: a data set as Kaggle publishes it, through Kaggle's own client."""

import importlib.util
import os
import re
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.sources import kaggle_process
from gsv_pipeline.sources.disk import human_bytes, require_room
from gsv_pipeline.sources.kaggle_client import CACHE_VARIABLE, Failure
from gsv_pipeline.sources.kaggle_failures import explained
from gsv_pipeline.sources.kaggle_process import MEGABYTE, Request, Watch, size_of
from gsv_pipeline.sources.location import LOCATION_FILE, find_root, write_location
from gsv_pipeline.tracking import NullTracker, Tracker

_HANDLE: Final = re.compile(r"(?P<name>\w[\w-]*/\w[\w-]*)(/versions/[1-9]\d*)?")
_PEAK: Final = 2
"""The client keeps the archive until all of it is unpacked, and street photographs hardly shrink in one."""


def fetch(target: Path, *, tracker: Tracker, downloads: Path, handle: str) -> dict[str, Any]:
    """Get a data set from Kaggle, with the credentials that its client finds, or none.

    A complete copy in the user's own cache of that client is used where it lies. Otherwise the files end in `target`,
    or, where `KAGGLEHUB_CACHE` names a folder, in that folder.

    Args:
        target: Empty folder.
        tracker: Shows how far the download is.
        downloads: Keeps a download that was interrupted, so that the next run continues it.
        handle: `owner/name`, or `owner/name/versions/2` for a version of it.

    Raises:
        ConfigError: The handle is malformed, the client is not installed, or Kaggle refuses access.
        DataError: The disk is too small, or the archive does not hold a data set of the published layout.
        RunError: Kaggle cannot be reached, does not answer properly, or sends a damaged archive.
    """
    match = _HANDLE.fullmatch(str(handle))
    if match is None:
        raise ConfigError(f"source 'kaggle': handle is {handle!r}, expected owner/name or owner/name/versions/2.")
    if importlib.util.find_spec("kagglehub") is None:
        raise ConfigError(
            "The source 'kaggle' needs Kaggle's own client, which is not installed. "
            "Run: pip install 'gsv-pipeline[kaggle]'."
        )
    cache = None if os.environ.get(CACHE_VARIABLE) else downloads.resolve() / "kagglehub"
    folder, found = _complete_copy(str(handle), match["name"], cache=cache, tracker=tracker)
    is_ours = cache is not None and folder.is_relative_to(cache)
    if is_ours:
        _remove_note(folder)
    root = find_root(folder)
    files, size = _count(root)
    facts = {
        "handle": match["name"],
        "version": found["version"],
        "files": files,
        "bytes": size,
        "kagglehub": found["client"],
        "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_location(folder if is_ours else target, root)
    if is_ours:
        # Last and in one step: `target` goes when a run is killed, and until here the next run finds a complete copy.
        folder.rename(target)
    return facts


def _complete_copy(handle: str, name: str, *, cache: Path | None, tracker: Tracker) -> tuple[Path, Mapping[str, Any]]:
    """Where all of the data set lies now, and what the client said of it."""
    found = _answered(kaggle_process.look(Request("look", handle, cache), tracker=tracker), name, cache)
    if found["held"] is None:
        return _download(found, name=name, cache=cache, tracker=tracker), found
    folder = Path(found["held"])
    tracker.message(
        f"{name}: version {found['version']} is complete in {folder}; nothing is downloaded. "
        f"For another version: handle={name}/versions/<number>"
    )
    return folder, found


def _answered(answer: Mapping[str, Any] | Failure, name: str, cache: Path | None) -> Mapping[str, Any]:
    if isinstance(answer, Failure):
        raise explained(answer, name=name, folder=cache)
    return answer


def _download(found: Mapping[str, Any], *, name: str, cache: Path | None, tracker: Tracker) -> Path:
    archive, unpacked, size = Path(found["archive"]), Path(found["unpacked"]), int(found["bytes"])
    if cache is not None and unpacked.exists():
        shutil.rmtree(unpacked)  # a run was interrupted while it unpacked; the archive is still there
    archive.parent.mkdir(parents=True, exist_ok=True)
    have = size_of(archive)
    require_room(archive.parent, _PEAK * size - have, purpose=f"to download and unpack {name}")
    tracker.message(
        f"{name}: version {found['version']}, {human_bytes(size) if size else 'of unknown size'}"
        + (f", {human_bytes(have)} of it here already" if have else "")
    )
    total = max(size - have, 0) // MEGABYTE
    with (tracker if total else NullTracker()).progress(f"Downloading {name}", total=total, unit="MB") as bar:
        watch = Watch(bar, total=total, archive=archive, unpacked=unpacked, tracker=tracker)
        request = Request("download", f"{name}/versions/{found['version']}", cache)
        answer = _answered(kaggle_process.download(request, watch), name, cache)
        watch.finish()
    return Path(answer["folder"])


def _remove_note(folder: Path) -> None:
    """Take away what lies where our note goes: of an earlier run, or out of the archive."""
    note = folder / LOCATION_FILE
    if note.is_dir() and not note.is_symlink():
        shutil.rmtree(note)
    else:
        note.unlink(missing_ok=True)


def _count(root: Path) -> tuple[int, int]:
    """Files below `root` and their bytes."""
    files = size = 0
    with os.scandir(root) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                below, bytes_below = _count(Path(entry.path))
                files, size = files + below, size + bytes_below
            else:
                files, size = files + 1, size + entry.stat(follow_symlinks=False).st_size
    return files, size
