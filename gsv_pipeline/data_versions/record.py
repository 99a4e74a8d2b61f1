"""The small file under git that stands for a version: `<name>.dvc`, or `<name>.version.json` for a hash alone."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import yaml

from gsv_pipeline.data_versions.whole_files import write_whole
from gsv_pipeline.errors import DataError
from gsv_pipeline.layout import MANIFEST
from gsv_pipeline.manifest import Manifest, read_manifest, write_json
from gsv_pipeline.provenance import provenance
from gsv_pipeline.sources.location import PHOTOGRAPHS, PUBLISHED, Location

NOTE: Final = "dvc"
"""Key of the manifest's metadata that holds the hash."""

_FACTS: Final = "gsv_pipeline"
_PUSH: Final = "push"
_HASH_ONLY_SUFFIX: Final = ".json"


@dataclass(frozen=True, slots=True)
class Content:
    """What a version consists of.

    Args:
        md5: DVC's hash of a folder: of the list of its files' names and hashes, with `.dir` behind it.
        size: Bytes.
        nfiles: Number of files.
    """

    md5: str
    size: int
    nfiles: int


@dataclass(frozen=True, slots=True)
class Record:
    """A version as its file tells it.

    Args:
        content: Hash and size.
        stored: DVC keeps the bytes; otherwise the hash is all there is.
        facts: What the manifest said (`manifest`), where the images lie inside the folder (`location`) and the listing
            version when the snapshot was taken (`listing`). Empty where DVC was called by hand.
    """

    content: Content
    stored: bool
    facts: Mapping[str, Any] = field(default_factory=dict)


def parse_record(text: str, *, name: str) -> Record:
    """Read the text of a record called `name`.

    Raises:
        DataError: It is not one folder with its hash.
    """
    try:
        if name.endswith(_HASH_ONLY_SUFFIX):
            values = json.loads(text)
            return Record(_content(values), stored=False, facts=dict(values[_FACTS]))
        values = yaml.safe_load(text)
        (output,) = values["outs"]
        return Record(_content(output), stored=True, facts=dict((values.get("meta") or {}).get(_FACTS, {})))
    except (ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise DataError(
            f"{name} is no version of a data set ({type(error).__name__}: {error}). "
            "Take it from git again (git checkout), or make a new one: gsv-pipeline data snapshot"
        ) from error


def read_record(path: Path) -> Record | None:
    """The record in a file, or None where there is none.

    Raises:
        DataError: It is not one folder with its hash.
    """
    return parse_record(path.read_text(encoding="utf-8"), name=path.name) if path.is_file() else None


def write_hash_only(path: Path, content: Content, *, facts: Mapping[str, Any]) -> None:
    """Write the record of a data set whose bytes DVC does not keep."""
    write_json(path, {**asdict(content), _FACTS: dict(facts)})


def complete_dvc_file(path: Path, *, facts: Mapping[str, Any], push: bool) -> None:
    """Put our facts into the file that DVC wrote, and `push: false` where a plain `dvc push` must pass it over."""
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    values["meta"] = {**(values.get("meta") or {}), _FACTS: dict(facts)}
    _write_dvc_file(path, values, push=push)


def set_push(path: Path, push: bool) -> None:
    """Let DVC push the data set, or not."""
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    if values["outs"][0].get(_PUSH, True) != push:
        _write_dvc_file(path, values, push=push)


def facts_of(manifest: Manifest, *, location: Mapping[str, Any] | None, listing: str) -> dict[str, Any]:
    """What another clone needs to make the folder a fetched data set again."""
    told = asdict(manifest)
    # Machine and packages are those of one fetch; the clone notes its own.
    del told["provenance"], told["wall_seconds"]
    told["metadata"].pop(NOTE, None)
    return {"manifest": told, "location": dict(location) if location else None, "listing": listing}


def note_in_manifest(artifact: Path, manifest: Manifest, record: Record, *, listing: str) -> None:
    """Write `manifest` with the hash of the version. Neither its data version nor its fingerprint change."""
    note = {**asdict(record.content), "stored": record.stored, "listing": listing}
    noted = replace(manifest, metadata={**manifest.metadata, NOTE: note})
    write_json(artifact / MANIFEST, asdict(noted))


def manifest_of(artifact: Path, record: Record) -> Manifest:
    """The manifest that belongs to a version.

    Raises:
        DataError: The version does not tell, and there is no manifest here.
    """
    told = record.facts.get("manifest")
    if told is not None:
        return _manifest(told, artifact)
    found = read_manifest(artifact)
    if found is None:
        raise DataError(
            f"The version of {artifact} was made by `dvc add` itself, so nothing says where the data set is from. "
            f"Fetch it as a folder of its own: gsv-pipeline fetch {artifact.name} --source folder path={artifact}"
        )
    return found


def location_of(artifact: Path, record: Record) -> Location | None:
    """Where the images of a version lie inside its folder; None where that is the folder itself, as published.

    What git holds may be anybody's, so nothing in it may lead out of the folder.

    Raises:
        DataError: It does, or is no location.
    """
    told = record.facts.get("location")
    if told is None:
        return None
    try:
        root, layout, arguments = str(told["root"]), told["layout"], dict(told["arguments"])
    except (KeyError, TypeError, ValueError) as error:
        raise _bad_location(artifact, f"no location ({type(error).__name__}: {error})") from error
    if layout not in (PUBLISHED, PHOTOGRAPHS):
        raise _bad_location(artifact, f"the layout {layout!r}, expected {PUBLISHED} or {PHOTOGRAPHS}")
    for path in (root, arguments.get("table") or ""):
        if Path(str(path)).is_absolute() or ".." in Path(str(path)).parts:
            raise _bad_location(artifact, f"{path}, expected a place inside the folder")
    if not (artifact / root).resolve().is_relative_to(artifact.resolve()):
        raise _bad_location(artifact, f"{root}, which is a link out of the folder")
    return Location(artifact / root, layout, arguments)


def _bad_location(artifact: Path, found: str) -> DataError:
    return DataError(
        f"The version of {artifact} names as the place of its images {found}. Nothing was changed. "
        "See who committed it (git log), and restore another version."
    )


def _manifest(told: Mapping[str, Any], artifact: Path) -> Manifest:
    try:
        return Manifest(**told, provenance=provenance())
    except TypeError as error:
        raise DataError(
            f"The version of {artifact} was made by another release of this project ({error}). "
            "Install the release that made it, or fetch the data set again."
        ) from error


def _content(values: Mapping[str, Any]) -> Content:
    return Content(str(values["md5"]), int(values["size"]), int(values["nfiles"]))


def _write_dvc_file(path: Path, values: dict[str, Any], *, push: bool) -> None:
    (output,) = values["outs"]
    output.pop(_PUSH, None)
    if not push:
        output[_PUSH] = False
    write_whole(path, yaml.safe_dump(values, sort_keys=False, allow_unicode=True).encode())
