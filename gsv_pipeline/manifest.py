"""manifest.json beside each artifact: what it was made from, and whether that still holds."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gsv_pipeline.errors import DataError, StaleInputError
from gsv_pipeline.layout import MANIFEST, Layout

SCHEMA: Final = 1
ABSENT: Final = "nothing"
_MINUTE: Final = 16  # characters of an ISO time
_TOLD: Final = 3
"""Settings that differ, in a message."""
_OTHER_SETTINGS: Final = "it was made by another configuration"


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
    has_settings: bool = False


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
        return f"the code that makes it has a new version ({describe_difference(found.versions, recipe.versions)})"
    if recipe.config is not None and found.config != as_json(recipe.config):
        return f"{_OTHER_SETTINGS} ({describe_difference(found.config, recipe.config)})"
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
    is_other = recipe.has_settings and reason is not None and reason.startswith(_OTHER_SETTINGS)
    repeat = " Repeat the settings that it was made with (KEY=VALUE), or make it anew." if is_other else ""
    first = _first_to_make(layout, recipe)
    begin = "" if first is recipe else f" Begin with what it is made of: {first.command}"
    raise StaleInputError(
        f"'{key}' is needed, but {reason}.{repeat} Run: {recipe.command}.{begin}".removesuffix("."),
        {"artifact": key, "reason": reason or "", "run": recipe.command, "begin": first.command},
    )


def _first_to_make(layout: Layout, recipe: Recipe) -> Recipe:
    """The furthest input that is missing or out of date: until it is made, what follows it is refused."""
    behind = next((item for item in recipe.inputs if why_stale(layout, item)), None)
    return recipe if behind is None else _first_to_make(layout, behind)


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


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON through a temporary file, so that a reader never sees half of it."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def read_json(path: Path) -> Any:
    """Read a JSON file that the pipeline wrote.

    Raises:
        DataError: Missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} is not readable ({error}). Remove the folder {path.parent} and make it again."
        ) from error


def _version_of(recipe: Recipe) -> str | None:
    found = read_manifest(recipe.path)
    return found.data_version if found else None


def as_json(value: Mapping[str, Any]) -> dict[str, Any]:
    """The value as JSON gives it back, so that tuples and lists compare equal."""
    plain: dict[str, Any] = json.loads(json.dumps(value, default=str))
    return plain


def to_minute(time: str) -> str:
    """An ISO time for a reader; empty where there is none."""
    return time[:_MINUTE].replace("T", " ")


def describe_difference(found: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    """The first few settings that differ, `training.epochs: found 3, expected 30`; empty where none does."""
    differing = list(differences(as_json(found), as_json(expected)))
    return "; ".join(f"{name}: found {ours}, expected {theirs}" for name, ours, theirs in differing[:_TOLD])


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every setting that differs, by name, with dots for what is nested: the name and both values, or `nothing`."""
    for key in sorted({*ours, *theirs}):
        pair = ours.get(key, ABSENT), theirs.get(key, ABSENT)
        if all(isinstance(value, Mapping) for value in pair):
            yield from differences(*pair, f"{prefix}{key}.")
        elif pair[0] != pair[1]:
            yield f"{prefix}{key}", *pair
