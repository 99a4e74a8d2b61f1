"""Pages that a person asks for and nothing depends on: the places of an experiment, the matches of any two folders."""

import hashlib
from pathlib import Path
from typing import Any

from gsv_pipeline import compose
from gsv_pipeline.config import Experiment
from gsv_pipeline.errors import DataError
from gsv_pipeline.layout import Layout
from gsv_pipeline.production import StageResult
from gsv_pipeline.sources.location import image_root
from gsv_pipeline.sources.own import dataset_row
from gsv_pipeline.tracking import Tracker


def show_places(
    layout: Layout,
    experiment: Experiment,
    *,
    tracker: Tracker,
    sample: int = 12,
    seed: int = 1,
    output: Path | None = None,
) -> StageResult:
    """What the experiment's filter selects: a contact sheet of `sample` places, a map and histograms.

    Raises:
        DataError: The catalog holds no such place, or the page cannot be written.
        StaleInputError: There is no catalog, or it is out of date.
    """
    from gsv_pipeline.places.select import clauses_json
    from gsv_pipeline.reports.places_page import write_places_page

    tracker.message(f"Selecting the places of '{experiment.name}'")
    table, clauses = compose.select(layout, experiment)
    page = output or layout.show("places") / f"{experiment.name}.html"
    row = dataset_row(layout, experiment.dataset)
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        write_places_page(
            page,
            experiment=experiment.name,
            table=table,
            clauses=clauses,
            image_root=image_root(layout.dataset(experiment.dataset)),
            sample=sample,
            seed=seed,
            redistributable=row.redistributable,
            licence=row.licence,
        )
    except OSError as error:
        raise _unwritable(page, error) from error
    counts = {"images": len(table), "places": int(table["label"].max()) + 1}
    return StageResult(page, {**counts, "clauses": clauses_json(clauses)}, data_version="", cached=False)


def match(
    layout: Layout,
    experiment: Experiment,
    *,
    database: Path,
    queries: Path,
    tracker: Tracker,
    labels: Path | None = None,
    output: Path | None = None,
) -> StageResult:
    """Any two folders of photographs: describe, search, draw the matches. Not an asset: nothing depends on it."""
    from gsv_pipeline.evaluation.recall import recall_at_k
    from gsv_pipeline.reports.gallery import write_match_page

    found = compose.match_folders(
        layout, experiment, database=database, queries=queries, labels=labels, tracker=tracker
    )
    page = output or layout.match(experiment.name) / f"{_pair_name(database, queries)}.html"
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        write_match_page(
            page,
            title=f"{queries.resolve().name} among {database.resolve().name}, by {experiment.name}",
            queries=found.query_paths,
            database=found.database_paths,
            predictions=found.predictions,
            scores=found.similarities,
            positives=found.positives,
            query_names=found.query_names,
            database_names=found.database_names,
        )
    except OSError as error:
        raise _unwritable(page, error) from error
    facts: dict[str, Any] = {"queries": len(found.query_paths), "database_images": len(found.database_paths)}
    if found.positives is not None and not any(map(len, found.positives)):
        tracker.message("No query has a correct image in the database, so there is no recall")
    elif found.positives is not None:
        recalls = recall_at_k(found.predictions, found.positives, (1, 5, 10))
        facts.update({f"R@{k}": round(value, 4) for k, value in recalls.items()})
    return StageResult(page, facts, data_version="", cached=False)


def _pair_name(database: Path, queries: Path) -> str:
    """A name of its own for every two folders: the same two replace their page, others do not."""
    pair = f"{database.resolve()}\n{queries.resolve()}"
    return f"{queries.resolve().name}-{hashlib.sha256(pair.encode()).hexdigest()[:8]}"


def _unwritable(page: Path, error: OSError) -> DataError:
    return DataError(f"The page {page} cannot be written ({error}). Choose another one with --output.")
