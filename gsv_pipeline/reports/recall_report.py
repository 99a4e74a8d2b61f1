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
from gsv_pipeline.evaluation.score import SIMILARITIES_FILE, Score, load_baselines, load_score, save_baselines
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_json, write_json
from gsv_pipeline.reports.curves import write_curves
from gsv_pipeline.reports.data import BenchmarkImages, RecallRow, ReportData, TrainingCurve
from gsv_pipeline.reports.facts import (
    deviation_words,
    deviations_of,
    facts_of,
    named,
    provenance_of,
    retrieval_facts,
    variant_of,
)
from gsv_pipeline.reports.latency import search_words
from gsv_pipeline.reports.markdown import write_markdown
from gsv_pipeline.reports.measures import distances_to, measure, write_metrics
from gsv_pipeline.reports.page import queries_shown, write_report
from gsv_pipeline.reports.published_results import beside_published, why_no_verdict

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

    Deviations from what was published go into `recall.json`, so that they stay with the numbers wherever these go.

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
    _keep_deviations(target / RECALL_FILE, deviations_of(layout, benchmark))
    report = _gather(layout, experiment, benchmark, target=target, scores=[score, *baselines], shown=shown)
    if shown.look and not report.left_out:
        report = _with_looks(report, shown.look)
    save_baselines(target, baselines)
    write_metrics(target, report.measures)
    write_report(target / RECALL_PAGE_FILE, report)
    write_markdown(target / MARKDOWN_FILE, report)
    write_curves(target, report.rows, report.measures)


def _keep_deviations(path: Path, deviations: Sequence[str]) -> None:
    if deviations:
        write_json(path, {**read_json(path), "deviations": list(deviations)})


def _gather(
    layout: Layout, experiment: Experiment, benchmark: str, *, target: Path, scores: Sequence[Score], shown: Shown
) -> ReportData:
    row, deviations = benchmark_row(layout, benchmark), deviations_of(layout, benchmark)
    data = benchmark_of(layout, experiment, benchmark)
    skipped = _skipped(layout, experiment, benchmark, shown=shown)
    no_verdict = why_no_verdict(deviations, skipped)
    predictions = np.load(target / PREDICTIONS_FILE, allow_pickle=False)
    similarities = np.load(target / SIMILARITIES_FILE, allow_pickle=False)
    retrieval = retrieval_facts(read_json(target / RECALL_FILE), depth=predictions.shape[1])
    paths = paths_of(layout, row, data)
    return ReportData(
        experiment=experiment.name,
        benchmark=benchmark,
        description=f"{experiment.description} {row.description}".strip(),
        rows=[
            recall_row(score, is_baseline=number > 0, database_images=len(data.database))
            for number, score in enumerate(scores)
        ],
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
            published=beside_published(row.published, None if no_verdict else scores[0].interval_at.get(1)),
            no_verdict=no_verdict,
            costs={**shown.costs, **_search_cost(layout, experiment, benchmark, images=len(data.database))},
            radius_m=row.protocol.radius_m,
        ),
        left_out="" if row.redistributable or shown.with_images else _left_out(row, experiment, benchmark),
        deviates=deviation_words(deviations),
        skipped=skipped,
        variant=variant_of(row, deviations),
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


def recall_row(score: Score, *, is_baseline: bool = False, database_images: int | None = None) -> RecallRow:
    """A score as a line of a table.

    Args:
        score: Recalls at every K.
        is_baseline: Drawn muted.
        database_images: There is no recall at a K beyond these; None keeps all.
    """
    kept = [k for k in score.recall_at if database_images is None or k <= database_images]
    intervals = {k: score.interval_at[k] for k in kept if k in score.interval_at}
    return RecallRow(score.name, {k: score.recall_at[k] for k in kept}, intervals, is_baseline)


def rows_on_disk(folder: Path) -> list[RecallRow]:
    """The lines of the report in `folder`: the experiment, then its baselines."""
    images = read_json(folder / RECALL_FILE).get("database_images")  # reports of before do not know
    baselines = [recall_row(item, is_baseline=True, database_images=images) for item in load_baselines(folder)]
    return [recall_row(load_score(folder), database_images=images), *baselines]


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
