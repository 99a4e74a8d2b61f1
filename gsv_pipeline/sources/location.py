"""Where the images of a fetched data set lie, and in which layout: in its artifact folder, below it, or elsewhere."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gsv_pipeline.errors import DataError, few
from gsv_pipeline.sources.published import DATAFRAMES, IMAGES, Listing, read_listing
from gsv_pipeline.sources.rows import BENCHMARK_IMAGES, PHOTOGRAPHS, PUBLISHED

__all__ = [
    "BENCHMARK_IMAGES",
    "LOCATION_FILE",
    "PHOTOGRAPHS",
    "PUBLISHED",
    "Location",
    "find_root",
    "image_root",
    "listing_of",
    "read_location",
    "write_location",
]

LOCATION_FILE: Final = "location.json"
_DEEPEST: Final = 2
_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Location:
    """Where a data set lies.

    Args:
        root: Folder that image ids are relative to.
        layout: Which reader of `catalog.READERS` makes rows of it.
        arguments: Of that reader.
    """

    root: Path
    layout: str = PUBLISHED
    arguments: Mapping[str, Any] = field(default_factory=dict)


def write_location(
    artifact: Path, root: Path, *, layout: str = PUBLISHED, arguments: Mapping[str, Any] | None = None
) -> None:
    """Note in the artifact's folder where the images lie; a folder below the artifact is noted relative to it."""
    inside = root.is_relative_to(artifact)
    note = {
        "root": root.relative_to(artifact).as_posix() if inside else str(root),
        "layout": layout,
        "arguments": dict(arguments or {}),
    }
    path = artifact / LOCATION_FILE
    path.unlink(missing_ok=True)  # never through a link that came with the images
    path.write_text(json.dumps(note) + "\n", encoding="utf-8")


def read_location(artifact: Path) -> Location:
    """Where a fetched data set lies; without a note, in the artifact's folder itself in the published layout.

    Raises:
        DataError: The folder is gone.
    """
    note = artifact / LOCATION_FILE
    if not note.is_file():
        return Location(artifact)
    values = json.loads(note.read_text(encoding="utf-8"))
    root = artifact / values["root"]  # an absolute root stays what it is
    if not Path(values["root"]).is_absolute() and not root.resolve().is_relative_to(artifact.resolve()):
        raise DataError(
            f"{note} leads out of its folder: {values['root']}. Remove {artifact} and fetch the data set again."
        )
    if not root.is_dir():
        raise DataError(
            f"The data set's folder {root} is gone. Put it back, or fetch the data set from where it is now."
        )
    return Location(root, values.get("layout", PUBLISHED), values.get("arguments", {}))


def listing_of(location: Location) -> Listing:
    """The files of a data set, in whatever layout.

    Raises:
        DataError: The folder is gone, or cannot be read.
    """
    return read_listing(location.root, is_published=location.layout == PUBLISHED)


def image_root(artifact: Path) -> Path:
    """The folder that image ids are relative to.

    Raises:
        DataError: The folder is gone.
    """
    return read_location(artifact).root


def find_root(folder: Path, *, called: str = "") -> Path:
    """The folder that holds `Images/`: `folder` itself, or one up to two levels below it; the nearest.

    Archives wrap their content in a folder more or less. Hidden folders and what macOS adds to archives do not count.
    `Dataframes/` may be missing: the catalog rebuilds tables from the names of images.

    Args:
        folder: What was unpacked, or where to look.
        called: What messages call it; its path if nothing.

    Raises:
        DataError: There is no such folder, or several that are equally near.
    """
    subject = called or str(folder)
    level = [folder]
    for _ in range(_DEEPEST + 1):
        candidates = [inner for inner in level if (inner / IMAGES).is_dir()]
        candidates = [inner for inner in candidates if (inner / DATAFRAMES).is_dir()] or candidates
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            names = ", ".join(inner.relative_to(folder).as_posix() for inner in candidates[:_SHOWN])
            raise DataError(
                f"{subject} holds several data sets ({names}), expected one {IMAGES}/ folder. "
                "Use the source 'folder' with one of them."
            )
        level = [below for inner in level for below in _visible(inner) if below.is_dir()]
    found = [item.name + "/" * item.is_dir() for item in _visible(folder)] if folder.is_dir() else ["no such folder"]
    raise DataError(
        f"{subject} is no copy of GSV-Cities: {IMAGES}/ is neither in it nor up to {_DEEPEST} levels below "
        f"(found: {few(found, _SHOWN) or 'an empty folder'}). Expected a folder that holds {IMAGES}/<City>/<image>.jpg."
    )


def _visible(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(item for item in folder.iterdir() if not item.name.startswith(".") and item.name != "__MACOSX")
