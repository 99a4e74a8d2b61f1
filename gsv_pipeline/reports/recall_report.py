"""Gathers what a recall report shows from the artifacts on disk, and has the page written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from gsv_pipeline.artifact_files import PREDICTIONS_FILE, RECALL_FILE, RECALL_PAGE_FILE, TRAINING_HISTORY_FILE
from gsv_pipeline.benchmarks import BenchmarkRow
from gsv_pipeline.benchmarks.images import paths_of
from gsv_pipeline.benchmarks.own import benchmark_row
from gsv_pipeline.benchmarks.seen import benchmark_of
from gsv_pipeline.config import Experiment
from gsv_pipeline.embeddings.store import QUERIES_FILE, load_broken
from gsv_pipeline.evaluation.score import SIMILARITIES_FILE, Score, save_baselines
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_json
from gsv_pipeline.reports.curves import write_curves
from gsv_pipeline.reports.data import BenchmarkImages, RecallRow, ReportData, TrainingCurve
from gsv_pipeline.reports.facts import facts_of, named, provenance_of, retrieval_facts, variant_of
from gsv_pipeline.reports.latency import search_words
from gsv_pipeline.reports.markdown import write_markdown
from gsv_pipeline.reports.measures import distances_to, measure, write_metrics
from gsv_pipeline.reports.page import queries_shown, write_report
from gsv_pipeline.reports.published_results import beside_published

MARKDOWN_FILE: Final = "report.md"


@dataclass(frozen=True, slots=True)
class Shown:
    """What of a report depends on more than the artifacts.

    Args:
        with_images: Show photographs although the benchmark's licence does not admit copies.
        look: Image files -> [h, w] importance of the cells of each; None where the model cannot be asked.
        costs: What describing and searching cost, in reading order.
        skipped: How many broken images the user let pass, as a sentence.
    """

    with_images: bool = False
    look: Callable[[Sequence[Path]], Sequence[npt.NDArray[np.float32]]] | None = None
    costs: Mapping[str, str] = field(default_factory=dict)
    skipped: str = ""


def write_recall_report(
    layout: Layout,
    experiment: Experiment,
    benchmark: str,
    *,
    target: Path,
    score: Score,
    baselines: Sequence[Score],
    shown: Shown,
) -> None:
    """Write the page, its Markdown and the curves beside the predictions, which lie in `target` already.

    Args:
        layout: Where the inputs live.
        experiment: Whose recall it is.
        benchmark: On which it is.
        target: The report's folder.
        score: The experiment's recalls.
        baselines: What it is compared with.
        shown: What depends on more than the artifacts.

    Raises:
        DataError: An image of the gallery cannot be read.
    """
    report = _gather(layout, experiment, benchmark, target=target, scores=[score, *baselines], shown=shown)
    if shown.look and not report.left_out:
        report = _with_looks(report, shown.look)
    save_baselines(target, baselines)
    write_metrics(target, report.measures)
    write_report(target / RECALL_PAGE_FILE, report)
    write_markdown(target / MARKDOWN_FILE, report)
    write_curves(target, report.rows, report.measures)


def _gather(
    layout: Layout, experiment: Experiment, benchmark: str, *, target: Path, scores: Sequence[Score], shown: Shown
) -> ReportData:
    row = benchmark_row(layout, benchmark)
    data = benchmark_of(layout, experiment, benchmark)
    predictions = np.load(target / PREDICTIONS_FILE, allow_pickle=False)
    similarities = np.load(target / SIMILARITIES_FILE, allow_pickle=False)
    retrieval = retrieval_facts(read_json(target / RECALL_FILE), depth=predictions.shape[1])
    paths = paths_of(layout, row, data)
    return ReportData(
        experiment=experiment.name,
        benchmark=benchmark,
        description=f"{experiment.description} {row.description}".strip(),
        rows=[recall_row(score, is_baseline=number > 0) for number, score in enumerate(scores)],
        curve=training_curve(layout.checkpoint(experiment.name)),
        database=_images(data.database, paths["database"]),
        queries=_images(data.queries, paths["queries"]),
        predictions=predictions,
        scores=similarities,
        distances_m=distances_to(data, predictions),
        positives=data.positives,
        facts=facts_of(layout, experiment, benchmark, row=row, data=data, retrieval=retrieval),
        provenance=provenance_of(layout, experiment, benchmark, row=row),
        experiment_yaml=experiment.to_yaml(),
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        measures=measure(
            data,
            predictions,
            similarities,
            published=beside_published(row.published, scores[0].interval_at.get(1)),
            costs={**shown.costs, **_search_cost(layout, experiment, benchmark, images=len(data.database))},
        ),
        left_out="" if row.redistributable or shown.with_images else _left_out(row, experiment, benchmark),
        skipped=_skipped(layout, experiment, benchmark, shown=shown),
        variant=variant_of(row),
    )


def _search_cost(layout: Layout, experiment: Experiment, benchmark: str, *, images: int) -> Mapping[str, str]:
    queries = layout.embeddings(benchmark, experiment.name) / QUERIES_FILE
    return search_words(layout.faiss_index(benchmark, experiment.name), queries, images=images)


def _skipped(layout: Layout, experiment: Experiment, benchmark: str, *, shown: Shown) -> str:
    names = named(load_broken(layout.embeddings(benchmark, experiment.name)))
    return " ".join(text for text in (shown.skipped, names) if text)


def _with_looks(report: ReportData, look: Callable[[Sequence[Path]], Sequence[npt.NDArray[np.float32]]]) -> ReportData:
    queries = queries_shown(report)
    maps = look([report.queries.paths[query] for query in queries])
    return replace(report, looks=dict(zip(queries, maps, strict=True)))


def _left_out(row: BenchmarkRow, experiment: Experiment, benchmark: str) -> str:
    command = f"gsv-pipeline evaluate {benchmark} --experiment {experiment.name}{experiment.settings} --with-images"
    return (
        f"No photographs are shown: their licence ({row.licence}) does not admit copies in a report that may be passed "
        f"on. For yourself: {command}"
    )


def recall_row(score: Score, *, is_baseline: bool = False) -> RecallRow:
    """A score as a line of a table."""
    return RecallRow(score.name, score.recall_at, score.interval_at, is_baseline)


def training_curve(checkpoint: Path) -> TrainingCurve:
    """What training logged; an empty curve for imported weights."""
    path = checkpoint / TRAINING_HISTORY_FILE
    if not path.is_file():
        return TrainingCurve()
    log = read_json(path)
    validations = log["validations"]
    names = [name for name in (validations[0] if validations else {}) if name != "step"]
    return TrainingCurve(
        steps=[int(row["step"]) for row in log["history"]],
        loss=[row["loss"] for row in log["history"]],
        validation_steps=[int(row["step"]) for row in validations],
        validation_recall={name.replace("/", " "): [row[name] for row in validations] for name in names},
        best_step=log["best_step"] if validations else None,
    )


def _images(table: pd.DataFrame, paths: Sequence[Path]) -> BenchmarkImages:
    return BenchmarkImages(
        paths=paths,
        names=table["image_id"].tolist(),
        latlon=_latlon(table),
        dates=[_date(year, month) for year, month in zip(table["year"], table["month"], strict=True)],
        place_ids=table["place_id"].tolist(),
    )


def _date(year: int, month: int) -> str:
    if not year > 0:
        return ""
    return f"{year}-{month:02d}" if month > 0 else f"{year}"


def _latlon(table: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    return table[["lat", "lon"]].to_numpy(np.float64)
