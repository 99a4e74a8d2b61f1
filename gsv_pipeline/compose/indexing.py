"""Indexes over a benchmark's database: written with their images and their model, and measured."""

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gsv_pipeline import recipes
from gsv_pipeline.config import Experiment
from gsv_pipeline.errors import DataError
from gsv_pipeline.evaluation import DEPTH
from gsv_pipeline.index import FLAT, INDEXES
from gsv_pipeline.layout import Layout
from gsv_pipeline.production import Output
from gsv_pipeline.registry import resolve
from gsv_pipeline.tracking import Tracker

if TYPE_CHECKING:
    from gsv_pipeline.index.measure import Measured


def write_index(layout: Layout, experiment: Experiment, benchmark: str, *, kind: str, target: Path) -> Output:
    """Build an index of `kind` and write it into `target`.

    Raises:
        DataError: Too few descriptors for it, or images without any in an index for deployment.
    """
    from gsv_pipeline.benchmarks.seen import benchmark_of
    from gsv_pipeline.embeddings.store import DATABASE_FILE, load_descriptors, missing_rows
    from gsv_pipeline.index import files, flat

    folder = layout.embeddings(benchmark, experiment.name)
    descriptors, missing = load_descriptors(folder / DATABASE_FILE), missing_rows(folder, "database")
    if len(missing) and kind != FLAT:
        raise DataError(
            f"{len(missing)} database images of {layout.key(folder)} have no descriptor, and an index for deployment "
            "is made of whole sets. Put the images right and embed again, or use flat."
        )
    started = time.perf_counter()
    arguments = {"missing": missing} if kind == FLAT else INDEXES[kind].arguments
    index = resolve(INDEXES[kind].build)(descriptors, **arguments)
    seconds = round(time.perf_counter() - started, 3)
    record = files.IndexRecord(
        kind=kind,
        model=recipes.model_identity(layout, experiment),
        dimensions=int(index.d),
        vectors=int(index.ntotal),
        build_seconds=seconds,
    )
    images = benchmark_of(layout, experiment, benchmark).database["image_id"].tolist()
    files.write_stored(target, index, record, images=images)
    facts: dict[str, Any] = {"kind": kind, "vectors": record.vectors, "dimensions": record.dimensions}
    facts["bytes_per_image"] = round((target / flat.INDEX_FILE).stat().st_size / record.vectors)
    if kind == FLAT:
        facts["self_query_error"] = flat.self_query_error(index, descriptors, missing=missing)
    # How long it took is no part of what it is.
    return Output({**facts, "build_seconds": seconds}, version_files=(flat.INDEX_FILE, files.IMAGES_FILE))


def measure_indexes(layout: Layout, experiment: Experiment, benchmark: str, *, tracker: Tracker) -> "list[Measured]":
    """Every kind of index at each of its settings: recall, agreement with exact search, speed and size."""
    import numpy as np

    from gsv_pipeline.benchmarks.seen import benchmark_of
    from gsv_pipeline.embeddings.store import QUERIES_FILE, load_descriptors
    from gsv_pipeline.evaluation.recall import KS, recall_at_k
    from gsv_pipeline.index.files import read_stored
    from gsv_pipeline.index.flat import vectors_of
    from gsv_pipeline.index.measure import measure
    from gsv_pipeline.index.search import exact_search

    data = benchmark_of(layout, experiment, benchmark)
    queries = np.asarray(load_descriptors(layout.embeddings(benchmark, experiment.name) / QUERIES_FILE))
    model = recipes.model_identity(layout, experiment)
    recall = partial(recall_at_k, positives=data.positives, ks=KS)
    exact = None
    found: list[Measured] = []
    with tracker.progress(f"Measuring indexes of {benchmark}", total=len(INDEXES), unit="index") as bar:
        for kind, row in INDEXES.items():
            stored = read_stored(recipes.faiss_index(layout, experiment, benchmark, kind).path)
            stored.check_descriptors(queries, model=model)
            if exact is None:  # flat comes first
                vectors, rows = vectors_of(stored.index)
                exact, _ = exact_search(vectors, queries, DEPTH, rows=rows)
            found += measure(stored, queries, exact=exact, recall=recall, row=row)
            bar.advance()
    return found


def index_facts(measured: "list[Measured]") -> dict[str, Any]:
    """A line for each kind at its default setting."""
    return {
        item.kind: (
            f"R@1 {item.recall_at[1]:.4f}, first match as exact {item.agreement_at[1]:.4f}, "
            f"{item.queries_per_s[1]:,.0f} and {item.queries_per_s[64]:,.0f} queries/s, {item.bytes_per_image:,} bytes"
        )
        for item in measured
        if item.is_default
    }
