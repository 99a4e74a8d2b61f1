"""Describing the sides of a benchmark, and the scores of an experiment and its baselines."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gsv_pipeline import recipes
from gsv_pipeline.compose.benchmarks import restriction
from gsv_pipeline.compose.extraction import describe_files
from gsv_pipeline.compose.models import build_model_of
from gsv_pipeline.compose.names import UNTRAINED, UNTRAINED_SEED
from gsv_pipeline.compose.runs import describe_run
from gsv_pipeline.config import Experiment, ImageInput
from gsv_pipeline.embeddings.options import ExtractionOptions
from gsv_pipeline.evaluation import DEPTH
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import fingerprint, write_json
from gsv_pipeline.production import Output, produce
from gsv_pipeline.tracking import Tracker

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import nn

    from gsv_pipeline.benchmarks.data import BenchmarkData
    from gsv_pipeline.embeddings.work import Extraction
    from gsv_pipeline.evaluation.score import Score
    from gsv_pipeline.images import ImageReader

FACTS_FILE: Final = "facts.json"


def describe_side(
    layout: Layout,
    benchmark: str,
    *,
    model: "Callable[[], nn.Module]",
    image: ImageInput,
    side: str,
    folder: Path,
    options: ExtractionOptions,
    tracker: Tracker,
    experiment: Experiment | None = None,
) -> "Extraction":
    """Describe this process's share of the `database` or the `queries` of a benchmark as `experiment` sees it.

    Args:
        layout: Where things live.
        benchmark: Its name.
        model: Loads it; called only where something is left to describe.
        image: Input size.
        side: `database` or `queries`.
        folder: Where the descriptors grow, and are found again after an interruption.
        options: How to describe.
        tracker: Shows a bar.
        experiment: On whose images; None: on all of the benchmark.
    """
    return describe_files(
        benchmark_paths(layout, benchmark, experiment)[side],
        name=side,
        model=model,
        image=image,
        folder=folder,
        options=options,
        tracker=tracker,
        description=f"Describing {benchmark} {side}",
    )


def benchmark_paths(layout: Layout, benchmark: str, experiment: Experiment | None = None) -> dict[str, list[Path]]:
    """Image files of both sides, in order; of those that `experiment` is scored on, or of all."""
    from gsv_pipeline.benchmarks.data import load_benchmark
    from gsv_pipeline.benchmarks.images import paths_of
    from gsv_pipeline.benchmarks.seen import benchmark_of

    data = benchmark_of(layout, experiment, benchmark) if experiment else load_benchmark(layout.benchmark(benchmark))
    return paths_of(layout, recipes.benchmark_row(layout, benchmark), data)


def score_experiment(layout: Layout, experiment: Experiment, benchmark: str, *, target: Path) -> "Score":
    """Search the index with the queries and score what comes back; predictions and recalls go into `target`.

    Raises:
        DataError: The index is damaged, or of another model than the queries.
    """
    from gsv_pipeline.evaluation.outcomes import outcomes_of, save_outcomes
    from gsv_pipeline.evaluation.score import save_score, score_predictions

    found = _retrieve(layout, experiment, benchmark, target=target)
    score = score_predictions(experiment.name, found.predictions, found.data)
    save_score(target, score, found.facts)
    save_outcomes(target, outcomes_of(found.data, found.predictions, found.similarities))
    return score


def predict_only(layout: Layout, experiment: Experiment, benchmark: str, *, target: Path) -> Output:
    """Search where the answers are hidden: predictions as a table and as the challenge takes them, and no recall.

    Raises:
        DataError: The index is damaged, or of another model than the queries.
    """
    from gsv_pipeline.evaluation.prediction_files import MSLS_FILE, write_msls

    found = _retrieve(layout, experiment, benchmark, target=target)
    write_msls(target / MSLS_FILE, found.data, found.predictions)
    write_json(target / FACTS_FILE, found.facts)
    return Output(
        {"queries": len(found.data.queries), "recall": "hidden", "to_hand_in": MSLS_FILE},
        version_files=(MSLS_FILE, "predictions.npy"),
    )


@dataclass(frozen=True, slots=True)
class _Retrieved:
    """What the index gave.

    Args:
        data: The benchmark as the experiment sees it.
        predictions: [Q, K] database rows, best first.
        similarities: [Q, K].
        facts: What a reader has to know.
    """

    data: "BenchmarkData"
    predictions: "npt.NDArray[np.int64]"
    similarities: "npt.NDArray[np.float32]"
    facts: dict[str, Any]


def _retrieve(layout: Layout, experiment: Experiment, benchmark: str, *, target: Path) -> _Retrieved:
    from gsv_pipeline.benchmarks.seen import benchmark_of
    from gsv_pipeline.embeddings.store import QUERIES_FILE, load_descriptors
    from gsv_pipeline.evaluation.prediction_files import PARQUET_FILE, write_predictions
    from gsv_pipeline.evaluation.score import save_predictions
    from gsv_pipeline.index.files import read_stored
    from gsv_pipeline.index.flat import vectors_of
    from gsv_pipeline.index.search import exact_search

    data = benchmark_of(layout, experiment, benchmark)
    stored = read_stored(layout.faiss_index(benchmark, experiment.name))
    queries = load_descriptors(layout.embeddings(benchmark, experiment.name) / QUERIES_FILE)
    stored.check_descriptors(queries, model=recipes.model_identity(layout, experiment))
    vectors, rows = vectors_of(stored.index)
    predictions, similarities = exact_search(vectors, queries, DEPTH, rows=rows)
    save_predictions(target, predictions, similarities)
    write_predictions(target / PARQUET_FILE, data, predictions, similarities)
    facts = {
        "experiment": experiment.name,
        "benchmark": benchmark,
        "descriptor_size": stored.record.dimensions,
        "trained_on": experiment.trained_on,
        **_search_facts(layout, experiment, benchmark, depth=predictions.shape[1]),
        "queries": len(data.queries),
        "database_images": len(data.database),
    }
    return _Retrieved(data, predictions, similarities, facts)


def _search_facts(layout: Layout, experiment: Experiment, benchmark: str, *, depth: int) -> dict[str, Any]:
    """What a reader of a recall has to know: precision, images without a descriptor, a database that is too small."""
    from gsv_pipeline.embeddings.store import load_broken

    recipe = recipes.embeddings_of(layout, experiment, benchmark)
    broken = load_broken(recipe.path)
    facts: dict[str, Any] = {"precision": (recipe.config or {}).get("precision")}
    if broken:
        facts["broken_images"] = {side: len(images) for side, images in broken.items()}
    if depth < DEPTH:
        facts["depth"] = depth
    return facts


def score_baselines(layout: Layout, experiment: Experiment, benchmark: str, *, tracker: Tracker) -> "list[Score]":
    """The untrained model, the colour histogram and the thumbnail: computed once, shared by all experiments.

    A callable has no architecture of ours, so nothing untrained stands beside it.
    """
    from gsv_pipeline.embeddings.baselines import BASELINES, describe_by
    from gsv_pipeline.embeddings.extract import prepare
    from gsv_pipeline.embeddings.store import load_descriptors
    from gsv_pipeline.evaluation.score import load_score

    paths, image = benchmark_paths(layout, benchmark, experiment), experiment.described_image
    # What may be left out of the experiment's descriptors may be left out of what they are compared with.
    made = recipes.embeddings_of(layout, experiment, benchmark).config or {}
    options = ExtractionOptions(skip_broken=bool(made.get("skip_broken")))

    def by_name(baseline: str, side: str, folder: Path) -> Any:
        return describe_by(baseline, paths[side], tracker=tracker, skip_broken=options.skip_broken)

    def by_untrained_model(_: str, side: str, folder: Path) -> Any:
        work = describe_side(
            layout,
            benchmark,
            experiment=experiment,
            model=lambda: prepare(build_model_of(experiment, seed=UNTRAINED_SEED, pretrained=False)),
            image=image,
            side=side,
            folder=folder,
            options=options,
            tracker=tracker,
        )
        return load_descriptors(work.path), list(work.broken)

    rows: list[tuple[str, Mapping[str, Any], Any]] = []
    if experiment.callable is None:
        architecture = {"model": _random_parts(experiment), "image": image.model_dump(mode="json")}
        rows.append((UNTRAINED, architecture, by_untrained_model))
    rows += [(name, {}, by_name) for name in BASELINES]
    seen = restriction(layout, experiment, benchmark)
    scores = []
    for name, config, describe in rows:
        recipe = recipes.baseline(layout, benchmark, name, {**config, **seen})
        work = layout.extraction(recipe.path)
        write = _baseline_writer(
            layout,
            benchmark,
            experiment=experiment,
            name=name,
            describe=partial(describe, folder=work / fingerprint(layout, recipe)),
        )
        clear = partial(shutil.rmtree, work, ignore_errors=True)
        scores.append(load_score(produce(layout, recipe, write, tracker=tracker, then=clear).artifact))
    return scores


def log_evaluation(
    layout: Layout, experiment: Experiment, benchmark: str, *, scores: "Sequence[Score]", tracker: Tracker
) -> None:
    """Recalls of the experiment and its baselines to the trackers, W&B among them."""
    from gsv_pipeline.evaluation.recall import KS
    from gsv_pipeline.tracking.wandb_run import wandb_run

    recipe = recipes.recall_report(layout, experiment, benchmark)
    run_id = f"benchmark-{fingerprint(layout, recipe)}"
    description = describe_run(layout, experiment, recipe, run_id=run_id, job_type="benchmark")
    with wandb_run(tracker, description, folder=layout.wandb()) as run:
        run.log({f"{benchmark}/R@{k}": scores[0].recall_at[k] for k in KS}, 0)
        rows: list[list[str | float]] = [[score.name, *(score.recall_at[k] for k in KS)] for score in scores]
        run.table(f"{benchmark}/recall", ["model", *(f"R@{k}" for k in KS)], rows)


def _random_parts(experiment: Experiment) -> dict[str, Any]:
    """The architecture alone: where pretrained weights come from and what is frozen does not shape a random model."""
    parts: dict[str, Any] = experiment.model.model_dump(mode="json")
    for name in ("weights", "layers_to_freeze", "trained_blocks", "freeze_statistics"):
        parts["backbone"].pop(name, None)
    return parts


def _baseline_writer(layout: Layout, benchmark: str, *, experiment: Experiment, name: str, describe: Any) -> Any:
    def write(target: Path) -> Output:
        from gsv_pipeline.benchmarks.seen import benchmark_of
        from gsv_pipeline.evaluation.score import save_score, score_predictions
        from gsv_pipeline.index.search import exact_search

        (database, missing), (queries, _) = describe(name, "database"), describe(name, "queries")
        predictions, _ = exact_search(database, queries, DEPTH, missing=missing)
        score = score_predictions(name, predictions, benchmark_of(layout, experiment, benchmark))
        save_score(target, score, {"baseline": name, "benchmark": benchmark, "descriptor_size": database.shape[1]})
        return Output({"R@1": round(score.recall_at[1], 4)})

    return write


def image_reader(paths: Sequence[Path], image: ImageInput, *, plain: bool = False) -> "ImageReader":
    """Reads `paths` at the size that the experiment asks for; `plain` as the reference does."""
    from gsv_pipeline.images import ImageReader

    return ImageReader(paths, height=image.height, width=image.width, interpolation=image.interpolation, plain=plain)
