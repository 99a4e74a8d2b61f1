"""Brings a version back: from DVC's cache, and from a remote what the cache lacks."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gsv_pipeline.data_versions.cache import missing_objects
from gsv_pipeline.data_versions.commands import run_dvc
from gsv_pipeline.data_versions.history import present_record, record_text_at, versions_of
from gsv_pipeline.data_versions.record import Record, location_of, manifest_of, note_in_manifest, read_record
from gsv_pipeline.data_versions.repository import Tracked, find_tracked
from gsv_pipeline.data_versions.settings import Settings, read_settings
from gsv_pipeline.data_versions.times import give_times, has_times, note_times, stamps_of, times_of
from gsv_pipeline.data_versions.whole_files import write_whole
from gsv_pipeline.errors import ConfigError, DataError, RunError
from gsv_pipeline.layout import Layout
from gsv_pipeline.locks import hold
from gsv_pipeline.sources.location import LOCATION_FILE, Location, listing_of, read_location, write_location
from gsv_pipeline.tracking import Tracker

_UNSAVED: Final = "Can't remove the following unsaved files"  # dvc.repo.checkout, DVC 3
_TORN: Final = re.compile(r"\.[\w-]{22}\.tmp")  # dvc_objects.fs.utils.tmp_fname
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Restored:
    """A version that is in place.

    Args:
        artifact: The data set's folder.
        record: What it is.
        data_version: Of the data set now. It is a new one where files that were brought back have new times, since this
            machine has not noted those that they had.
        as_snapshot: It is the one that the snapshot was taken of.
    """

    artifact: Path
    record: Record
    data_version: str
    as_snapshot: bool


def restore(
    layout: Layout,
    dataset: str,
    revision: str,
    *,
    tracker: Tracker,
    remote: str | None = None,
    force: bool = False,
) -> Restored:
    """Make a data set what it was at a git revision. Files that are the same keep their times.

    Those that come back get the times that they had, where this machine has noted them.

    Args:
        layout: Where things live.
        dataset: Its name.
        revision: Any name of a commit.
        tracker: Shows progress.
        remote: Where from, when the cache lacks files; DVC's default remote if None.
        force: Give up changes that no version holds.

    Raises:
        ConfigError: No repository, an unknown revision or remote, or no version there.
        DataError: Changes would be lost, or that version is a hash alone.
        RunError: Files are neither in the cache nor on the remote, or DVC failed.
    """
    tracked = find_tracked(layout, dataset)
    record, text = record_text_at(tracked, revision)
    if not record.stored:
        raise DataError(
            f"At '{revision}' the data set '{dataset}' was used where it lay, and only its hash was kept "
            f"({record.content.md5}), so there is nothing to bring back. `gsv-pipeline data snapshot {dataset} --copy` "
            "keeps the bytes of what is there now."
        )
    with hold(layout.lock(tracked.artifact), key=layout.key(tracked.artifact), tracker=tracker):
        if not force:
            _require_committed(tracked, record)
        with _record_in_place(tracked, text):
            return _bring_back(tracked, record, remote=remote, force=force, tracker=tracker)


def pull(layout: Layout, dataset: str, *, tracker: Tracker, remote: str | None = None, force: bool = False) -> Restored:
    """Make a data set what the record in the working tree says, which came with `git pull`.

    Raises:
        ConfigError: No repository, no record or an unknown remote.
        DataError: Changes would be lost, or the version is a hash alone.
        RunError: Files are neither in the cache nor on the remote, or DVC failed.
    """
    tracked = find_tracked(layout, dataset)
    record = present_record(tracked)
    if record is None:
        raise ConfigError(
            f"There is no {tracked.relative(tracked.dvc_file)}, which would say what to pull. "
            f"Get it with git pull, or make a version here: gsv-pipeline data snapshot {dataset}"
        )
    if not record.stored:
        raise DataError(
            f"{tracked.relative(tracked.hash_file)} holds a hash alone: '{dataset}' was used where it lay, and its "
            f"bytes are on no remote. Get them as its owner did: gsv-pipeline fetch {dataset}"
        )
    with hold(layout.lock(tracked.artifact), key=layout.key(tracked.artifact), tracker=tracker):
        return _bring_back(tracked, record, remote=remote, force=force, tracker=tracker)


def _bring_back(tracked: Tracked, record: Record, *, remote: str | None, force: bool, tracker: Tracker) -> Restored:
    manifest = manifest_of(tracked.artifact, record)
    location_of(tracked.artifact, record)  # refused before anything is changed
    settings = read_settings(tracked.repository, tracker=tracker)
    _fetch_missing(tracked, record, settings=settings, remote=remote, tracker=tracker)
    before = stamps_of(tracked.artifact)
    _check_out(tracked, force=force, tracker=tracker)
    give_times(tracked, record.content, cache=settings.cache, before=before)
    if not has_times(tracked, record.content):
        note_times(tracked, record.content, times_of(tracked.artifact), tracker=tracker)
    _note_location(tracked.artifact, location_of(tracked.artifact, record))
    version = listing_of(read_location(tracked.artifact)).version
    note_in_manifest(tracked.artifact, replace(manifest, data_version=version), record, listing=version)
    return Restored(tracked.artifact, record, version, version == record.facts.get("listing"))


def _fetch_missing(
    tracked: Tracked, record: Record, *, settings: Settings, remote: str | None, tracker: Tracker
) -> None:
    """Fill the cache first: `dvc checkout` with a gap in it removes the whole folder, and fetching does not say so."""
    if not missing_objects(settings.cache, record.content):
        return
    chosen = settings.remote(remote)
    tracker.message(f"{tracked.name}: fetching from the remote '{chosen.name}' what the cache lacks")
    file = tracked.relative(tracked.dvc_file)
    try:
        run_dvc(tracked.repository, "fetch", "--remote", chosen.name, file, tracker=tracker)
    except RunError as error:
        raise RunError(
            f"The remote '{chosen.name}' ({chosen.shown}) did not give {file}: {error.details['said']}\n"
            "What is here is as it was. Push that version from where it was made (gsv-pipeline data push "
            f"{tracked.name}), or name another remote."
        ) from error
    missing = missing_objects(settings.cache, record.content)
    if missing:
        raise RunError(
            f"{len(missing)} files of {file} are neither in DVC's cache nor on the remote '{chosen.name}' "
            f"({chosen.shown}). What is here is as it was. Push that version from where it was made, or name another "
            "remote."
        )


def _check_out(tracked: Tracked, *, force: bool, tracker: Tracker) -> None:
    _clear_torn_files(tracked.artifact)
    options = ("--force",) if force else ()
    try:
        run_dvc(tracked.repository, "checkout", *options, tracked.relative(tracked.dvc_file), tracker=tracker)
    except RunError as error:
        said = str(error.details["said"])
        if not said.startswith(_UNSAVED):
            raise
        files = sorted(line for line in said.splitlines()[1:] if line.strip())
        raise DataError(
            f"{len(files)} files below {tracked.artifact} are in no version and would be lost, for example "
            f"{', '.join(Path(file).name for file in files[:_SHOWN])}. Keep them with "
            f"`gsv-pipeline data snapshot {tracked.name}` and a commit, or give them up with --force."
        ) from error


def _clear_torn_files(artifact: Path) -> None:
    """Remove what a killed `dvc checkout` was writing; the next one would take it for an image that nobody has kept."""
    for path in sorted(artifact.rglob(".*.tmp")):
        if _TORN.fullmatch(path.name):
            path.unlink()


def _note_location(artifact: Path, location: Location | None) -> None:
    if location is None:
        (artifact / LOCATION_FILE).unlink(missing_ok=True)
        return
    write_location(artifact, location.root, layout=location.layout, arguments=location.arguments)


def _require_committed(tracked: Tracked, wanted: Record) -> None:
    """The bytes of a version whose record is in no commit would be in the cache, but nobody could name them."""
    present = read_record(tracked.dvc_file)
    if present is None or present.content == wanted.content:
        return
    if all(version.record.content != present.content for version in versions_of(tracked, everywhere=True)):
        name = tracked.relative(tracked.dvc_file)
        raise DataError(
            f"The version that is here ({present.content.md5}) is in no commit and would be forgotten. "
            f"Commit it first (git add {name} && git commit), or give it up with --force."
        )


@contextmanager
def _record_in_place(tracked: Tracked, text: str) -> Iterator[None]:
    """The record of the version that is wanted; the present one again where that version cannot be had.

    A process that is killed leaves the wanted one, with which the same command goes on.
    """
    before = {file: file.read_bytes() for file in (tracked.dvc_file, tracked.hash_file) if file.is_file()}
    tracked.hash_file.unlink(missing_ok=True)
    write_whole(tracked.dvc_file, text.encode())
    try:
        yield
    except BaseException:
        tracked.dvc_file.unlink(missing_ok=True)
        for file, content in sorted(before.items()):
            write_whole(file, content)
        raise
