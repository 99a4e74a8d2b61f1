"""The tokens of the images of a benchmark, so that one that changes is noticed, and those that cannot be used."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gsv_pipeline.benchmarks.data import BenchmarkData
from gsv_pipeline.catalog.headers import Look, look_all, quick_look
from gsv_pipeline.tracking import Tracker


@dataclass(frozen=True, slots=True)
class Unusable:
    """An image that is missing or broken.

    Args:
        image_id: Relative to the folder of images.
        why: In words.
    """

    image_id: str
    why: str

    def __str__(self) -> str:
        return f"{self.image_id} ({self.why})"


def look_at_images(data: BenchmarkData, root: Path, *, tracker: Tracker) -> tuple[BenchmarkData, list[Unusable]]:
    """Fill in `content`, from the size and both ends of every file; what cannot be used keeps an empty one.

    Args:
        data: Both sides.
        root: What image ids are relative to.
        tracker: Shows a bar.

    Returns:
        The sides with their tokens, and the images that are missing or broken, database first.
    """
    looks = {side: _looks(table, root, side=side, tracker=tracker) for side, table in data.sides.items()}
    unusable = [
        Unusable(image_id, f"{look.problem.replace('_', ' ')}: {look.detail}")
        for side, table in data.sides.items()
        for image_id, look in zip(table["image_id"], looks[side], strict=True)
        if look.problem
    ]
    contents = {side: ["" if look.problem else look.content for look in found] for side, found in looks.items()}
    database, queries = (table.assign(content=contents[side]) for side, table in data.sides.items())
    return BenchmarkData(database, queries, data.positives), unusable


def without_unusable(data: BenchmarkData) -> BenchmarkData:
    """The benchmark without the images that have no content; positives are renumbered."""
    usable = {side: (table["content"] != "").to_numpy(np.bool_) for side, table in data.sides.items()}
    return data.keep(usable["database"], usable["queries"])


def _looks(table: pd.DataFrame, root: Path, *, side: str, tracker: Tracker) -> list[Look]:
    paths = [f"{root}/{image_id}" for image_id in table["image_id"]]
    return look_all(paths, look=quick_look, tracker=tracker, description=f"Looking at {side}")
