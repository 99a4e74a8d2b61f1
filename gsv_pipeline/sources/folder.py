"""The `folder` source: an existing copy in the published layout, never changed and never copied."""

from pathlib import Path
from typing import Any

from gsv_pipeline.errors import DataError
from gsv_pipeline.sources.published import DATAFRAMES, IMAGES, write_location
from gsv_pipeline.tracking import Tracker


def fetch(target: Path, *, tracker: Tracker, path: str) -> dict[str, Any]:
    """Record where the copy lies.

    Args:
        target: Artifact folder; it only gets a note of the place.
        tracker: Unused: nothing here takes long.
        path: Folder that holds `Images/` and `Dataframes/`.

    Raises:
        DataError: The folder is missing or laid out differently.
    """
    root = Path(str(path)).expanduser().resolve()  # a folder called 2024 arrives as a number
    missing = [name for name in (DATAFRAMES, IMAGES) if not (root / name).is_dir()]
    if missing:
        found = ", ".join(sorted(item.name for item in root.iterdir())[:8]) if root.is_dir() else "no such folder"
        raise DataError(
            f"{root} is no copy of GSV-Cities: {' and '.join(missing)} missing (found: {found or 'an empty folder'}). "
            f"Expected a folder that holds {IMAGES}/<City>/ and {DATAFRAMES}/<City>.csv."
        )
    write_location(target, root)
    tracker.message(f"Using {root} where it lies")
    return {"path": str(root)}
