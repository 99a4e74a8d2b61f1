"""Gathers what a recall report shows from the artifacts on disk, and has the page written."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from gsv_pipeline.benchmarks import BENCHMARKS
from gsv_pipeline.benchmarks.data import BenchmarkData, load_benchmark
from gsv_pipeline.config import Experiment
from gsv_pipeline.evaluation.score import PREDICTIONS_FILE, SIMILARITIES_FILE, Score, save_baselines
from gsv_pipeline.geo import distance_m
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import Manifest, read_json, read_manifest
from gsv_pipeline.provenance import provenance
from gsv_pipeline.reports.data import BenchmarkImages, RecallRow, ReportData, TrainingCurve
from gsv_pipeline.reports.page import write_report
from gsv_pipeline.sources.location import image_root

PAGE_FILE: Final = "report.html"
HISTORY_FILE: Final = "history.json"


def write_recall_report(
    layout: Layout,
    experiment: Experiment,
    benchmark: str,
    *,
    target: Path,
    score: Score,
    baselines: Sequence[Score],
) -> None:
    """Write `report.html` and `baselines.json` into `target`, which holds the predictions already.

    Args:
        layout: Where the inputs live.
        experiment: Whose recall it is.
        benchmark: On which it is.
        target: The report's folder.
        score: The experiment's recalls.
        baselines: What it is compared with.

    Raises:
        DataError: An image of the gallery cannot be read.
    """
    data = load_benchmark(layout.benchmark(benchmark))
    root = image_root(layout.dataset(BENCHMARKS[benchmark].dataset))
    predictions = np.load(target / PREDICTIONS_FILE, allow_pickle=False)
    report = ReportData(
        experiment=experiment.name,
        benchmark=benchmark,
        description=f"{experiment.description} {BENCHMARKS[benchmark].description}".strip(),
        rows=[recall_row(score), *(recall_row(item, is_baseline=True) for item in baselines)],
        curve=training_curve(layout.checkpoint(experiment.name)),
        database=_images(data.database, root),
        queries=_images(data.queries, root),
        predictions=predictions,
        scores=np.load(target / SIMILARITIES_FILE, allow_pickle=False),
        distances_m=distance_m(_latlon(data.queries)[:, None, :], _latlon(data.database)[predictions]),
        positives=data.positives,
        facts=_facts(layout, experiment, benchmark, data),
        provenance=_provenance(layout, experiment, benchmark),
        experiment_yaml=experiment.to_yaml(),
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    save_baselines(target, baselines)
    write_report(target / PAGE_FILE, report)


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


def _images(table: pd.DataFrame, root: Path) -> BenchmarkImages:
    return BenchmarkImages(
        paths=[root / image_id for image_id in table["image_id"]],
        names=table["image_id"].tolist(),
        latlon=_latlon(table),
        dates=[f"{year}-{month:02d}" for year, month in zip(table["year"], table["month"], strict=True)],
        place_ids=table["place_id"].tolist(),
    )


def _latlon(table: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    return table[["lat", "lon"]].to_numpy(np.float64)


def _facts(layout: Layout, experiment: Experiment, benchmark: str, data: BenchmarkData) -> Mapping[str, str]:
    row = BENCHMARKS[benchmark]
    lengths = [len(rows) for rows in data.positives]
    facts = {
        "Database images": f"{len(data.database):,}",
        "Database places": f"{data.database['place_id'].nunique():,}",
        "Queries": f"{len(data.queries):,} of {data.queries['place_id'].nunique():,} places",
        "Positives per query": f"{np.mean(lengths):.1f} on average, {min(lengths)} to {max(lengths)}",
        "Database years": _span(data.database["year"]),
        "Query years": _span(data.queries["year"]),
        "Licence of the images": row.licence,
    }
    trained = read_manifest(layout.places(experiment.name)) if experiment.training else None
    if trained:
        counts = trained.metadata
        facts["Trained on"] = (
            f"{counts['images']:,} images of {counts['places']:,} places in {', '.join(counts['cities'])} "
            f"(data set {experiment.dataset})"
        )
    return facts


def _provenance(layout: Layout, experiment: Experiment, benchmark: str) -> Mapping[str, str]:
    now = provenance()
    checkpoint = read_manifest(layout.checkpoint(experiment.name))
    dataset = BENCHMARKS[benchmark].dataset
    data = (
        {"": dataset}
        if dataset == experiment.dataset or not experiment.training
        else {
            "": dataset,
            " of training": experiment.dataset,
        }
    )
    steps = {
        **{f"Data version{of}": read_manifest(layout.dataset(name)) for of, name in data.items()},
        **{f"Catalog version{of}": read_manifest(layout.catalog(name)) for of, name in data.items()},
        "Benchmark version": read_manifest(layout.benchmark(benchmark)),
        "Checkpoint version": checkpoint,
        "Descriptors version": read_manifest(layout.embeddings(benchmark, experiment.name)),
    }
    return {
        **{name: _version(manifest) for name, manifest in steps.items()},
        **{f"Snapshot{of}": _snapshot(layout, name) for of, name in data.items()},
        "Code version": f"gsv-pipeline {now['gsv_pipeline']}" + (f", commit {now['git']}" if now["git"] else ""),
        "Seed": str(experiment.seed),
        "Training time": _duration(checkpoint) if experiment.training else "not trained here",
        "Packages": ", ".join(f"{name} {version}" for name, version in now["packages"].items()),
        "Machine": f"{now['platform']}, Python {now['python']}, {now['cpus']} processors",
    }


def _version(manifest: Manifest | None) -> str:
    return (
        f"{manifest.data_version} (config {manifest.fingerprint}, made {manifest.created})" if manifest else "unknown"
    )


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
    return f"{years.min()} to {years.max()}"
