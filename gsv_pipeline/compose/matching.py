"""Any two folders of photographs: described, searched, and scored where something says what is correct."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gsv_pipeline.compose.extraction import image_reader
from gsv_pipeline.compose.models import load_model
from gsv_pipeline.config import Experiment
from gsv_pipeline.evaluation import DEPTH
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking import Tracker


@dataclass(frozen=True, slots=True)
class FolderMatches:
    """Two folders of photographs and what was found in the one for the other.

    Args:
        query_names: Relative to their folder.
        database_names: Relative to their folder.
        predictions: [Q, 25] database rows, best first.
        similarities: [Q, 25] cosine similarities.
        positives: Per query the correct rows; None where nothing says which are.
    """

    query_paths: Sequence[Path]
    database_paths: Sequence[Path]
    query_names: Sequence[str]
    database_names: Sequence[str]
    predictions: Any
    similarities: Any
    positives: Any


def match_folders(
    layout: Layout, experiment: Experiment, *, database: Path, queries: Path, labels: Path | None, tracker: Tracker
) -> FolderMatches:
    """Describe both folders with the experiment's checkpoint and search the one with the other.

    Raises:
        DataError: A folder without images, a damaged image or unusable labels.
        StaleInputError: The experiment has no checkpoint.
    """
    from gsv_pipeline.benchmarks.photographs import positives_from_csv, positives_from_names
    from gsv_pipeline.embeddings.extract import describe
    from gsv_pipeline.images import list_images
    from gsv_pipeline.index.flat import build_flat, search

    paths = {"database": list_images(database), "queries": list_images(queries)}
    shared = {path.resolve() for path in paths["database"]} & {path.resolve() for path in paths["queries"]}
    if shared:
        tracker.message(f"{len(shared)} queries are database images too, and find themselves: recall says little")
    names = {
        side: [path.relative_to(folder).as_posix() for path in paths[side]]
        for side, folder in (("database", database), ("queries", queries))
    }
    positives = (
        positives_from_csv(labels, queries=names["queries"], database=names["database"])
        if labels is not None
        else positives_from_names(paths["queries"], paths["database"])
    )
    model = load_model(layout, experiment)
    described = {
        side: describe(
            model,
            image_reader(paths[side], experiment.described_image),
            tracker=tracker,
            description=f"Describing {side}",
        )
        for side in paths
    }
    predictions, similarities = search(build_flat(described["database"]), described["queries"], DEPTH)
    return FolderMatches(
        paths["queries"], paths["database"], names["queries"], names["database"], predictions, similarities, positives
    )
