"""Each artifact in a glance, as Markdown for the Dagster UI: tables, contact sheets and figures, read from files."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from gsv_pipeline.artifact_files import RECALL_FILE
from gsv_pipeline.benchmarks.data import load_benchmark
from gsv_pipeline.benchmarks.images import root_of
from gsv_pipeline.benchmarks.own import benchmark_row
from gsv_pipeline.catalog.report import ValidationReport, read_report
from gsv_pipeline.catalog.schema import CATALOG_FILE, QUARANTINE_FILE
from gsv_pipeline.config import Experiment
from gsv_pipeline.errors import DataError
from gsv_pipeline.images import SUFFIXES
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_json
from gsv_pipeline.places.select import PLACES_FILE
from gsv_pipeline.reports import figures, places_data, places_figures, tables
from gsv_pipeline.reports.data import RecallRow
from gsv_pipeline.reports.facts import number_words, skipped_words, variant_of
from gsv_pipeline.reports.leaderboard import LEADERBOARD_FILE
from gsv_pipeline.reports.places_page import LeftOver, filter_steps
from gsv_pipeline.reports.previews import contact_sheet_markdown, figure_markdown
from gsv_pipeline.reports.recall_report import rows_on_disk, training_curve
from gsv_pipeline.reports.validation_page import broken_rules, city_rows, level_text, share_text
from gsv_pipeline.sources.location import image_root
from gsv_pipeline.sources.published import IMAGES

Row = Sequence[str | int]

COLUMNS: Final = 6
ROWS: Final = 3
PLACES: Final = 6
_EXAMPLE: Final = 36  # characters
PLACE_HEIGHT: Final = 96  # pixels; six places of six photographs stay below 300 KB of Markdown
NO_PLACES: Final = "The experiment is not trained here, so it needs no places."


def dataset_sheet(layout: Layout, dataset: str) -> str:
    """Photographs of a data set: a row per city, spread over its places; of other layouts, a row per folder."""
    root = image_root(layout.dataset(dataset))
    inside = root / IMAGES if (root / IMAGES).is_dir() else root
    folders = sorted(path for path in inside.iterdir() if path.is_dir()) or [inside]
    names = {folder: _image_names(folder) for folder in _spread(folders, 2 * ROWS)}
    return _sheet([folder / name for folder, found in names.items() for name in _spread(found, COLUMNS)])


def _image_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def catalog_table(layout: Layout, dataset: str) -> str:
    """Images, places, years and quarantine of every city, under the verdict of validation."""
    folder = layout.catalog(dataset)
    catalog = pd.read_parquet(folder / CATALOG_FILE, columns=["city", "place_id", "year"])
    cities = city_rows(catalog, pd.read_parquet(folder / QUARANTINE_FILE, columns=["city"]))
    rows: list[Row] = [[row.city, row.images, row.places, row.years, row.quarantined] for row in cities]
    table = tables.markdown_table(["city", "images", "places", "years", "in quarantine"], rows)
    return f"{_verdict(read_report(layout.catalog(dataset)))}\n\n{table}"


def validation_table(layout: Layout, dataset: str) -> str:
    """The verdict of validation, then every broken rule with its first example."""
    report = read_report(layout.catalog(dataset))
    rows: list[Row] = [
        [
            item.severity,
            item.meaning,
            item.count,
            share_text(item.share),
            _code(_short(item.examples[0] if item.examples else "")),
        ]
        for item in broken_rules(report)
    ]
    head = ["severity", "what was found", "count", "share", "first example"]
    return f"{_verdict(report)}\n\n{tables.markdown_table(head, rows) if rows else 'Nothing broke a rule.'}"


def _short(text: str) -> str:
    """The end of a long text, where names differ: a wide table is cut off in the UI."""
    return text if len(text) <= _EXAMPLE else f"…{text[-_EXAMPLE:]}"


def places_sheet(layout: Layout, experiment: Experiment) -> str:
    """Photographs that training sees: a row for each of a few places drawn at random."""
    if experiment.training is None:
        return NO_PLACES
    root = image_root(layout.dataset(experiment.dataset))
    table = _places(layout, experiment, places_data.COLUMNS)
    parts = []
    for place in places_data.sample_places(table, PLACES, seed=1, images=COLUMNS):
        when = f", {place.years}" if place.years else ""
        sheet = _sheet([root / name for name in place.rows["image_id"]], height=PLACE_HEIGHT)
        parts.append(f"{_code(place.place_id)}: {place.images} images{when}\n\n{sheet}")
    return "\n\n".join(parts)


def places_map_figure(layout: Layout, experiment: Experiment) -> str:
    """Where the places are that training sees: in metres, or as a dot for each city on a map of the world."""
    if experiment.training is None:
        return NO_PLACES
    latlon, cities = places_data.locations(_places(layout, experiment, ["label", "city", "lat", "lon"]))
    if len(latlon) == 0:
        return "There is no map: no place has coordinates."
    drawn = places_figures.places_map(latlon, cities, image_format="png")
    return figure_markdown(drawn, f"Map of {len(latlon):,} places")


def places_histograms(layout: Layout, experiment: Experiment) -> str:
    """Images per place, per year and per month of what training sees, side by side."""
    if experiment.training is None:
        return NO_PLACES
    table = _places(layout, experiment, ["label", "year", "month"])
    years, months = (table[name].to_numpy(dtype=np.int64) for name in ("year", "month"))
    drawn = places_figures.histograms(places_data.images_per_place(table), years, months=months)
    return figure_markdown(drawn, "Images per place, per year and per month")


def clauses_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """What each clause of a filter left and removed.

    Args:
        rows: Each with name, images and places (left after the clause), in the order of the filter.
    """
    if not rows:
        return "What the filter removed was not recorded."
    steps = filter_steps([LeftOver(str(row["name"]), int(row["images"]), int(row["places"])) for row in rows])
    head = ["clause", "images left", "places left", "images removed", "places removed"]
    return tables.markdown_table(
        head, [[step.name, step.images, step.places, step.removed_images, step.removed_places] for step in steps]
    )


def benchmark_sheet(layout: Layout, benchmark: str) -> str:
    """Queries in the upper row; below each of them one of its positives."""
    data = load_benchmark(layout.benchmark(benchmark))
    root = root_of(layout, benchmark_row(layout, benchmark))
    answered = [row for row, found in enumerate(data.positives) if len(found)]
    if not answered:
        return "The answers are hidden, so there is nothing to show below the queries."
    chosen = _spread(answered, COLUMNS)
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
    """Recall of the experiment and its baselines, under the variant of the benchmark and what was let pass."""
    folder = layout.recall_report(benchmark, experiment.name)
    stored = read_json(folder / RECALL_FILE)
    precise, deviations = number_words(stored), stored.get("deviations", ())
    parts = [
        f"**{benchmark}**: {tables.markdown_cell(variant_of(benchmark_row(layout, benchmark), deviations))}.",
        tables.recall_table_markdown(rows_on_disk(folder)),
        f"Descriptors computed in {precise}." if precise else "",
        skipped_words(stored),
    ]
    return "\n\n".join(part for part in parts if part)


def recall_figure(layout: Layout, experiment: Experiment, benchmark: str) -> str:
    """Recall over K of the experiment and its baselines."""
    rows = rows_on_disk(layout.recall_report(benchmark, experiment.name))
    return figure_markdown(figures.recall_curve(rows, image_format="png"), f"Recall on {benchmark}")


def leaderboard_table(layout: Layout) -> str:
    """A table per benchmark, in the order of the page."""
    found = json.loads((layout.leaderboard() / LEADERBOARD_FILE).read_text(encoding="utf-8"))
    benchmarks = sorted({row["benchmark"] for row in found})
    parts = []
    for benchmark in benchmarks:
        rows = [row for row in found if row["benchmark"] == benchmark]
        variant = next((row["variant"] for row in rows if row.get("variant")), "")  # not in tables of before
        head = f"**{benchmark}**: {tables.markdown_cell(variant)}." if variant else f"**{benchmark}**"
        parts.append(f"{head}\n\n{tables.recall_table_markdown([_leaderboard_row(row) for row in rows])}")
    return "\n\n".join(parts) or "There is no recall report yet."


def _leaderboard_row(row: dict[str, Any]) -> RecallRow:
    recalls = {int(k): float(value) for k, value in row["recall_at"].items()}
    intervals = {int(k): (float(low), float(high)) for k, (low, high) in row["interval_at"].items()}
    return RecallRow(row["experiment"], recalls, intervals, is_baseline="of" in row)


def _spread(items: Sequence[Any], count: int) -> list[Any]:
    """At most `count` of the items, evenly spread, the first and the last among them."""
    rows = np.unique(np.linspace(0, len(items) - 1, min(count, len(items))).astype(np.int64))
    return [items[row] for row in rows]


def _sheet(paths: Sequence[Path], columns: int = COLUMNS, *, height: int = 120) -> str:
    try:
        return contact_sheet_markdown(paths, columns=columns, thumb_height=height)
    except DataError as error:  # a look at an artifact must not fail the stage that made it: its audit will say so
        return f"No picture: {error}"


def _verdict(report: ValidationReport) -> str:
    return (
        f"**{'Sound' if report.is_sound else 'Not sound'}**: {report.quarantined:,} of "
        f"{report.looked_at.get('image', 0):,} images in quarantine ({share_text(report.quarantined_share)}, the limit "
        f"is {share_text(report.limit)}). Level '{report.level}': {level_text(report.level)}."
    )


def _places(layout: Layout, experiment: Experiment, columns: Sequence[str]) -> pd.DataFrame:
    return pd.read_parquet(layout.places(experiment.name) / PLACES_FILE, columns=list(columns))


def _code(name: str) -> str:
    """A name as it is: its underscores and stars are not Markdown."""
    return f"`{name.replace('`', chr(39))}`" if name else ""
