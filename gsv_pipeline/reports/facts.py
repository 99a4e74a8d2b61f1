"""What a recall is of and where it comes from: the facts and the provenance of a report, in words."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from gsv_pipeline.benchmarks import BenchmarkRow
from gsv_pipeline.benchmarks.data import BenchmarkData
from gsv_pipeline.config import Experiment
from gsv_pipeline.errors import few
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import Manifest, read_manifest
from gsv_pipeline.provenance import provenance
from gsv_pipeline.reports.surroundings import surroundings_of
from gsv_pipeline.sources.own import dataset_row

_NUMBERS: Final = {
    "32-true": "float32",
    "bf16-mixed": "bfloat16 (mixed precision)",
    "16-mixed": "float16 (mixed precision)",
}
RENDERED: Final = "demo"
_NAMED: Final = 20
"""More broken images than this are counted, not named: `embeddings/…/broken.json` holds them all."""


def variant_of(row: BenchmarkRow, deviations: Sequence[str] = ()) -> str:
    """Which benchmark of its name, and how a hit is counted: no number is comparable without it.

    Args:
        row: The benchmark's.
        deviations: How the copy that was used is not as published, in sentences.
    """
    known = f"{row.variant}: {row.protocol.words}" if row.variant else row.protocol.words
    return f"{known}. NOT AS PUBLISHED: {'; '.join(deviations)}" if deviations else known


def deviations_of(layout: Layout, benchmark: str) -> list[str]:
    """How the benchmark on disk is not as published, in sentences that a person admitted; empty where it is."""
    made = read_manifest(layout.benchmark(benchmark))
    return [str(sentence) for sentence in made.metadata.get("deviations") or ()] if made else []


def deviation_words(deviations: Sequence[str]) -> str:
    """What a reader has to know before any number of a benchmark that deviates; empty where it is as published."""
    if not deviations:
        return ""
    return (
        f"This benchmark is not as published, and was taken as it is (--admit-deviations): {'; '.join(deviations)}. "
        "These recalls are those of this copy alone."
    )


def number_words(stored: Mapping[str, Any]) -> str:
    """In which numbers a model computed, from what `recall.json` says; empty where that is not known."""
    precision = str(stored.get("precision") or "")
    return _NUMBERS.get(precision, precision)


def skipped_words(stored: Mapping[str, Any]) -> str:
    """How many images had no descriptor, from what `recall.json` says; empty where all had one."""
    counts = " and ".join(
        f"{count:,} of the {side}" for side, count in sorted((stored.get("broken_images") or {}).items())
    )
    if not counts:
        return ""
    return (
        f"Broken images were let pass (--skip-broken): {counts}. They are never found, and a query among them counts "
        "as a miss. These recalls are not those of the whole benchmark."
    )


def retrieval_facts(stored: Mapping[str, Any], *, depth: int) -> dict[str, str]:
    """How the descriptors were made and searched.

    Args:
        stored: What `recall.json` says; older ones do not know the precision.
        depth: Neighbours kept of each query.
    """
    size, made = stored.get("descriptor_size"), number_words(stored)
    descriptors = [f"{size:,} numbers" if size else "", f"computed in {made}" if made else ""]
    kept = f"{depth} of each query, by exact search"
    database = stored.get("database_images")
    if database == depth:
        kept = f"all {depth} of the database, by exact search: there is no recall beyond R@{depth}"
    found = {"Descriptors": ", ".join(part for part in descriptors if part), "Neighbours kept": kept}
    return {name: value for name, value in found.items() if value}


def named(broken: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Which images were let pass; empty where there are none.

    Args:
        broken: Side -> row, image and problem of each, as `embeddings.store` keeps them.
    """
    names = [str(item["image"]) for _, images in sorted(broken.items()) for item in images]
    return f"Skipped: {few(names, _NAMED)}." if names else ""


def chose_checkpoint(layout: Layout, experiment: str, benchmark: str) -> bool:
    """Whether R@1 on `benchmark` chose the weights of an experiment: the first that it was validated on did."""
    made = read_manifest(layout.checkpoint(experiment))
    settings = made.config.get("training") if made else None
    validation = settings.get("validation") if isinstance(settings, dict) else None
    return isinstance(validation, list) and validation[:1] == [benchmark]


def facts_of(
    layout: Layout,
    experiment: Experiment,
    benchmark: str,
    *,
    row: BenchmarkRow,
    data: BenchmarkData,
    retrieval: Mapping[str, str],
) -> Mapping[str, str]:
    """What the benchmark holds and how it was searched, in reading order.

    Args:
        layout: Where things live.
        experiment: Whose recall it is.
        benchmark: Its name.
        row: Its row.
        data: Both sides, as the experiment sees them.
        retrieval: What `retrieval_facts` says.
    """
    lengths = [len(rows) for rows in data.positives]
    facts = {
        "Variant": row.variant,
        "A hit is": row.protocol.words,
        "Database images": f"{len(data.database):,}",
        "Database places": f"{data.database['place_id'].nunique():,}",
        "Queries": f"{len(data.queries):,} of {data.queries['place_id'].nunique():,} places",
        "Positives per query": f"{np.mean(lengths):.1f} on average, {min(lengths)} to {max(lengths)}",
        **retrieval,
        "Database years": _span(data.database["year"]),
        "Query years": _span(data.queries["year"]),
        "Licence of the images": row.licence,
        "Source": row.source,
    }
    facts = {name: value for name, value in facts.items() if value}
    deviations = deviations_of(layout, benchmark)
    if deviations:
        facts["Not as published"] = "; ".join(deviations)
    if chose_checkpoint(layout, experiment.name, benchmark):
        facts["No test result"] = "recall on this very benchmark chose the checkpoint"
    trained = read_manifest(layout.places(experiment.name)) if experiment.training else None
    if trained:
        counts = trained.metadata
        facts["Trained on"] = (
            f"{counts['images']:,} images of {counts['places']:,} places in {', '.join(counts['cities'])} "
            f"(data set {experiment.dataset})"
        )
    return facts


def provenance_of(layout: Layout, experiment: Experiment, benchmark: str, *, row: BenchmarkRow) -> Mapping[str, str]:
    """Which versions of data and settings the numbers are of, and what made them step by step."""
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
        "Seed": str(experiment.seed),
        "Training time": _duration(checkpoint) if experiment.training else "not trained here",
        **surroundings_of(layout, benchmark, experiment.name, now=provenance()),
    }


def _version(manifest: Manifest) -> str:
    return f"{manifest.data_version} (config {manifest.fingerprint}, made {manifest.created})"


def _snapshot(layout: Layout, dataset: str) -> str:
    """The hash under which DVC keeps the data set, if what the catalog was made of is what it keeps."""
    manifest, catalog = read_manifest(layout.dataset(dataset)), read_manifest(layout.catalog(dataset))
    snapshot = manifest.metadata.get("dvc") if manifest else None
    if manifest is None or snapshot is None:
        rendered = dataset_row(layout, dataset).source == RENDERED
        return (
            "not needed, as it can be rendered again"
            if rendered
            else f"none; gsv-pipeline data snapshot {dataset} makes one"
        )
    files = (catalog.config.get("files") if catalog else None) or manifest.data_version
    if files != snapshot.get("listing"):
        return f"none of these files: they changed after md5 {snapshot['md5']}"
    return f"md5 {snapshot['md5']}, {snapshot['nfiles']} files"


def _duration(manifest: Manifest | None) -> str:
    return f"{manifest.wall_seconds:.0f} s" if manifest else "unknown"


def _span(years: "pd.Series[int]") -> str:
    known = years[years > 0]
    return f"{known.min()} to {known.max()}" if len(known) else ""
