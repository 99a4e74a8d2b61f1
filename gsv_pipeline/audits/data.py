"""Audits of what is fetched, tabulated and selected: data sets, catalogs, places and benchmarks."""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from gsv_pipeline import compose, recipes
from gsv_pipeline.audits import Verdict
from gsv_pipeline.benchmarks.data import check_benchmark, load_benchmark
from gsv_pipeline.catalog import schema
from gsv_pipeline.catalog.headers import read_header
from gsv_pipeline.catalog.report import REPORT_FILE, RULES, Findings
from gsv_pipeline.catalog.validate import validate
from gsv_pipeline.config import Experiment
from gsv_pipeline.errors import DataError
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import require
from gsv_pipeline.places.select import PLACES_FILE
from gsv_pipeline.sources.published import DATAFRAMES, IMAGES, image_root, listing_version
from gsv_pipeline.tracking import Tracker

_IMAGE_RULES: Final = ("missing_image", "empty_image", "not_an_image", "truncated_image")
_NOT_NEEDED: Final = Verdict(passed=True, message="The experiment imports weights: it needs no places.")
_CHANGED: Final = Verdict(
    passed=False, message="Images or CSVs changed on disk since the catalog was made. Materialize the catalog again."
)
_SHOWN: Final = 5


def audit_dataset(layout: Layout, dataset: str, *, tracker: Tracker) -> dict[str, Verdict]:
    """Cities and folders of a fetched data set."""
    require(layout, recipes.dataset(layout, dataset))
    root = image_root(layout.dataset(dataset))
    tables = {path.stem for path in (root / DATAFRAMES).glob("*.csv")}
    folders = {path.name for path in (root / IMAGES).iterdir() if path.is_dir()}
    absent = sorted(set(recipes.dataset_row(dataset).cities) - tables)
    lonely = sorted(tables ^ folders)
    return {
        "expected_cities": _none_of(absent, "expected cities have no CSV", {"cities": len(tables)}),
        "csv_has_folder": _none_of(lonely, "cities have only a CSV or only a folder", {"folders": len(folders)}),
    }


def audit_catalog(layout: Layout, dataset: str, *, tracker: Tracker) -> dict[str, Verdict]:
    """The catalog's columns and the rules that its rows must keep."""
    manifest = require(layout, recipes.catalog_of(layout, dataset))
    table = compose.load_catalog(layout, dataset)
    found = {name: str(dtype) for name, dtype in table.dtypes.items()}
    strange = [
        f"{column.name} ({found.get(column.name, 'missing')} instead of {column.dtype})"
        for column in schema.COLUMNS
        if found.get(column.name) != column.dtype
    ]
    findings = Findings()
    validate(table, findings)
    counts = {item.rule: item.count for item in findings.report(len(table)).findings}
    stored = json.loads((layout.catalog(dataset) / REPORT_FILE).read_text(encoding="utf-8"))
    counts.update({item["rule"]: item["count"] for item in stored["findings"] if item["rule"] in _IMAGE_RULES})
    unchanged = manifest.config["listing"] == listing_version(image_root(layout.dataset(dataset)))
    return {
        "schema": _none_of(strange, "columns are not as the schema has them", {"columns": len(found)}),
        "ranges": _rules(counts, "coordinates_out_of_range", "impossible_date"),
        "duplicates": _rules(counts, "duplicate_panoid_in_place"),
        "images": _rules(counts, *_IMAGE_RULES) if unchanged else _CHANGED,
        "place_separation": _rules(counts, "places_close_together"),
    }


def audit_places(layout: Layout, experiment: Experiment, *, tracker: Tracker) -> dict[str, Verdict]:
    """Sizes and labels of the places that an experiment trains on."""
    if experiment.training is None:
        return {"images_per_place": _NOT_NEEDED, "labels": _NOT_NEEDED}
    require(layout, recipes.places_of(layout, experiment))
    table = pd.read_parquet(layout.places(experiment.name) / PLACES_FILE)
    sizes = table.groupby("place_id").size()
    wanted = experiment.places.min_images_per_place
    small = [f"{place} ({size})" for place, size in sizes[sizes < wanted].items()]
    rank = {key: label for label, key in enumerate(sorted(sizes.index))}
    wrong = table.loc[table["place_id"].map(rank) != table["label"], "place_id"].unique().tolist()
    facts = {"places": len(sizes), "fewest": int(sizes.min()), "most": int(sizes.max())}
    return {
        "images_per_place": _none_of(small, f"places have fewer than {wanted} images", facts),
        "labels": _none_of(wrong, "places have another label than their rank", {"labels": len(rank)}),
    }


def audit_benchmark(layout: Layout, benchmark: str, *, tracker: Tracker) -> dict[str, Verdict]:
    """Positives, files and counts of a benchmark."""
    stated = require(layout, recipes.benchmark(layout, benchmark)).metadata
    data = load_benchmark(layout.benchmark(benchmark))
    try:
        check_benchmark(data, name=benchmark)
        indices = Verdict(passed=True, message="All positives are rows of the database.")
    except DataError as error:
        indices = Verdict(passed=False, message=str(error))
    paths = [path for side in compose.benchmark_paths(layout, benchmark).values() for path in side]
    damaged = _damaged(paths, tracker)
    rows = {"database_images": len(data.database), "queries": len(data.queries)}
    shared = sorted(np.intersect1d(data.database["image_id"], data.queries["image_id"]))
    differing = [f"{name}: {count} rows, {stated.get(name)} stated" for name, count in rows.items()]
    differing = [text for text, name in zip(differing, rows, strict=True) if rows[name] != stated.get(name)]
    return {
        "indices": indices,
        "files_readable": _none_of(damaged, "images are missing or damaged", {"images": len(paths)}),
        "counts": _none_of([*differing, *shared], "counts differ or images are on both sides", rows),
    }


def _damaged(paths: Sequence[Path], tracker: Tracker) -> list[str]:
    found = []
    with ThreadPoolExecutor() as pool, tracker.progress("Checking images", total=len(paths)) as bar:
        for path, problem in zip(paths, pool.map(_problem, paths), strict=True):
            found += [path.name] if problem else []
            bar.advance()
    return found


def _problem(path: Path) -> str:
    return read_header(path).problem if path.is_file() else "missing_image"


def _none_of(broken: Sequence[str], sentence: str, facts: Mapping[str, Any]) -> Verdict:
    """Passed when `broken` is empty; else its length, the sentence and the first examples."""
    if not broken:
        return Verdict(passed=True, message="As expected.", facts=facts)
    examples = ", ".join(broken[:_SHOWN])
    return Verdict(passed=False, message=f"{len(broken)} {sentence}: {examples}", facts={**facts, "count": len(broken)})


def _rules(counts: Mapping[str, int], *rules: str) -> Verdict:
    broken = [f"{counts[rule]} × {RULES[rule].meaning}" for rule in rules if counts[rule]]
    return Verdict(passed=not broken, message="; ".join(broken) or "As expected.", facts={r: counts[r] for r in rules})
