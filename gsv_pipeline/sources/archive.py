"""The `archive` source: a zip or tar from a URL or a file, downloaded, proven and unpacked."""

from pathlib import Path
from typing import Any, Final

from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.sources.archives.members import BadArchiveError
from gsv_pipeline.sources.archives.unpack import unpack
from gsv_pipeline.sources.downloads.addresses import without_secrets
from gsv_pipeline.sources.downloads.checksum import check_sha256, hash_file, wrong_hash
from gsv_pipeline.sources.downloads.download import discard, download
from gsv_pipeline.sources.location import LOCATION_FILE, find_root, write_location
from gsv_pipeline.sources.rows import BENCHMARK_IMAGES, PUBLISHED
from gsv_pipeline.tracking import Tracker

UNPACKED: Final = "unpacked"
"""Folder of images to test on, so that what stands beside them is not taken for one of theirs."""

_PACKED: Final = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz")

UNPACKS_TO: Final = 1.1
"""Photographs do not compress: the published 21.8 GiB unpack to about 23.4 GB; the rest is for whole blocks."""


def fetch(
    target: Path,
    *,
    tracker: Tracker,
    downloads: Path,
    url: str | None = None,
    path: str | None = None,
    sha256: str | None = None,
    layout: str = PUBLISHED,
) -> dict[str, Any]:
    """Unpack an archive that holds `Images/`, or images to test on, into `target`.

    Args:
        target: Empty folder.
        tracker: Shows bars in bytes.
        downloads: Where a download lies until it is unpacked; an interrupted one is continued.
        url: Where to download it from, or
        path: the archive on this machine, which is left as it is.
        sha256: What the archive must be; recorded either way.
        layout: What the data set is laid out like.

    Raises:
        ConfigError: Not exactly one of `url` and `path`; no such URL, host or hash.
        DataError: A wrong hash, a refusal or web page from the server, a damaged or unsafe archive, one without
            `Images/`, or too little room on the disk.
        RunError: The server did not answer for long.
    """
    if (url is None) == (path is None):
        given = "neither" if url is None else "both"
        raise ConfigError(f"source 'archive': {given} of url and path given, expected one of them.")
    if url is not None:
        return _from_url(str(url), target, downloads, sha256=sha256, layout=layout, tracker=tracker)
    return _from_path(str(path), target, sha256=sha256, layout=layout, tracker=tracker)


def _from_url(
    url: str, target: Path, downloads: Path, *, sha256: str | None, layout: str, tracker: Tracker
) -> dict[str, Any]:
    got = download(url, downloads, tracker=tracker, sha256=sha256, unpacks_to=UNPACKS_TO)
    try:
        counts = _unpack(got.path, target, layout=layout, tracker=tracker)
    except BadArchiveError:
        discard(url, downloads)  # or the next run would take the same bytes again
        raise
    facts = {"url": without_secrets(url), "sha256": got.sha256, "bytes": got.bytes, "downloaded": got.finished}
    return {**facts, **counts}


def _from_path(path: str, target: Path, *, sha256: str | None, layout: str, tracker: Tracker) -> dict[str, Any]:
    archive = Path(path).expanduser().resolve()
    if archive.is_dir():
        raise DataError(f"{archive} is a folder, expected a zip or tar. For a folder use: --source folder path={path}")
    if not archive.is_file():
        raise DataError(f"There is no archive {archive}. Expected a zip or tar; check path.")
    wanted, found = check_sha256(sha256), hash_file(archive, tracker=tracker)
    if wanted not in (None, found):
        raise wrong_hash(str(archive), found=found, wanted=wanted, next_step="The file is left as it is: get it again.")
    facts = {"path": str(archive), "sha256": found, "bytes": archive.stat().st_size}
    return {**facts, **_unpack(archive, target, layout=layout, tracker=tracker)}


def _unpack(archive: Path, target: Path, *, layout: str, tracker: Tracker) -> dict[str, int]:
    if layout == BENCHMARK_IMAGES:
        return _unpack_images(archive, target, tracker=tracker)
    unpacked = unpack(archive, target, tracker=tracker)
    try:
        root = find_root(target, called="The archive")
    except DataError as error:
        raise BadArchiveError(str(error)) from error
    if root != target or (target / LOCATION_FILE).exists():  # a note that came in the archive is none of ours
        write_location(target, root)
    return {"files": unpacked.files, "unpacked_bytes": unpacked.bytes}


def _unpack_images(archive: Path, target: Path, *, tracker: Tracker) -> dict[str, int]:
    """Unpack into a folder of its own, and so each archive that lies in the archive, as in AmsterTime's."""
    root = target / UNPACKED
    root.mkdir()
    done = [unpack(archive, root, tracker=tracker)]
    for inner in sorted(path for path in root.iterdir() if path.is_file() and path.suffix.lower() in _PACKED):
        folder = root / inner.name.removesuffix(inner.suffix).removesuffix(".tar")
        folder.mkdir(exist_ok=True)
        done.append(unpack(inner, folder, tracker=tracker))
        inner.unlink()
    write_location(target, root, layout=BENCHMARK_IMAGES)
    return {"files": sum(part.files for part in done), "unpacked_bytes": sum(part.bytes for part in done)}
