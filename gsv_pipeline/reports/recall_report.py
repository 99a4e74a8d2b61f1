"""Gathers what a recall report shows from the artifacts on disk, and has the page written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from gsv_pipeline.benchmarks import BenchmarkRow
from gsv_pipeline.benchmarks.data import BenchmarkData
from gsv_pipeline.benchmarks.images import paths_of
from gsv_pipeline.benchmarks.own import benchmark_row
from gsv_pipeline.benchmarks.seen import benchmark_of
from gsv_pipeline.config import Experiment
from gsv_pipeline.evaluation.score import PREDICTIONS_FILE, SIMILARITIES_FILE, Score, save_baselines
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import Manifest, read_json, read_manifest
from gsv_pipeline.provenance import provenance
from gsv_pipeline.reports.curves import write_curves
from gsv_pipeline.reports.data import BenchmarkImages, RecallRow, ReportData, TrainingCurve
from gsv_pipeline.reports.markdown import write_markdown
from gsv_pipeline.reports.measures import distances_to, measure
from gsv_pipeline.reports.page import queries_shown, write_report
from gsv_pipeline.reports.published_results import beside_published

PAGE_FILE: Final = "report.html"
MARKDOWN_FILE: Final = "report.md"
HISTORY_FILE: Final = "history.json"


@dataclass(frozen=True, slots=True)
class Shown:
    """What of a report depends on more than the artifacts.

    Args:
        with_images: Show photographs although the benchmark's licence does not admit copies.
        look: Image files -> [h, w] importance of the cells of each; None where the model cannot be asked.
        costs: What describing and searching cost, in reading order.
        skipped: Broken images that the user let pass, as a sentence.
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
    row = benchmark_row(layout, benchmark)
    data = benchmark_of(layout, experiment, benchmark)
    predictions = np.load(target / PREDICTIONS_FILE, allow_pickle=False)
    similarities = np.load(target / SIMILARITIES_FILE, allow_pickle=False)
    published = beside_published(row.published, score.interval_at.get(1))
    paths = paths_of(layout, row, data)
    report = ReportData(
        experiment=experiment.name,
        benchmark=benchmark,
        description=f"{experiment.description} {row.description}".strip(),
        rows=[recall_row(score), *(recall_row(item, is_baseline=True) for item in baselines)],
        curve=training_curve(layout.checkpoint(experiment.name)),
        database=_images(data.database, paths["database"]),
        queries=_images(data.queries, paths["queries"]),
        predictions=predictions,
        scores=similarities,
        distances_m=distances_to(data, predictions),
        positives=data.positives,
        facts=_facts(layout, experiment, benchmark, row, data),
        provenance=_provenance(layout, experiment, benchmark, row),
        experiment_yaml=experiment.to_yaml(),
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        measures=measure(data, predictions, similarities, published=published, costs=shown.costs),
        left_out="" if row.redistributable or shown.with_images else _left_out(row, experiment.name, benchmark),
        skipped=shown.skipped,
    )
    if shown.look and not report.left_out:
        report = _with_looks(report, shown.look)
    save_baselines(target, baselines)
    write_report(target / PAGE_FILE, report)
    write_markdown(
        target / MARKDOWN_FILE,
        title=f"{experiment.name} on {benchmark}",
        protocol=f"{_variant(row)}. {experiment.description}".strip(),
        rows=report.rows,
        measures=report.measures,
        provenance=report.provenance,
    )
    write_curves(target, report.rows, report.measures)


def _with_looks(report: ReportData, look: Callable[[Sequence[Path]], Sequence[npt.NDArray[np.float32]]]) -> ReportData:
    queries = queries_shown(report)
    maps = look([report.queries.paths[query] for query in queries])
    return replace(report, looks=dict(zip(queries, maps, strict=True)))


def _left_out(row: BenchmarkRow, experiment: str, benchmark: str) -> str:
    return (
        f"No photographs are shown: their licence ({row.licence}) does not admit copies in a report that may be passed "
        f"on. For yourself: gsv-pipeline evaluate {benchmark} --experiment {experiment} --with-images"
    )


def _variant(row: BenchmarkRow) -> str:
    return f"{row.variant}: {row.protocol.words}" if row.variant else row.protocol.words


def recall_row(score: Score, *, is_baseline: bool = False) -> RecallRow:
    """A score as a line of a table."""
    return RecallRow(score.name, score.recall_at, score.interval_at, is_baseline)


def training_curve(checkpoint: Path) -> TrainingCurve:
    """What training logged; an empty curve for imported weights."""
    path = checkpoint / HISTORY_FILE
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


def _facts(
    layout: Layout, experiment: Experiment, benchmark: str, row: BenchmarkRow, data: BenchmarkData
) -> Mapping[str, str]:
    lengths = [len(rows) for rows in data.positives]
    facts = {
        "Variant": row.variant,
        "A hit is": row.protocol.words,
        "Database images": f"{len(data.database):,}",
        "Database places": f"{data.database['place_id'].nunique():,}",
        "Queries": f"{len(data.queries):,} of {data.queries['place_id'].nunique():,} places",
        "Positives per query": f"{np.mean(lengths):.1f} on average, {min(lengths)} to {max(lengths)}",
        "Database years": _span(data.database["year"]),
        "Query years": _span(data.queries["year"]),
        "Licence of the images": row.licence,
        "Source": row.source,
    }
    facts = {name: value for name, value in facts.items() if value}
    made = read_manifest(layout.benchmark(benchmark))
    if made and made.metadata.get("deviations"):
        facts["Not as published"] = "; ".join(made.metadata["deviations"])
    trained = read_manifest(layout.places(experiment.name)) if experiment.training else None
    if trained:
        counts = trained.metadata
        facts["Trained on"] = (
            f"{counts['images']:,} images of {counts['places']:,} places in {', '.join(counts['cities'])} "
            f"(data set {experiment.dataset})"
        )
    return facts


def _provenance(layout: Layout, experiment: Experiment, benchmark: str, row: BenchmarkRow) -> Mapping[str, str]:
    now = provenance()
    checkpoint = read_manifest(layout.checkpoint(experiment.name))
    data = {"": row.dataset} if row.dataset else {}
    if experiment.training and experiment.dataset != row.dataset:
        data[" of training"] = experiment.dataset
    steps = {
        **{f"Data version{of}": read_manifest(layout.dataset(name)) for of, name in data.items()},
        **{f"Catalog version{of}": read_manifest(layout.catalog(name)) for of, name in data.items()},
        "Benchmark version": read_manifest(layout.benchmark(benchmark)),
        "Checkpoint version": checkpoint,
        "Descriptors version": read_manifest(layout.embeddings(benchmark, experiment.name)),
    }
    return {
        **{name: _version(manifest) for name, manifest in steps.items() if manifest},
        **{f"Snapshot{of}": _snapshot(layout, name) for of, name in data.items()},
        "Code version": f"gsv-pipeline {now['gsv_pipeline']}" + (f", commit {now['git']}" if now["git"] else ""),
        "Seed": str(experiment.seed),
        "Training time": _duration(checkpoint) if experiment.training else "not trained here",
        "Packages": ", ".join(f"{name} {version}" for name, version in now["packages"].items()),
        "Machine": f"{now['platform']}, Python {now['python']}, {now['cpus']} processors",
    }


def _version(manifest: Manifest) -> str:
    return f"{manifest.data_version} (config {manifest.fingerprint}, made {manifest.created})"


def _snapshot(layout: Layout, dataset: str) -> str:
    """The hash under which DVC keeps the data set, if what the catalog was made of is what it keeps."""
    manifest, catalog = read_manifest(layout.dataset(dataset)), read_manifest(layout.catalog(dataset))
    snapshot = manifest.metadata.get("dvc") if manifest else None
    if manifest is None or snapshot is None:
        return f"none; gsv-pipeline data snapshot {dataset} makes one"
    files = (catalog.config.get("files") if catalog else None) or manifest.data_version
    if files != snapshot.get("listing"):
        return f"none of these files: they changed after md5 {snapshot['md5']}"
    return f"md5 {snapshot['md5']}, {snapshot['nfiles']} files"


def _duration(manifest: Manifest | None) -> str:
    return f"{manifest.wall_seconds:.0f} s" if manifest else "unknown"


def _span(years: "pd.Series[int]") -> str:
    known = years[years > 0]
    return f"{known.min()} to {known.max()}" if len(known) else ""
