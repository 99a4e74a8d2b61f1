"""How everything under a data root stands, in flow order."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from gsv_pipeline import recipes
from gsv_pipeline.benchmarks import BenchmarkRow
from gsv_pipeline.benchmarks.own import benchmark_rows
from gsv_pipeline.config import Experiment, experiment_files, load_experiment
from gsv_pipeline.errors import ConfigError
from gsv_pipeline.evaluation.history import report_folders
from gsv_pipeline.layout import Layout
from gsv_pipeline.locks import holder
from gsv_pipeline.manifest import Recipe
from gsv_pipeline.sources.own import dataset_rows
from gsv_pipeline.standing.aside import standings_aside, trainings_aside
from gsv_pipeline.standing.leftovers import bytes_below
from gsv_pipeline.standing.state import MISSING, ORPHAN, Standing, manifest_or_none, standing_of

OF_EXPERIMENT: Final = ("places", "checkpoint", "pca", "export")
"""Stages whose artifacts lie in a folder of the experiment's name."""
OF_BOTH: Final = ("embeddings", "faiss_index", "deployment_index", "index_report", "pca_report", "recall_report")
"""Stages whose artifacts lie in a folder of the benchmark's name, and in that in one of the experiment's."""
_EVALUATION: Final = ("embeddings", "faiss_index", "recall_report")
_ON_DEMAND: Final = ("deployment_index", "index_report", "pca", "pca_report", "export")


def standings(layout: Layout, experiments: Sequence[str] = (), *, everything: bool = False) -> list[Standing]:
    """How everything stands: what is shared first, then experiment by experiment, then what belongs to none.

    Args:
        layout: Where things live.
        experiments: Of these alone, with the data sets and benchmarks that they use; empty: of all with something on
            disk.
        everything: Of all experiments, data sets and benchmarks that there are.

    Raises:
        ConfigError: An experiment that is asked for is unknown, or cannot be read.
    """
    known = experiment_files(layout)
    names = experiments or [name for name in known if everything or _has_something(layout, name)]
    rows = benchmark_rows(layout)
    owned: list[Standing] = []
    for name in names:
        if name in experiments:
            load_experiment(layout, name)  # what is asked for by name is refused aloud
        owned += _of_experiment(layout, name, rows)
    shared = list(_shared(layout, rows, everything=everything))
    if experiments:
        return [*_used_by(shared, owned, names=_data_of(layout, names, rows, owned)), *owned]
    return [*shared, *owned, *_orphans(layout, known)]


def experiment_of(layout: Layout, artifact: Path) -> str:
    """The experiment that an artifact belongs to by its path; empty for what experiments share."""
    stage, *parts = layout.key(artifact).split("/")
    if stage in OF_EXPERIMENT:
        return parts[0]
    return parts[1] if stage in OF_BOTH and len(parts) > 1 else ""


def _shared(layout: Layout, rows: Mapping[str, BenchmarkRow], *, everything: bool) -> Iterator[Standing]:
    known = dataset_rows(layout)
    for name in sorted({*_owners(layout, "dataset"), *_downloading(layout), *(known if everything else ())}):
        yield standing_of(layout, layout.dataset(name), partial(recipes.dataset, layout, name))
        if name in known and known[name].has_catalog:
            yield standing_of(layout, layout.catalog(name), partial(recipes.catalog_of, layout, name))
    there = _owners(layout, "benchmark")
    for name in [*rows, *sorted(there - rows.keys())]:
        if everything or name in there:
            yield standing_of(layout, layout.benchmark(name), partial(recipes.benchmark, layout, name), benchmark=name)
    for folder in layout.entries("baseline"):
        if layout.owner(folder) == folder and manifest_or_none(folder):
            name = folder.parent.name
            yield standing_of(layout, folder, partial(_baseline, layout, folder), benchmark=name)
    if report_folders(layout) or layout.leaderboard().is_dir():
        yield standing_of(layout, layout.leaderboard(), partial(_leaderboard, layout))


def _of_experiment(layout: Layout, name: str, rows: Mapping[str, BenchmarkRow]) -> Iterator[Standing]:
    make = partial(_recipe, layout, name)
    try:
        is_trained = load_experiment(layout, name).training is not None
    except ConfigError:
        is_trained = True  # its artifacts, if any, will say what is wrong with it
    for stage, path in (("places", layout.places), ("checkpoint", layout.checkpoint)):
        if is_trained or stage != "places":
            yield standing_of(layout, path(name), partial(make, stage), experiment=name)
    yield from standings_aside(layout, name, make=partial(make, "checkpoint"))
    gone = {path.parent.name for stage in _EVALUATION for path in layout.entries(stage)} - rows.keys()
    for benchmark in [*rows, *sorted(gone)]:
        folders = [layout.root / stage / benchmark / name for stage in _EVALUATION]
        is_scored = benchmark in rows and not rows[benchmark].by_experiment
        is_built = is_scored and manifest_or_none(layout.benchmark(benchmark))
        if is_built or any(_is_begun(layout, folder) for folder in folders):
            makes = [partial(make, stage, benchmark) for stage in _EVALUATION]
            for folder, make_one in zip(folders, makes, strict=True):
                yield standing_of(layout, folder, make_one, experiment=name, benchmark=benchmark)
    yield from _asked_for(layout, name)


def _asked_for(layout: Layout, name: str) -> Iterator[Standing]:
    """What a person makes who wants it; that it is missing says nothing."""
    for stage in _ON_DEMAND:
        for folder in sorted({layout.owner(path) for path in layout.entries(stage)}):
            if experiment_of(layout, folder) == name:
                parts = layout.key(folder).split("/")
                benchmark = parts[1] if stage in OF_BOTH else ""
                kind = parts[3] if stage == "deployment_index" else ""
                make = partial(_recipe, layout, name, stage, benchmark, kind)
                yield standing_of(layout, folder, make, experiment=name, benchmark=benchmark)


def _recipe(layout: Layout, name: str, stage: str, benchmark: str = "", kind: str = "") -> Recipe:
    """What an artifact of the experiment should be made of.

    Raises:
        ConfigError: The experiment cannot be read.
        DataError: Its weights cannot be read.
    """
    experiment = load_experiment(layout, name)
    if stage == "export":
        return _export(layout, experiment)
    if kind:
        return recipes.faiss_index(layout, experiment, benchmark, kind)
    alone: dict[str, Callable[[Layout, Experiment], Recipe]] = {
        "places": recipes.places_of,
        "checkpoint": recipes.checkpoint,
        "pca": recipes.pca,
    }
    if stage in alone:
        return alone[stage](layout, experiment)
    makers: dict[str, Callable[[Layout, Experiment, str], Recipe]] = {
        "embeddings": recipes.embeddings_of,
        "faiss_index": recipes.faiss_index,
        "index_report": recipes.index_report,
        "pca_report": recipes.pca_report,
        "recall_report": recipes.recall_report,
    }
    return makers[stage](layout, experiment, benchmark)


def _export(layout: Layout, experiment: Experiment) -> Recipe:
    """With ONNX or without, as it was exported; the card is stale when a report that it states was made anew."""
    found = manifest_or_none(layout.export(experiment.name))
    config = found.config if found else {}
    stated = {key: manifest_or_none(layout.root / key) for key in config.get("reports", {})}
    versions = {key: made.data_version if made else "" for key, made in stated.items()}
    return recipes.exported_model(layout, experiment, with_onnx=bool(config.get("onnx")), reports=versions)


def _baseline(layout: Layout, folder: Path) -> Recipe:
    """Whatever it describes by; only its benchmark and the code can make it stale."""
    return replace(recipes.baseline(layout, folder.parent.name, folder.name, {}), path=folder, config=None)


def _leaderboard(layout: Layout) -> Recipe:
    found = {layout.key(folder): manifest_or_none(folder) for folder in report_folders(layout)}
    return recipes.leaderboard(layout, {key: made.data_version for key, made in found.items() if made})


def _orphans(layout: Layout, known: Iterable[str]) -> Iterator[Standing]:
    names = set(known)
    for stage in (*OF_EXPERIMENT, *OF_BOTH):
        for folder in layout.entries(stage):
            experiment, made = experiment_of(layout, folder), manifest_or_none(folder)
            if layout.owner(folder) == folder and made is not None and experiment not in names:
                reason = f"no experiment is called '{experiment}' any more; gsv-pipeline clean --orphans removes it"
                yield Standing(
                    layout.key(folder), ORPHAN, reason, bytes_below(folder), made.created, experiment=experiment
                )


def _used_by(shared: Iterable[Standing], owned: Sequence[Standing], *, names: set[str]) -> list[Standing]:
    benchmarks = {row.benchmark for row in owned if row.benchmark and row.state != MISSING}
    return [row for row in shared if row.benchmark in benchmarks or (not row.benchmark and row.name in names)]


def _data_of(
    layout: Layout, experiments: Iterable[str], rows: Mapping[str, BenchmarkRow], owned: Iterable[Standing]
) -> set[str]:
    """Data sets that experiments train on, and those of the benchmarks that they were tested on."""
    trained = {load_experiment(layout, name).dataset for name in experiments}
    tested = {row.benchmark for row in owned if row.state != MISSING} & rows.keys()
    return trained | {rows[name].dataset for name in tested}


def _has_something(layout: Layout, experiment: str) -> bool:
    own = [layout.root / stage / experiment for stage in OF_EXPERIMENT]
    trainings = [layout.training_state(experiment), *trainings_aside(layout, experiment)]
    if any(path.is_dir() for path in trainings) or any(_is_begun(layout, folder) for folder in own):
        return True
    folders = {layout.owner(path) for stage in OF_BOTH for path in (layout.root / stage).glob(f"*/*{experiment}*")}
    return any(folder.name == experiment for folder in folders)


def _is_begun(layout: Layout, artifact: Path) -> bool:
    """Whether there is anything of it, were it a failure or an interrupted run."""
    beside = (layout.partial(artifact), layout.failure(artifact), layout.extraction(artifact))
    if any(path.exists() for path in (artifact, *beside)):
        return True
    return holder(layout.lock(artifact)) is not None


def _owners(layout: Layout, stage: str) -> set[str]:
    """Names of the artifacts of which there is anything; versions and hidden files of others are none."""
    folders = (path for path in layout.entries(stage) if path.is_dir() or layout.owner(path) != path)
    return {name for name in (layout.owner(path).name for path in folders) if not name.startswith(".")}


def _downloading(layout: Layout) -> list[str]:
    folder = layout.downloads("any").parent
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
