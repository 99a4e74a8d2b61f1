"""Making an artifact: once at a time, beside the old one, renamed into place with its manifest."""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gsv_pipeline.errors import DataError, GsvError, StoppedError, few
from gsv_pipeline.layout import MANIFEST, Layout
from gsv_pipeline.locks import hold
from gsv_pipeline.manifest import (
    Manifest,
    Recipe,
    as_json,
    fingerprint,
    hash_files,
    read_manifest,
    require,
    why_stale,
    write_json,
)
from gsv_pipeline.provenance import provenance
from gsv_pipeline.tracking import Tracker

_DISK_FULL: Final = ("No space left on device", "Disk quota exceeded")
_NO_ROOM_BYTES: Final = 1 << 20
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Output:
    """What a writer hands back.

    Args:
        metadata: Facts a person wants to see; JSON values only.
        version_files: Files (relative) whose bytes are the data version; None: every file.
        version: The data version itself, where the writer knows better than the bytes.
    """

    metadata: Mapping[str, Any]
    version_files: tuple[str, ...] | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class StageResult:
    """What every stage returns.

    Args:
        artifact: The folder that holds the output.
        metadata: Facts a person wants to see.
        data_version: Equal for equal outputs.
        cached: Nothing had changed, so nothing was computed.
    """

    artifact: Path
    metadata: Mapping[str, Any]
    data_version: str
    cached: bool


def produce(
    layout: Layout,
    recipe: Recipe,
    write: Callable[[Path], Output],
    *,
    tracker: Tracker,
    force: bool = False,
    keep_previous: bool = False,
    then: Callable[[], None] = lambda: None,
) -> StageResult:
    """Make the artifact of `recipe`, unless what is on disk already is that artifact.

    Writes into a sibling folder and renames it into place, so that a killed run leaves the old artifact or the new
    one. A second run that wants the same artifact waits for the first, then finds it fresh.

    Args:
        layout: Where things live.
        recipe: What to make.
        write: Fills the empty folder it is given.
        tracker: Told when something is cached or waited for.
        force: Compute even when nothing changed, unless another run has just done so.
        keep_previous: Leave the replaced artifact as `<name>.previous`; one that was left before goes, which is told.
        then: Called when the new artifact is in place, still under its lock.

    Raises:
        StaleInputError: An input is missing or out of date.
        DataError: The data root is read-only or full.
        LockTimeoutError: Another run kept the artifact for too long.
    """
    key = layout.key(recipe.path)
    if not force and why_stale(layout, recipe) is None:
        return _cached(recipe, key, tracker)
    layout.ensure_root()
    before = read_manifest(recipe.path)
    with hold(layout.lock(recipe.path), key=key, tracker=tracker):
        _recover(layout, recipe.path)
        made_meanwhile = read_manifest(recipe.path) != before
        if (made_meanwhile or not force) and why_stale(layout, recipe) is None:
            return _cached(recipe, key, tracker)
        for item in recipe.inputs:
            require(layout, item)
        _check_is_ours(recipe.path)
        if keep_previous:
            _tell_what_goes(layout, recipe.path, tracker)
        try:
            result = _write(layout, recipe, write, keep_previous=keep_previous)
        except BaseException as error:
            _record_failure(layout, recipe.path, error)
            raise
        then()
        return result


def _write(layout: Layout, recipe: Recipe, write: Callable[[Path], Output], *, keep_previous: bool) -> StageResult:
    partial = layout.partial(recipe.path)
    started = time.perf_counter()
    # Noted before the work: an input that is replaced meanwhile makes this output stale, as it should.
    inputs = {layout.key(item.path): require(layout, item).data_version for item in recipe.inputs}
    identity = fingerprint(layout, recipe)
    try:
        partial.mkdir(parents=True)
        output = write(partial)
        version = output.version or hash_files(partial, output.version_files)
        manifest = Manifest(
            key=layout.key(recipe.path),
            fingerprint=identity,
            data_version=version,
            versions=dict(recipe.versions),
            config=as_json(recipe.config or {}),
            inputs=inputs,
            metadata=as_json(output.metadata),
            provenance=provenance(),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            wall_seconds=round(time.perf_counter() - started, 2),
        )
        write_json(partial / MANIFEST, asdict(manifest))
        _replace(layout, recipe.path, partial, keep_previous=keep_previous)
    except BaseException as error:
        free = _free_bytes(layout)  # before the clearing away, which makes room
        shutil.rmtree(partial, ignore_errors=True)
        explained = _explained(error, layout, free=free)
        if explained is error:
            raise
        raise explained from error
    layout.failure(recipe.path).unlink(missing_ok=True)
    return StageResult(recipe.path, manifest.metadata, version, cached=False)


def _replace(layout: Layout, artifact: Path, partial: Path, *, keep_previous: bool) -> None:
    previous = layout.previous(artifact)
    if artifact.exists():
        _remove(previous)
        artifact.rename(previous)
    partial.rename(artifact)
    if not keep_previous:
        _remove(previous)


def _tell_what_goes(layout: Layout, artifact: Path, tracker: Tracker) -> None:
    previous = layout.previous(artifact)
    found = read_manifest(previous)
    if found is not None and artifact.is_dir():
        tracker.message(
            f"{previous} (made {found.created}) goes when this is done, and {artifact.name} takes its place. "
            "Copy it to another place first if you still need it."
        )


def _check_is_ours(artifact: Path) -> None:
    """Refuse to replace what the pipeline did not make.

    Raises:
        DataError: A link, or a folder with files and without a manifest.
    """
    if artifact.is_symlink():
        raise DataError(
            f"{artifact} is a link, and the pipeline replaces whole folders. Remove the link, and keep the whole data "
            "root elsewhere instead (--data-root, or a link in its place)."
        )
    if artifact.is_dir() and read_manifest(artifact) is None and any(artifact.iterdir()):
        first = few(sorted(item.name for item in artifact.iterdir()), _SHOWN)
        raise DataError(
            f"{artifact} holds files that the pipeline did not make ({first}), and would be replaced. "
            "Move them elsewhere."
        )


def _recover(layout: Layout, artifact: Path) -> None:
    """Clear away what a killed run left, and put back the old artifact when it was killed between the two renames."""
    previous, partial = layout.previous(artifact), layout.partial(artifact)
    # Without the new one beside it, an artifact that is missing was removed by its owner.
    if partial.exists() and previous.exists() and not artifact.exists():
        previous.rename(artifact)
    _remove(partial)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _cached(recipe: Recipe, key: str, tracker: Tracker) -> StageResult:
    manifest = read_manifest(recipe.path)
    assert manifest is not None  # why_stale has just read it
    tracker.message(f"{key}: unchanged, made {manifest.created or 'earlier'}")
    return StageResult(recipe.path, manifest.metadata, manifest.data_version, cached=True)


def _record_failure(layout: Layout, artifact: Path, error: BaseException) -> None:
    was_stopped = not isinstance(error, Exception)  # Ctrl-C, StoppedError, and what Dagster makes of a signal
    record = {
        "key": layout.key(artifact),
        "error": StoppedError.__name__ if was_stopped else type(error).__name__,
        "message": str(error) or ("interrupted" if was_stopped else type(error).__name__),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    try:
        layout.failure(artifact).parent.mkdir(parents=True, exist_ok=True)
        write_json(layout.failure(artifact), record)
    except OSError:
        return  # a full or read-only disk must not hide the error itself


def _free_bytes(layout: Layout) -> int:
    try:
        return shutil.disk_usage(layout.root).free
    except OSError:
        return _NO_ROOM_BYTES  # the data root itself is gone: another story


def _explained(error: BaseException, layout: Layout, *, free: int) -> BaseException:
    """A full or read-only disk, said in words.

    Libraries wrap ENOSPC in errors of their own, so the text counts too; numpy's and torch's say nothing of it
    ("100000 requested and 39920 written"), so what is free counts as well.
    """
    if isinstance(error, GsvError):
        return error
    text = str(error)
    without_room = isinstance(error, OSError | RuntimeError) and free < _NO_ROOM_BYTES
    if without_room or any(words in text for words in _DISK_FULL):
        return DataError(
            f"The disk of the data root {layout.root} is full ({free / 1e6:.0f} MB free). "
            "What was there before is untouched. Free some space and run the same command again."
        )
    refused = isinstance(error, PermissionError) or "Read-only file system" in text
    file = error.filename if isinstance(error, OSError) and isinstance(error.filename, str) else ""
    if refused and file and not Path(file).is_relative_to(layout.root):
        return DataError(f"{file} is not accessible: {text}. Give this user access to it, and run the command again.")
    if refused:
        return DataError(
            f"The data root {layout.root} cannot be written: {text}. Make it writable, or choose another one."
        )
    return error
