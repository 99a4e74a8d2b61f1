"""Makes a version: `dvc add` of a data set's folder, or the hash alone of one that is used where it lies."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gsv_pipeline.data_versions.commands import run_dvc
from gsv_pipeline.data_versions.committing import changed_files, commit
from gsv_pipeline.data_versions.content import copy_content, files_of, hash_content, place_in_artifact, remove_others
from gsv_pipeline.data_versions.record import (
    Record,
    complete_dvc_file,
    facts_of,
    note_in_manifest,
    read_record,
    write_hash_only,
)
from gsv_pipeline.data_versions.repository import Tracked, find_tracked, require_admitted
from gsv_pipeline.data_versions.times import note_times, times_of
from gsv_pipeline.errors import RunError, StaleInputError
from gsv_pipeline.layout import Layout
from gsv_pipeline.locks import hold
from gsv_pipeline.manifest import Manifest, read_manifest
from gsv_pipeline.sources.location import (
    LOCATION_FILE,
    PUBLISHED,
    Location,
    listing_of,
    read_location,
    write_location,
)
from gsv_pipeline.sources.own import dataset_row
from gsv_pipeline.tracking import Tracker

GIT_IGNORE: Final = ".gitignore"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A version that was made.

    Args:
        record: What it is.
        repository: Where git is to be told.
        to_commit: Files that stand for it, relative to the repository; empty when git holds them as they are.
        commit: The commit that was made of them, or empty.
    """

    record: Record
    repository: Path
    to_commit: tuple[str, ...]
    commit: str = ""


def snapshot(
    layout: Layout, dataset: str, *, tracker: Tracker, copy: bool = False, message: str | None = None
) -> Snapshot:
    """Make a version of a fetched data set. Its data version stays what it is, and so do its files' times.

    A data set that is used where it lies is versioned by its hash alone.

    Args:
        layout: Where things live.
        dataset: Its name.
        tracker: Shows progress.
        copy: Copy a data set that is used where it lies into the data root first, so that its bytes are kept too.
        message: Commit the version's files with this message, and nothing else.

    Raises:
        ConfigError: No repository around the data root, DVC is missing, or `dvc.yaml` keeps the data set.
        StaleInputError: The data set is not there.
        DataError: Files that cannot be read, or no room for a copy.
        RunError: DVC or git failed, or files changed meanwhile.
    """
    tracked = find_tracked(layout, dataset)
    row = dataset_row(layout, dataset)
    with hold(layout.lock(tracked.artifact), key=layout.key(tracked.artifact), tracker=tracker):
        manifest = _require_manifest(layout, dataset)
        location = read_location(tracked.artifact)
        require_admitted(tracked, tracker=tracker)
        if copy and not _lies_inside(location, tracked):
            location = _copy_into_artifact(location, artifact=tracked.artifact, tracker=tracker)
        ignored_before = _ignore_file(tracked)
        if _lies_inside(location, tracked):
            record = _add(tracked, manifest, location, push=row.redistributable, tracker=tracker)
        else:
            record = _hash(tracked, manifest, location, tracker=tracker)
        touched = [tracked.dvc_file, tracked.hash_file]
        if _ignore_file(tracked) != ignored_before:
            touched.append(tracked.artifact.with_name(GIT_IGNORE))
    changed = changed_files(tracked, [tracked.relative(file) for file in touched])
    revision = commit(tracked, changed, message=message) if message is not None and changed.files else ""
    return Snapshot(record, tracked.repository, changed.files, revision)


def _require_manifest(layout: Layout, dataset: str) -> Manifest:
    found = read_manifest(layout.dataset(dataset))
    if found is None:
        raise StaleInputError(
            f"'dataset/{dataset}' is needed, but it is missing. Run: gsv-pipeline fetch {dataset} "
            f"(or, where another clone has pushed it: gsv-pipeline data pull {dataset})"
        )
    return found


def _lies_inside(location: Location, tracked: Tracked) -> bool:
    return location.root.resolve().is_relative_to(tracked.artifact.resolve())


def _add(tracked: Tracked, manifest: Manifest, location: Location, *, push: bool, tracker: Tracker) -> Record:
    """`dvc add`. Links of the cache's are left to `dvc checkout --relink`: they would change the images' times."""
    name = tracked.relative(tracked.artifact)
    listing = listing_of(location).version
    tracker.message(f"{tracked.name}: dvc add {name} (reads every file that is new to DVC, and copies it to its cache)")
    run_dvc(tracked.repository, "add", "--no-relink", name, tracker=tracker)
    times = times_of(tracked.artifact)
    _require_unchanged(location, listing)
    facts = facts_of(manifest, location=_inner_location(location, tracked), listing=listing)
    complete_dvc_file(tracked.dvc_file, facts=facts, push=push)
    tracked.hash_file.unlink(missing_ok=True)
    record = _noted(tracked, tracked.dvc_file, manifest, listing=listing)
    note_times(tracked, record.content, times, tracker=tracker)
    return record


def _hash(tracked: Tracked, manifest: Manifest, location: Location, *, tracker: Tracker) -> Record:
    listing = listing_of(location).version
    content = hash_content(location, files_of(location), tracker=tracker)
    _require_unchanged(location, listing)
    write_hash_only(tracked.hash_file, content, facts=facts_of(manifest, location=None, listing=listing))
    tracked.dvc_file.unlink(missing_ok=True)
    return _noted(tracked, tracked.hash_file, manifest, listing=listing)


def _noted(tracked: Tracked, file: Path, manifest: Manifest, *, listing: str) -> Record:
    record = read_record(file)
    assert record is not None  # it has just been written
    note_in_manifest(tracked.artifact, manifest, record, listing=listing)
    return record


def _require_unchanged(location: Location, listing: str) -> None:
    if listing_of(location).version != listing:
        raise RunError(f"Files below {location.root} changed while they were read. Run the same command again.")


def _inner_location(location: Location, tracked: Tracked) -> Mapping[str, Any] | None:
    """What `location.json` says; None where the artifact itself is the root, in the published layout."""
    if location == Location(tracked.artifact):
        return None
    root = location.root.resolve().relative_to(tracked.artifact.resolve()).as_posix()
    return {"root": root, "layout": location.layout, "arguments": dict(location.arguments)}


def _copy_into_artifact(location: Location, *, artifact: Path, tracker: Tracker) -> Location:
    """Fill the artifact's folder; until its last step the note in it still says that the images lie elsewhere."""
    root = artifact / place_in_artifact(location)
    root.mkdir(exist_ok=True)
    names = files_of(location)
    tracker.message(f"{artifact.name}: copying {len(names)} files from {location.root}")
    copy_content(location.root, names, target=root, tracker=tracker)
    remove_others(root, names)
    if location.layout == PUBLISHED:
        (artifact / LOCATION_FILE).unlink()
    else:
        write_location(artifact, root, layout=location.layout, arguments=location.arguments)
    return read_location(artifact)


def _ignore_file(tracked: Tracked) -> bytes:
    path = tracked.artifact.with_name(GIT_IGNORE)
    return path.read_bytes() if path.is_file() else b""
