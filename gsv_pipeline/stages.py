"""READ FIRST: the stages in flow order. Each is what a CLI command, a Dagster asset and a `dvc.yaml` stage do.

A stage reads its inputs by `Layout`, calls its rooms, writes by `Layout` and returns a `StageResult`. `recipes.py` says
what each artifact is made of; `production.produce` skips what is fresh, refuses stale inputs and replaces safely. Rooms
are imported inside the functions, so that `import gsv_pipeline.stages` costs nothing.
"""

import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gsv_pipeline import compose, recipes
from gsv_pipeline.artifact_files import PREDICTIONS_FILE, RECALL_FILE
from gsv_pipeline.config import Experiment
from gsv_pipeline.embeddings.options import ExtractionOptions
from gsv_pipeline.errors import ConfigError
from gsv_pipeline.fetching import expected_cities, has_changed_in_place, look_at, plan_fetch
from gsv_pipeline.index import FLAT, INDEXES
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest, require, why_stale, write_json
from gsv_pipeline.production import Output, StageResult, produce
from gsv_pipeline.sources.location import listing_of, read_location
from gsv_pipeline.sources.own import dataset_row
from gsv_pipeline.tracking import Tracker

if TYPE_CHECKING:
    from gsv_pipeline.training.processes import Processes

PCA_SAMPLE: Final = 10_000
"""Training images: twice as many as 4,096 numbers need; of longer descriptors 9,999 components are kept."""


def fetch_dataset(
    layout: Layout,
    dataset: str,
    *,
    tracker: Tracker,
    source: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    force: bool = False,
) -> StageResult:
    """Get a data set. Without `source` and `arguments`, one that is there is kept, however it was fetched."""
    plan = plan_fetch(layout, dataset, source=source, arguments=arguments)
    force = force or has_changed_in_place(layout, dataset, plan)

    def write(target: Path) -> Output:
        tracker.message(f"{dataset}: {plan.row.description} Licence: {plan.row.licence}")
        facts = plan.run(target, downloads=layout.downloads(dataset), tracker=tracker)
        listing = listing_of(read_location(target))
        counts = {"files": listing.files, "bytes": listing.bytes}
        return Output({"licence": plan.row.licence, "source": plan.source, **counts, **facts}, version=listing.version)

    def finish() -> None:
        plan.finish(layout, dataset)

    return produce(
        layout, recipes.dataset(layout, dataset, plan.config), write, tracker=tracker, force=force, then=finish
    )


def build_catalog(
    layout: Layout,
    dataset: str,
    *,
    tracker: Tracker,
    look: str = "quick",
    max_quarantined: float | None = None,
    force: bool = False,
) -> StageResult:
    """One row per image; what cannot be used goes to the quarantine with its reason.

    A data set with too much in quarantine has its report too, but `require_sound` lets nothing be made from it.
    """
    row = dataset_row(layout, dataset)
    if not row.has_catalog:
        raise ConfigError(
            f"Data set '{dataset}' holds images to test on, which are not tabulated. Make its benchmark: "
            "gsv-pipeline list names those that use it, gsv-pipeline benchmark NAME makes one."
        )
    require(layout, recipes.dataset(layout, dataset))
    location = read_location(layout.dataset(dataset))
    found = read_manifest(layout.catalog(dataset))
    # What a person once said holds until they say more.
    admitted = found.config.get("max_quarantined") if found else None
    limit = next(share for share in (max_quarantined, admitted, row.max_quarantined) if share is not None)
    recipe = recipes.catalog_of(layout, dataset, look_at(location, look=look, limit=limit, found=found))

    def write(target: Path) -> Output:
        previous = recipe.path if found is not None and found.versions == recipe.versions else None
        return compose.write_catalog(
            layout,
            dataset,
            target=target,
            previous=previous,
            look=look,
            limit=limit,
            expected=expected_cities(layout, dataset),
            again=force,
            tracker=tracker,
        )

    return produce(layout, recipe, write, tracker=tracker, force=force or look == "full")


def require_sound(layout: Layout, dataset: str) -> None:
    """Refuse a data set with more in quarantine than its limit.

    Raises:
        DataError: Names each broken rule with its first examples.
    """
    compose.require_sound(layout, dataset)


def build_places(layout: Layout, experiment: Experiment, *, tracker: Tracker, force: bool = False) -> StageResult:
    """The places that the experiment trains on, K images each at least, labels stable. Only training needs them."""
    if experiment.training is None:
        tracker.message(f"Experiment '{experiment.name}' is not trained here, so it needs no places")
        return StageResult(layout.places(experiment.name), {"needed": False}, data_version="none", cached=True)
    recipe = recipes.places_of(layout, experiment)
    if force or why_stale(layout, recipe):  # a fresh artifact was checked when it was made, and the check imports torch
        check_experiment(layout, experiment)

    def write(target: Path) -> Output:
        from gsv_pipeline.places.arrays import save_arrays
        from gsv_pipeline.places.select import PLACES_FILE, clauses_json

        table, clauses = compose.select(layout, experiment)
        table.to_parquet(target / PLACES_FILE, index=False)
        save_arrays(target, table)
        counts = {
            "images": len(table),
            "places": int(table["label"].max()) + 1,
            "cities": sorted(table["city"].unique()),
        }
        return Output({**counts, "clauses": clauses_json(clauses)}, version_files=(PLACES_FILE,))

    return produce(layout, recipe, write, tracker=tracker, force=force)


def train(
    layout: Layout, experiment: Experiment, *, tracker: Tracker, restart: bool = False, replace: bool = False
) -> StageResult:
    """Places -> checkpoint; or the import of `weights`, or the record of a `callable`. An interrupted run goes on.

    A checkpoint of other settings is refused, unless `replace` admits it or `restart` trains anew in any case. Under
    `torchrun` every process calls this; the first does what a single one would, and the others help it train.
    """
    from gsv_pipeline.training.processes import join_processes

    experiment = recipes.settled(layout, experiment, anew=restart)
    with join_processes() as processes:
        if not processes.is_first:
            return processes.follow(lambda: compose.assist_training(layout, experiment, processes=processes))
        return processes.lead(
            lambda: _train(layout, experiment, processes=processes, tracker=tracker, restart=restart, replace=replace)
        )


def _train(
    layout: Layout,
    experiment: Experiment,
    *,
    processes: "Processes",
    tracker: Tracker,
    restart: bool,
    replace: bool,
) -> StageResult:
    recipe = recipes.checkpoint(layout, experiment)
    if restart or why_stale(layout, recipe):
        check_experiment(layout, experiment)

    def refuse() -> None:
        if not (restart or replace):
            compose.refuse_changed_training(layout, experiment)

    def write(target: Path) -> Output:
        refuse()  # again, under the lock: another run may have made a checkpoint meanwhile
        return compose.write_checkpoint(
            layout,
            experiment,
            target=target,
            processes=processes,
            tracker=tracker,
            restart=restart,
            replace=replace,
        )

    def clear_state() -> None:
        shutil.rmtree(layout.training_state(experiment.name), ignore_errors=True)

    refuse()
    return produce(layout, recipe, write, tracker=tracker, force=restart, keep_previous=True, then=clear_state)


def build_benchmark(
    layout: Layout, benchmark: str, *, tracker: Tracker, admit_deviations: bool = False, force: bool = False
) -> StageResult:
    """Database, queries and positives of a benchmark.

    One that is not as published (counts, missing or broken images) is refused, unless `admit_deviations` takes it.
    """
    compose.refuse_absent(layout, benchmark)
    force = force or compose.has_changed(layout, benchmark)

    def write(target: Path) -> Output:
        from gsv_pipeline.benchmarks.data import save_benchmark

        data, facts = compose.assemble_benchmark(layout, benchmark, admit=admit_deviations, tracker=tracker)
        save_benchmark(target, data)
        return Output(facts)

    return produce(layout, recipes.benchmark(layout, benchmark), write, tracker=tracker, force=force)


def embed(
    layout: Layout,
    experiment: Experiment,
    benchmark: str,
    *,
    tracker: Tracker,
    options: ExtractionOptions = ExtractionOptions(),  # noqa: B008 - frozen
    force: bool = False,
) -> StageResult:
    """Descriptors of a benchmark's database and queries. An interrupted run goes on.

    Under `torchrun` every process calls this and describes its share; the first one makes the artifact.
    """
    from gsv_pipeline.training.processes import join_processes

    with join_processes() as processes:
        chosen = compose.settled_options(options, processes)
        if not processes.is_first:
            return processes.follow(
                lambda: compose.assist_embedding(layout, experiment, benchmark, options=chosen, processes=processes)
            )
        recipe = compose.embeddings_recipe(layout, experiment, benchmark, options=chosen)
        write = partial(
            compose.write_embeddings,
            layout,
            experiment,
            benchmark,
            options=chosen,
            processes=processes,
            tracker=tracker,
        )
        clear = partial(compose.clear_extraction, layout, recipe.path)
        return processes.lead(lambda: produce(layout, recipe, write, tracker=tracker, force=force, then=clear))


def build_index(
    layout: Layout,
    experiment: Experiment,
    benchmark: str,
    *,
    tracker: Tracker,
    kind: str = FLAT,
    force: bool = False,
) -> StageResult:
    """An index over the database descriptors: the exact one, or a row of INDEXES for deployment."""
    recipe = recipes.faiss_index(layout, experiment, benchmark, kind)

    def write(target: Path) -> Output:
        return compose.write_index(layout, experiment, benchmark, kind=kind, target=target)

    return produce(layout, recipe, write, tracker=tracker, force=force)


def report_indexes(
    layout: Layout, experiment: Experiment, benchmark: str, *, tracker: Tracker, force: bool = False
) -> StageResult:
    """What each kind of index costs and how accurate it is, so that a person can choose one; builds those missing.

    The numbers are in `index_report.json`, for people in `index_report.html`, for pull requests in `index_report.md`.
    """
    for kind in INDEXES:
        build_index(layout, experiment, benchmark, tracker=tracker, kind=kind)

    def write(target: Path) -> Output:
        from gsv_pipeline.reports.index_page import REPORT_FILE, write_index_report
        from gsv_pipeline.reports.subject import subject_of

        measured = compose.measure_indexes(layout, experiment, benchmark, tracker=tracker)
        write_index_report(target, measured, subject=subject_of(layout, experiment.name, benchmark))
        return Output(compose.index_facts(measured), version_files=(REPORT_FILE,))

    return produce(layout, recipes.index_report(layout, experiment, benchmark), write, tracker=tracker, force=force)


def fit_pca(
    layout: Layout, experiment: Experiment, *, tracker: Tracker, sample: int = PCA_SAMPLE, force: bool = False
) -> StageResult:
    """Principal components of the experiment's descriptors, fitted on training images and on nothing else."""
    compose.refuse_without_training(experiment)
    recipe = recipes.pca(layout, experiment, sample=sample)

    def write(target: Path) -> Output:
        return compose.write_pca(layout, experiment, target=target, sample=sample, tracker=tracker)

    clear = partial(compose.clear_extraction, layout, recipe.path)
    return produce(layout, recipe, write, tracker=tracker, force=force, then=clear)


def report_pca(
    layout: Layout, experiment: Experiment, benchmark: str, *, tracker: Tracker, force: bool = False
) -> StageResult:
    """Recall on a benchmark against the size of descriptors, reduced by `fit_pca`.

    The numbers are in `pca_report.json`, for people in `pca_report.html`, for pull requests in `pca_report.md`.
    """

    def write(target: Path) -> Output:
        from gsv_pipeline.reports.pca_page import REPORT_FILE, write_pca_report
        from gsv_pipeline.reports.subject import subject_of

        measured = compose.measure_pca(layout, experiment, benchmark, tracker=tracker)
        write_pca_report(target, measured, subject=subject_of(layout, experiment.name, benchmark))
        return Output({"R@1": compose.recall_by_size(measured)}, version_files=(REPORT_FILE,))

    return produce(layout, recipes.pca_report(layout, experiment, benchmark), write, tracker=tracker, force=force)


def evaluate(
    layout: Layout,
    experiment: Experiment,
    benchmark: str,
    *,
    tracker: Tracker,
    with_images: bool | None = None,
    force: bool = False,
) -> StageResult:
    """Predictions, recall with intervals beside three baselines, and the page that shows them.

    Photographs whose licence forbids copies are left out of the page, unless `with_images` was ever asked for. A
    benchmark with hidden answers gets its predictions alone.
    """
    recipe = recipes.recall_report(layout, experiment, benchmark, with_images=with_images)
    asked = bool((recipe.config or {}).get("with_images"))

    def write(target: Path) -> Output:
        from gsv_pipeline.reports.recall_report import write_recall_report

        if not recipes.benchmark_row(layout, benchmark).has_positives:
            return compose.predict_only(layout, experiment, benchmark, target=target)
        score = compose.score_experiment(layout, experiment, benchmark, target=target)
        baselines = compose.score_baselines(layout, experiment, benchmark, tracker=tracker)
        shown = compose.what_to_show(layout, experiment, benchmark, target=target, with_images=asked)
        write_recall_report(layout, experiment, benchmark, target=target, score=score, baselines=baselines, shown=shown)
        logged = compose.log_evaluation(layout, experiment, benchmark, scores=[score, *baselines], tracker=tracker)
        changed = compose.changed_answers(layout, experiment, benchmark, target=target, tracker=tracker)
        return Output(
            {
                **{f"R@{k}": round(score.recall_at[k], 4) for k in (1, 5, 10, 20)},
                "R@1 interval": [round(value, 4) for value in score.interval_at[1]],
                **{f"{item.name} R@1": round(item.recall_at[1], 4) for item in baselines},
                **changed,
                **logged,
            },
            version_files=(RECALL_FILE, PREDICTIONS_FILE),
        )

    def remember() -> None:
        from gsv_pipeline.evaluation.history import append_history

        append_history(layout, experiment.name, benchmark)

    return produce(layout, recipe, write, tracker=tracker, force=force, then=remember)


def write_leaderboard(layout: Layout, *, tracker: Tracker, force: bool = False) -> StageResult:
    """All recall reports on disk side by side: `leaderboard.json`, `index.html` and `leaderboard.md`."""
    from gsv_pipeline.evaluation.history import finished_reports
    from gsv_pipeline.reports.collect import collect_rows

    folders = finished_reports(layout)
    versions = {layout.key(folder): manifest.data_version for folder, manifest in folders.items()}

    def write(target: Path) -> Output:
        from gsv_pipeline.reports import leaderboard

        rows = collect_rows(layout, folders)
        write_json(target / leaderboard.LEADERBOARD_FILE, leaderboard.leaderboard_json(rows))
        leaderboard.write_leaderboard_page(target / leaderboard.LEADERBOARD_PAGE, rows)
        markdown = leaderboard.leaderboard_markdown(rows)
        (target / leaderboard.LEADERBOARD_MARKDOWN).write_text(markdown, encoding="utf-8")
        return Output({"reports": len(folders), "rows": len(rows)}, version_files=(leaderboard.LEADERBOARD_FILE,))

    return produce(layout, recipes.leaderboard(layout, versions), write, tracker=tracker, force=force)


def check_experiment(layout: Layout, experiment: Experiment) -> None:
    """Compare every name and argument of an experiment with the tables, before anything runs.

    Raises:
        ConfigError: The first thing that does not fit.
    """
    compose.check_experiment(layout, experiment)
