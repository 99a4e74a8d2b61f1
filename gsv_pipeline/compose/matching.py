"""Any two folders of photographs: described, searched, and scored where something says what is correct."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gsv_pipeline.compose.extraction import image_reader
from gsv_pipeline.compose.models import load_model
from gsv_pipeline.config import Experiment, ImageInput
from gsv_pipeline.errors import DataError, few
from gsv_pipeline.evaluation import DEPTH
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking import Tracker

if TYPE_CHECKING:
    from torch import nn

_PUT_RIGHT: Final = (
    "Put right or remove what cannot be read, and run the same command again; a match has no --skip-broken."
)


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
    _refuse_broken(paths, tracker=tracker)
    model = load_model(layout, experiment)
    described = {
        side: _described(model, found, side=side, image=experiment.described_image, tracker=tracker)
        for side, found in paths.items()
    }
    predictions, similarities = search(build_flat(described["database"]), described["queries"], DEPTH)
    return FolderMatches(
        paths["queries"], paths["database"], names["queries"], names["database"], predictions, similarities, positives
    )


def _refuse_broken(paths: Mapping[str, Sequence[Path]], *, tracker: Tracker) -> None:
    """Look at both ends of every file before any is described: here no descriptor survives an error."""
    from gsv_pipeline.catalog.headers import look_all, quick_look

    broken: list[str] = []
    for side, found in paths.items():
        looks = look_all(list(map(str, found)), look=quick_look, tracker=tracker, description=f"Looking at {side}")
        broken += [
            f"{path} ({look.problem.replace('_', ' ')}: {look.detail})"
            for path, look in zip(found, looks, strict=True)
            if look.problem
        ]
    if broken:
        raise DataError(
            f"{len(broken):,} of {sum(map(len, paths.values())):,} images cannot be read: "
            f"{few(broken)}. None has been described yet. {_PUT_RIGHT}",
            {"broken": len(broken)},
        )


def _described(model: "nn.Module", paths: Sequence[Path], *, side: str, image: ImageInput, tracker: Tracker) -> Any:
    from gsv_pipeline.embeddings.extract import describe

    try:
        return describe(model, image_reader(paths, image), tracker=tracker, description=f"Describing {side}")
    except DataError as error:  # damage in the middle of a file, which only decoding shows
        raise DataError(f"{error} {_PUT_RIGHT}") from error
