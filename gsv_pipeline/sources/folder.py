"""The `folder` source: an existing copy, never changed and never copied."""

from pathlib import Path
from typing import Any

from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.sources.location import find_root, write_location
from gsv_pipeline.sources.rows import PUBLISHED
from gsv_pipeline.tracking import Tracker


def fetch(
    target: Path, *, tracker: Tracker, path: str, lists: str | None = None, layout: str = PUBLISHED
) -> dict[str, Any]:
    """Record where the copy lies.

    Args:
        target: Artifact folder; it only gets a note of the place.
        tracker: Told what is used.
        path: In the published layout the folder that holds `Images/` and `Dataframes/`, or one above it; else the
            folder of the images to test on.
        lists: Folder of published lists of images and ground truth, where they are not beside the images.
        layout: What the data set is laid out like.

    Raises:
        ConfigError: Lists for a data set that has none.
        DataError: A folder is missing or laid out differently.
    """
    root = Path(str(path)).expanduser().resolve()  # a folder called 2024 arrives as a number
    if layout == PUBLISHED and lists is not None:
        raise ConfigError("source 'folder': 'lists' is for images to test on; this data set has tables of its own.")
    root = find_root(root) if layout == PUBLISHED else _existing(root)
    facts = {"path": str(root)}
    if lists is not None:
        facts["lists"] = str(_existing(Path(str(lists)).expanduser().resolve()))
    write_location(target, root, layout=layout, arguments={"lists": facts["lists"]} if lists is not None else None)
    tracker.message(f"Using {root} where it lies")
    return facts


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder. Expected the one that holds the images or lists; check the path.")
    if not any(folder.iterdir()):
        raise DataError(f"{folder} is empty. Expected the images or lists in it.")
    return folder
