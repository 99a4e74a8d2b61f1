"""manifest.json beside each artifact: what it was made from, whether that still holds, how it is replaced safely."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gsv_pipeline.errors import DataError, GsvError, StaleInputError
from gsv_pipeline.layout import MANIFEST, Layout
from gsv_pipeline.locks import hold
from gsv_pipeline.provenance import provenance
from gsv_pipeline.tracking import Tracker

SCHEMA: Final = 1
_DISK_FULL: Final = ("No space left on device", "Disk quota exceeded")
_NO_ROOM_BYTES: Final = 1 << 20
_ABSENT: Final = "nothing"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an artifact should be made of.

    Args:
        path: Where the artifact lives, from `Layout`.
        versions: Room name -> its `VERSION`.
        config: The settings that shape the output; None accepts whatever the artifact was made with (data sets).
        inputs: Recipes of the artifacts it is made from.
        command: What a person types to make it.
    """

    path: Path
    versions: Mapping[str, int]
    config: Mapping[str, Any] | None
    command: str
    inputs: tuple["Recipe", ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """What manifest.json says."""

    key: str
    fingerprint: str
    data_version: str
    versions: dict[str, int]
    config: dict[str, Any]
    inputs: dict[str, str]
    metadata: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    created: str = ""
    wall_seconds: float = 0.0
    schema: int = SCHEMA


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


def read_manifest(artifact: Path) -> Manifest | None:
    """The manifest of `artifact`, or None where there is none.

    Raises:
        DataError: The file is not a manifest of this project.
    """
    path = artifact / MANIFEST
    try:
        return Manifest(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            f"{path} is not a readable manifest ({error}). Remove the folder {artifact} and make it again."
        ) from error


def why_stale(layout: Layout, recipe: Recipe) -> str | None:
    """Why the artifact on disk is not what `recipe` would make; None when it is fresh."""
    found = read_manifest(recipe.path)
    if found is None:
        return "it is missing"
    for item in recipe.inputs:
        key = layout.key(item.path)
        reason = why_stale(layout, item)
        if reason:
            return (
                f"its input {key} is out of date: {reason}"
                if reason != "it is missing"
                else f"its input {key} is missing"
            )
        if found.inputs.get(key) != _version_of(item):
            return f"its input {key} has changed"
    if set(found.inputs) != {layout.key(item.path) for item in recipe.inputs}:
        return f"it was made from other inputs ({', '.join(sorted(found.inputs)) or 'none'})"
    if found.versions != dict(recipe.versions):
        return f"the code that makes it has a new version ({_difference(found.versions, recipe.versions)})"
    if recipe.config is not None and found.config != _plain(recipe.config):
        return f"it was made by another configuration ({_difference(found.config, _plain(recipe.config))})"
    return None


def require(layout: Layout, recipe: Recipe) -> Manifest:
    """The manifest of an input that a stage is about to read.

    Raises:
        StaleInputError: It is missing or out of date; the message names the stage to run.
    """
    reason = why_stale(layout, recipe)
    found = read_manifest(recipe.path)
    if reason is None and found is not None:
        return found
    key = layout.key(recipe.path)
    raise StaleInputError(
        f"'{key}' is needed, but {reason}. Run: {recipe.command}",
        {"artifact": key, "reason": reason or "", "run": recipe.command},
    )


def produce(
    layout: Layout,
    recipe: Recipe,
    write: Callable[[Path], Output],
    *,
    tracker: Tracker,
    force: bool = False,
    keep_previous: bool = False,
) -> StageResult:
    """Make the artifact of `recipe`, unless what is on disk already is that artifact.

    Writes into a sibling folder and renames it into place, so that a killed run leaves the old artifact or the new
    one. A second run that wants the same artifact waits for the first, then finds it fresh.

    Args:
        layout: Where things live.
        recipe: What to make.
        write: Fills the empty folder it is given.
        tracker: Told when something is cached or waited for.
        force: Compute even when nothing changed.
        keep_previous: Leave the replaced artifact as `<name>.previous`.

    Raises:
        StaleInputError: An input is missing or out of date.
        DataError: The data root is read-only or full.
        LockTimeoutError: Another run kept the artifact for too long.
    """
    key = layout.key(recipe.path)
    if not force and why_stale(layout, recipe) is None:
        return _cached(recipe, key, tracker)
    layout.ensure_root()
    with hold(layout.lock(recipe.path), key=key, tracker=tracker):
        _recover(layout, recipe.path)
        if not force and why_stale(layout, recipe) is None:
            return _cached(recipe, key, tracker)
        for item in recipe.inputs:
            require(layout, item)
        try:
            return _write(layout, recipe, write, keep_previous=keep_previous)
        except BaseException as error:
            _record_failure(layout, recipe.path, error)
            raise


def fingerprint(layout: Layout, recipe: Recipe) -> str:
    """A short hash of everything that shapes the output; its inputs must be on disk."""
    config = recipe.config
    inputs = {layout.key(item.path): _version_of(item) for item in recipe.inputs}
    text = json.dumps([dict(recipe.versions), config, inputs], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def hash_files(folder: Path, names: Iterable[str] | None = None) -> str:
    """A short hash over relative names and bytes of the files in `folder`, manifest apart."""
    digest = hashlib.sha256()
    chosen = (
        names if names is not None else (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    )
    for name in sorted(chosen):
        if name == MANIFEST:
            continue
        digest.update(name.encode() + b"\0")
        with (folder / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


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
            config=_plain(recipe.config or {}),
            inputs=inputs,
            metadata=_plain(output.metadata),
            provenance=provenance(),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            wall_seconds=round(time.perf_counter() - started, 2),
        )
        write_json(partial / MANIFEST, {name: getattr(manifest, name) for name in Manifest.__dataclass_fields__})
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


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON through a temporary file, so that a reader never sees half of it."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _replace(layout: Layout, artifact: Path, partial: Path, *, keep_previous: bool) -> None:
    previous = layout.previous(artifact)
    if artifact.exists():
        _remove(previous)
        artifact.rename(previous)
    partial.rename(artifact)
    if not keep_previous:
        _remove(previous)


def _recover(layout: Layout, artifact: Path) -> None:
    """Clear away what a killed run left, and put back the old artifact when it was killed between the two renames."""
    _remove(layout.partial(artifact))
    previous = layout.previous(artifact)
    if previous.exists() and not artifact.exists():
        previous.rename(artifact)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _cached(recipe: Recipe, key: str, tracker: Tracker) -> StageResult:
    manifest = read_manifest(recipe.path)
    assert manifest is not None  # why_stale has just read it
    tracker.message(f"{key}: unchanged, made {manifest.created or 'earlier'}")
    return StageResult(recipe.path, manifest.metadata, manifest.data_version, cached=True)


def _record_failure(layout: Layout, artifact: Path, error: BaseException) -> None:
    record = {
        "key": layout.key(artifact),
        "error": type(error).__name__,
        "message": str(error),
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


def _version_of(recipe: Recipe) -> str | None:
    found = read_manifest(recipe.path)
    return found.data_version if found else None


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """The value as JSON gives it back, so that tuples and lists compare equal."""
    plain: dict[str, Any] = json.loads(json.dumps(value, default=str))
    return plain


def describe_difference(found: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    """The first few settings that differ, `training.epochs: found 3, expected 30`; empty where none does."""
    return _difference(_plain(found), _plain(expected))


def _difference(found: Mapping[str, Any], expected: Mapping[str, Any], prefix: str = "") -> str:
    parts: list[str] = []
    for key in sorted({*found, *expected}):
        ours, theirs = found.get(key, _ABSENT), expected.get(key, _ABSENT)
        if ours == theirs:
            continue
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            parts.append(_difference(ours, theirs, f"{prefix}{key}."))
        else:
            parts.append(f"{prefix}{key}: found {ours}, expected {theirs}")
    return "; ".join(parts[:3])
