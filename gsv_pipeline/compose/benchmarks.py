"""Making a benchmark from what its row says, and what an experiment is scored on of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gsv_pipeline import recipes
from gsv_pipeline.benchmarks import CATALOG, FOLDERS, BenchmarkRow
from gsv_pipeline.benchmarks.images import files_version, is_present, lists_of, root_of
from gsv_pipeline.compose.selection import load_catalog
from gsv_pipeline.config import Experiment
from gsv_pipeline.errors import ConfigError, DataError, StaleInputError, few
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest
from gsv_pipeline.registry import resolve
from gsv_pipeline.sources.own import dataset_row
from gsv_pipeline.tracking import Tracker

if TYPE_CHECKING:
    from gsv_pipeline.benchmarks.data import BenchmarkData

ADMIT: Final = "--admit-deviations"
_SHOWN: Final = 5
_WHERE_CLAUSES: Final = ("cities", "exclude_cities", "latitude", "longitude", "hemisphere", "sample_places")


def refuse_absent(layout: Layout, benchmark: str) -> None:
    """Say where to get the images of a benchmark that are not here.

    Raises:
        StaleInputError: Names the source, the licence and the command.
    """
    row = recipes.benchmark_row(layout, benchmark)
    if is_present(layout, row):
        return
    if row.takes == FOLDERS:
        absent = [row.arguments[side] for side in ("database", "queries") if not Path(row.arguments[side]).is_dir()]
        raise StaleInputError(
            f"Benchmark '{benchmark}' needs {' and '.join(absent)}, and there is no such folder. It is defined in "
            f"{layout.benchmarks() / benchmark}.yaml."
        )
    dataset = dataset_row(layout, row.dataset)
    given = " --source folder path=/where/they/are" if dataset.source == "folder" else ""
    steps = [f"gsv-pipeline fetch {row.dataset}{given}"]
    if row.takes == CATALOG:
        steps.append(f"gsv-pipeline catalog {row.dataset}")
    raise StaleInputError(
        f"Benchmark '{benchmark}' needs the images of '{row.dataset}', and they are not here. {dataset.how_to_get} "
        f"Licence: {dataset.licence}. Run: {' && '.join([*steps, f'gsv-pipeline benchmark {benchmark}'])}",
        {"artifact": f"dataset/{row.dataset}", "licence": dataset.licence, "run": steps[0]},
    )


def has_changed(layout: Layout, benchmark: str) -> bool:
    """Whether the benchmark on disk was made of other files than lie there now, with no catalog to tell."""
    row = recipes.benchmark_row(layout, benchmark)
    found = read_manifest(layout.benchmark(benchmark))
    return found is not None and found.metadata.get("files", "") != files_version(layout, row)


def assemble_benchmark(
    layout: Layout, benchmark: str, *, admit: bool, tracker: Tracker
) -> "tuple[BenchmarkData, dict[str, Any]]":
    """Database, queries and positives, compared with what was published.

    Args:
        layout: Where things live.
        benchmark: Its name.
        admit: Take it although images are missing or broken, which are left out, or counts are others than published.
        tracker: Told what differs.

    Returns:
        The benchmark, and facts for its manifest.

    Raises:
        DataError: It cannot be scored, or it deviates and nobody admitted that.
    """
    from gsv_pipeline.benchmarks.contents import look_at_images, without_unusable
    from gsv_pipeline.benchmarks.counts import count, other_counts, queries_alone
    from gsv_pipeline.benchmarks.data import check_benchmark

    row = recipes.benchmark_row(layout, benchmark)
    version = files_version(layout, row)  # before the look: what changes meanwhile is noticed the next time
    data = _load(layout, benchmark, row)
    check_benchmark(data, name=benchmark, has_positives=row.has_positives)
    deviations, differences = other_counts(count(data), row.expected)
    deviations += queries_alone(data, row)
    if row.takes != CATALOG:
        data, unusable = look_at_images(data, root_of(layout, row), tracker=tracker)
        if unusable:
            deviations.append(f"{len(unusable):,} images are missing or broken: {few(unusable, _SHOWN)}")
            data = without_unusable(data)
    if deviations:
        _admit(layout, benchmark, deviations, admit=admit, tracker=tracker)
        check_benchmark(data, name=benchmark, has_positives=row.has_positives)
    for sentence in differences:
        tracker.message(f"Benchmark '{benchmark}' may be another variant: {sentence}")
    notes = {"variant": row.variant, "deviations": deviations, "differences": differences, "files": version}
    return data, {**_facts(data, row), **{name: value for name, value in notes.items() if value}}


def check_validation(layout: Layout, experiment: Experiment, benchmark: str) -> None:
    """Refuse, before anything runs, what an experiment cannot validate on.

    Raises:
        ConfigError: Unknown benchmark, one whose answers are hidden, or one of the cities that an experiment leaves
            out of its training, where its filter leaves none out.
    """
    row = recipes.benchmark_row(layout, benchmark)
    if not row.has_positives:
        raise ConfigError(
            f"experiment '{experiment.name}' validates on '{benchmark}', whose answers are hidden: it only takes "
            "predictions. Take another benchmark."
        )
    filter_says = experiment.places.stated()
    trains_there = experiment.training is not None and experiment.dataset in (row.dataset, *row.relatives)
    if row.by_experiment and trains_there and not any(clause in filter_says for clause in _WHERE_CLAUSES):
        raise ConfigError(
            f"experiment '{experiment.name}' trains on every city, and '{benchmark}' tests on those that it leaves "
            "out. Leave some out, for example places.exclude_cities=[Melbourne,Osaka], or take another benchmark."
        )


def restriction(layout: Layout, experiment: Experiment, benchmark: str) -> Mapping[str, Any]:
    """What of the experiment shapes the benchmark that it is scored on, for what is shared between experiments."""
    from gsv_pipeline.benchmarks.seen import trained_cities

    trained = trained_cities(layout, experiment, recipes.benchmark_row(layout, benchmark))
    return {"without_cities": list(trained)} if trained else {}


def _load(layout: Layout, benchmark: str, row: BenchmarkRow) -> "BenchmarkData":
    load = resolve(row.load)
    if row.takes == CATALOG:
        found: BenchmarkData = load(load_catalog(layout, row.dataset), **row.arguments)
        return found
    root = root_of(layout, row)
    if row.takes == FOLDERS:
        found = load(root, **row.arguments)
        return found
    found = load(root, lists=lists_of(layout, row), forms=row.forms, name=benchmark, **row.arguments)
    return found


def _admit(layout: Layout, benchmark: str, deviations: list[str], *, admit: bool, tracker: Tracker) -> None:
    """What a person admitted once holds until the benchmark is removed."""
    found = read_manifest(layout.benchmark(benchmark))
    text = "; ".join(deviations)
    if not (admit or (found and found.metadata.get("deviations"))):
        raise DataError(
            f"Benchmark '{benchmark}' is not whole, or not as published: {text}. Its recall would be its own. "
            f"Complete the files, or take it as it is: gsv-pipeline benchmark {benchmark} {ADMIT}",
            {"deviations": text},
        )
    tracker.message(f"Benchmark '{benchmark}' is taken although it is not as published: {text}")


def _facts(data: "BenchmarkData", row: BenchmarkRow) -> dict[str, Any]:
    lengths = [len(rows) for rows in data.positives]
    sides = {"database_images": len(data.database), "queries": len(data.queries)}
    if not row.has_positives:
        return {**sides, "protocol": row.protocol.words}
    return {
        **sides,
        "positives_per_query": round(sum(lengths) / len(lengths), 2),
        "queries_without_positives": lengths.count(0),
        "protocol": row.protocol.words,
    }
