"""The `folder` source: an existing copy in the published layout, never changed and never copied."""

from pathlib import Path
from typing import Any

from gsv_pipeline.sources.location import find_root, write_location
from gsv_pipeline.tracking import Tracker


def fetch(target: Path, *, tracker: Tracker, path: str) -> dict[str, Any]:
    """Record where the copy lies.

    Args:
        target: Artifact folder; it only gets a note of the place.
        tracker: Unused: nothing here takes long.
        path: Folder that holds `Images/` and `Dataframes/`, or one above it.

    Raises:
        DataError: The folder is missing or laid out differently.
    """
    root = Path(str(path)).expanduser().resolve()  # a folder called 2024 arrives as a number
    root = find_root(root)
    write_location(target, root)
    tracker.message(f"Using {root} where it lies")
    return {"path": str(root)}
