"""Audits of what is fetched, tabulated and selected: data sets, catalogs, places and benchmarks."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from gsv_pipeline import compose, recipes
from gsv_pipeline.audits import AUDITS, Verdict
from gsv_pipeline.benchmarks.data import check_benchmark, load_benchmark
from gsv_pipeline.catalog import schema
from gsv_pipeline.catalog.headers import quick_look
from gsv_pipeline.catalog.report import REPORT_PAGE, RULES, Findings, ValidationReport, read_report
from gsv_pipeline.catalog.rows import Reader, reader_of
from gsv_pipeline.catalog.tables import read_table
from gsv_pipeline.catalog.validate import Published, row_problems, table_findings
from gsv_pipeline.config import Experiment
from gsv_pipeline.errors import DataError, few
from gsv_pipeline.fetching import expected_cities, look_at
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import require
from gsv_pipeline.places.select import PLACES_FILE
from gsv_pipeline.sources.location import Location, read_location
from gsv_pipeline.sources.own import dataset_row
from gsv_pipeline.tracking import Tracker

_NOT_NEEDED: Final = Verdict(passed=True, message="The experiment is not trained here: it needs no places.")
_TO_TEST_ON: Final = Verdict(passed=True, message="Images to test on: their benchmarks ask about them.")
_CHANGED: Final = Verdict(
    passed=False, message="Images or CSVs changed on disk since the catalog was made. Materialize the catalog again."
)
_UNASKED: Final = Verdict(passed=False, message="Not asked: columns are not as the schema has them.")
_SHOWN: Final = 5


def audit_dataset(layout: Layout, dataset: str, *, tracker: Tracker) -> dict[str, Verdict]:
    """Cities and folders of a fetched data set."""
    require(layout, recipes.dataset(layout, dataset))
    if not dataset_row(layout, dataset).has_catalog:
        return {"expected_cities": _TO_TEST_ON, "csv_has_folder": _TO_TEST_ON}
    location = read_location(layout.dataset(dataset))
    list_cities, _ = reader_of(location.layout).functions()
    cities = list_cities(location.root, **location.arguments)
    absent = sorted(set(expected_cities(layout, dataset)) - {city.name for city in cities})
    lonely = [city.name for city in cities if not city.folders]
    return {
        "expected_cities": _none_of(absent, "Expected cities that are not there", {"cities": len(cities)}),
        "csv_has_folder": _none_of(lonely, "Cities with a CSV and no folder", {"cities": len(cities)}),
    }


def audit_catalog(layout: Layout, dataset: str, *, tracker: Tracker) -> dict[str, Verdict]:
    """The catalog's columns and the rules that its rows must keep."""
    config = require(layout, recipes.catalog_of(layout, dataset)).config
    table = read_table(layout.catalog(dataset) / schema.CATALOG_FILE)
    report = read_report(layout.catalog(dataset))
    location = read_location(layout.dataset(dataset))
    look = "names" if config["look"] == "names" else "quick"  # as close as the files can be compared by
    now = look_at(location, look=look, limit=config["max_quarantined"], found=None)
    same = now["names"] == config["names"] and now["files"] in ("", config["files"])
    verdicts = {
        "schema": _none_of(
            _strange_columns(table), "Columns that are not as the schema has them", {"columns": table.shape[1]}
        ),
        "quarantine": _quarantine(report, page=layout.catalog(dataset) / REPORT_PAGE),
        "unchanged": Verdict(passed=True, message="As expected.") if same else _CHANGED,
    }
    row = dataset_row(layout, dataset)
    published = Published(expected_cities(layout, dataset), row.num_images, row.num_places)
    if not verdicts["schema"].passed:
        return {**dict.fromkeys(AUDITS["catalog"].questions, _UNASKED), **verdicts}
    return {**verdicts, **_values(table, location, published)}


def _values(table: pd.DataFrame, location: Location, published: Published) -> dict[str, Verdict]:
    findings = Findings()
    table_findings(table, findings, root=location.root, published=published)
    counts = {rule: count for rule, (count, _) in findings.noted().items()}
    return {
        "ranges": _ranges(table, reader_of(location.layout)),
        "duplicates": _rules(counts, "duplicate_panoid_across_places", "same_image_twice"),
        "place_separation": _rules(counts, "places_close_together"),
        "as_published": _rules(counts, "counts_far_from_published", "missing_city", "unlisted_city"),
    }


def _strange_columns(table: pd.DataFrame) -> list[str]:
    found = {name: str(dtype) for name, dtype in table.dtypes.items()}
    return [
        f"{column.name} ({found.get(column.name, 'missing')} instead of {column.dtype})"
        for column in schema.COLUMNS
        if found.get(column.name) != column.dtype
    ]


def _quarantine(report: ValidationReport, *, page: Path) -> Verdict:
    broken = "; ".join(f"{item.count} × {item.meaning}" for item in report.errors)
    facts = {"quarantined": report.quarantined, "share": round(report.quarantined_share, 6), "limit": report.limit}
    share = f"{100 * report.quarantined_share:.2g} %, the limit is {100 * report.limit:.2g} %"
    message = f"{report.quarantined} images are in quarantine ({share}): {broken}. Everything is listed in {page}."
    return Verdict(passed=report.is_sound, message=message if broken else "Nothing is in quarantine.", facts=facts)


def _ranges(table: pd.DataFrame, reader: Reader) -> Verdict:
    rows = table.assign(place=table["place_id"], problem="", detail="")
    problems, _ = row_problems(
        rows, coordinates_expected=reader.coordinates_expected, dates_expected=reader.dates_expected
    )
    broken = table.loc[problems != "", "image_id"].tolist()
    return _none_of(broken, "Images with impossible values", {"images": len(table)})


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
        "images_per_place": _none_of(small, f"Places with fewer than {wanted} images", facts),
        "labels": _none_of(wrong, "Places whose label is not their rank", {"labels": len(rank)}),
    }


def audit_benchmark(layout: Layout, benchmark: str, *, tracker: Tracker) -> dict[str, Verdict]:
    """Positives, files and counts of a benchmark."""
    stated = require(layout, recipes.benchmark(layout, benchmark)).metadata
    data = load_benchmark(layout.benchmark(benchmark))
    row = recipes.benchmark_row(layout, benchmark)
    try:
        check_benchmark(data, name=benchmark, has_positives=row.has_positives)
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
        "files_readable": _none_of(damaged, "Missing or damaged images", {"images": len(paths)}),
        "counts": _none_of([*differing, *shared], "Counts that differ, or images on both sides", rows),
        "as_published": _as_published(stated),
    }


def _as_published(stated: Mapping[str, Any]) -> Verdict:
    told = [*stated.get("deviations", ()), *stated.get("differences", ())]
    message = "; ".join(told) or "As expected, as far as numbers were published."
    return Verdict(passed=not told, message=message, facts={"variant": stated.get("variant", "")})


def _damaged(paths: Sequence[Path], tracker: Tracker) -> list[str]:
    found = []
    with ThreadPoolExecutor() as pool, tracker.progress("Checking images", total=len(paths)) as bar:
        for path, problem in zip(paths, pool.map(_problem, paths), strict=True):
            found += [path.name] if problem else []
            bar.advance()
    return found


def _problem(path: Path) -> str:
    return quick_look(path).problem


def _none_of(broken: Sequence[str], kind: str, facts: Mapping[str, Any]) -> Verdict:
    """Passed when `broken` is empty; else what they are, how many, and the first examples."""
    if not broken:
        return Verdict(passed=True, message="As expected.", facts=facts)
    told = f"{kind} ({len(broken)}): {few(broken, _SHOWN)}"
    return Verdict(passed=False, message=told, facts={**facts, "count": len(broken)})


def _rules(counts: Mapping[str, int], *rules: str) -> Verdict:
    broken = {rule: counts[rule] for rule in rules if counts.get(rule)}
    said = "; ".join(f"{count} × {RULES[rule].meaning}" for rule, count in broken.items())
    return Verdict(passed=not broken, message=said or "As expected.", facts=dict.fromkeys(rules, 0) | broken)
