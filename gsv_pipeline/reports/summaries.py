"""Each artifact in a glance, as Markdown for the Dagster UI: tables, contact sheets and figures, read from files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from gsv_pipeline.benchmarks import BENCHMARKS
from gsv_pipeline.benchmarks.data import load_benchmark
from gsv_pipeline.catalog.report import REPORT_FILE
from gsv_pipeline.catalog.schema import CATALOG_FILE
from gsv_pipeline.config import Experiment
from gsv_pipeline.errors import DataError
from gsv_pipeline.evaluation.score import load_baselines, load_score
from gsv_pipeline.layout import Layout
from gsv_pipeline.places.select import PLACES_FILE
from gsv_pipeline.reports import figures, tables
from gsv_pipeline.reports.data import RecallRow
from gsv_pipeline.reports.leaderboard import LEADERBOARD_FILE
from gsv_pipeline.reports.previews import contact_sheet_markdown, figure_markdown
from gsv_pipeline.reports.recall_report import recall_row, training_curve
from gsv_pipeline.sources.published import IMAGES, image_root

COLUMNS: Final = 6
ROWS: Final = 3


def dataset_sheet(layout: Layout, dataset: str) -> str:
    """Photographs of a data set: a row per city, spread over its places."""
    root = image_root(layout.dataset(dataset)) / IMAGES
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    names = {folder: sorted(path.name for path in folder.iterdir()) for folder in _spread(folders, 2 * ROWS)}
    return _sheet([folder / name for folder, found in names.items() for name in _spread(found, COLUMNS)])


def catalog_table(layout: Layout, dataset: str) -> str:
    """Images, places and years of every city, then what validation found."""
    folder = layout.catalog(dataset)
    table = pd.read_parquet(folder / CATALOG_FILE, columns=["city", "place_id", "year"])
    cities = table.groupby("city").agg(
        images=("place_id", "size"), places=("place_id", "nunique"), first=("year", "min"), last=("year", "max")
    )
    rows = [[city, *map(int, values)] for city, *values in cities.itertuples()]
    findings = json.loads((folder / REPORT_FILE).read_text(encoding="utf-8"))["findings"]
    broken = [[item["severity"], item["meaning"], item["count"]] for item in findings if item["count"]]
    parts = [_markdown(["city", "images", "places", "from", "to"], rows)]
    parts.append(_markdown(["severity", "finding", "count"], broken) if broken else "Validation found nothing.")
    return "\n\n".join(parts)


def places_sheet(layout: Layout, experiment: Experiment) -> str:
    """Photographs that training sees: a row per place."""
    if experiment.training is None:
        return "The experiment imports weights, so it needs no places."
    table = pd.read_parquet(layout.places(experiment.name) / PLACES_FILE, columns=["label", "image_id"])
    chosen = _spread(sorted(table["label"].unique()), ROWS)
    images = {label: table.loc[table["label"] == label, "image_id"].tolist() for label in chosen}
    columns = min(COLUMNS, *map(len, images.values()))
    root = image_root(layout.dataset(experiment.dataset))
    paths = [root / image_id for found in images.values() for image_id in _spread(found, columns)]
    return _sheet(paths, columns=columns)


def benchmark_sheet(layout: Layout, benchmark: str) -> str:
    """Queries in the upper row; below each of them one of its positives."""
    data = load_benchmark(layout.benchmark(benchmark))
    root = image_root(layout.dataset(BENCHMARKS[benchmark].dataset))
    chosen = _spread([row for row, found in enumerate(data.positives) if len(found)], COLUMNS)
    queries = data.queries["image_id"].iloc[chosen]
    positives = data.database["image_id"].iloc[[int(data.positives[row][0]) for row in chosen]]
    return _sheet([root / image_id for image_id in [*queries, *positives]], columns=len(chosen))


def training_figure(layout: Layout, experiment: Experiment) -> str:
    """Loss and validation recall by step."""
    curve = training_curve(layout.checkpoint(experiment.name))
    if not curve.steps:
        return "The weights were imported, so there is no training curve."
    return figure_markdown(figures.training_curve(curve, image_format="png"), "Loss and validation recall by step")


def recall_table(layout: Layout, experiment: Experiment, benchmark: str) -> str:
    """Recall of the experiment and its baselines."""
    return tables.recall_table_markdown(_recall_rows(layout.recall_report(benchmark, experiment.name)))


def recall_figure(layout: Layout, experiment: Experiment, benchmark: str) -> str:
    """Recall over K of the experiment and its baselines."""
    rows = _recall_rows(layout.recall_report(benchmark, experiment.name))
    return figure_markdown(figures.recall_curve(rows, image_format="png"), f"Recall on {benchmark}")


def leaderboard_table(layout: Layout) -> str:
    """A table per benchmark, in the order of the page."""
    found = json.loads((layout.leaderboard() / LEADERBOARD_FILE).read_text(encoding="utf-8"))
    benchmarks = sorted({row["benchmark"] for row in found})
    parts = []
    for benchmark in benchmarks:
        rows = [_leaderboard_row(row) for row in found if row["benchmark"] == benchmark]
        parts.append(f"**{benchmark}**\n\n{tables.recall_table_markdown(rows)}")
    return "\n\n".join(parts) or "There is no recall report yet."


def _recall_rows(folder: Path) -> list[RecallRow]:
    baselines = [recall_row(item, is_baseline=True) for item in load_baselines(folder)]
    return [recall_row(load_score(folder)), *baselines]


def _leaderboard_row(row: dict[str, Any]) -> RecallRow:
    recalls = {int(k): float(value) for k, value in row["recall_at"].items()}
    intervals = {int(k): (float(low), float(high)) for k, (low, high) in row["interval_at"].items()}
    return RecallRow(row["experiment"], recalls, intervals, is_baseline="of" in row)


def _spread(items: Sequence[Any], count: int) -> list[Any]:
    """At most `count` of the items, evenly spread, the first and the last among them."""
    rows = np.unique(np.linspace(0, len(items) - 1, min(count, len(items))).astype(np.int64))
    return [items[row] for row in rows]


def _sheet(paths: Sequence[Path], columns: int = COLUMNS) -> str:
    try:
        return contact_sheet_markdown(paths, columns=columns)
    except DataError as error:  # a look at an artifact must not fail the stage that made it: its audit will say so
        return f"No picture: {error}"


def _markdown(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, [":--" if isinstance(cell, str) else "--:" for cell in (rows[0] if rows else head)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
