"""Describing the sides of a benchmark, and the scores of an experiment and its baselines."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gsv_pipeline import recipes
from gsv_pipeline.compose.models import build_model_of, input_versions
from gsv_pipeline.compose.names import UNTRAINED, UNTRAINED_SEED
from gsv_pipeline.config import Experiment, ImageInput
from gsv_pipeline.evaluation import DEPTH
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import fingerprint
from gsv_pipeline.production import Output, produce
from gsv_pipeline.sources.location import image_root
from gsv_pipeline.tracking import Tracker

if TYPE_CHECKING:
    from torch import nn

    from gsv_pipeline.evaluation.score import Score
    from gsv_pipeline.images import ImageReader


def describe_side(
    layout: Layout, benchmark: str, *, model: "nn.Module", image: ImageInput, side: str, tracker: Tracker
) -> Any:
    """[N, D] descriptors of the `database` or the `queries` of a benchmark, checked."""
    from gsv_pipeline.embeddings.extract import describe
    from gsv_pipeline.embeddings.store import check_descriptors

    reader = image_reader(benchmark_paths(layout, benchmark)[side], image)
    descriptors = describe(model, reader, tracker=tracker, description=f"Describing {benchmark} {side}")
    check_descriptors(descriptors, rows=len(reader), what=f"{benchmark} {side}")
    return descriptors


def benchmark_paths(layout: Layout, benchmark: str) -> dict[str, list[Path]]:
    """Image files of both sides, in order."""
    from gsv_pipeline.benchmarks.data import load_benchmark

    data = load_benchmark(layout.benchmark(benchmark))
    root = image_root(layout.dataset(recipes.benchmark_row(benchmark).dataset))
    sides = {"database": data.database, "queries": data.queries}
    return {side: [root / image_id for image_id in table["image_id"]] for side, table in sides.items()}


def score_experiment(layout: Layout, experiment: Experiment, benchmark: str, *, target: Path) -> "Score":
    """Search the index with the queries and score what comes back; predictions and recalls go into `target`."""
    from gsv_pipeline.benchmarks.data import load_benchmark
    from gsv_pipeline.embeddings.store import QUERIES_FILE, load_descriptors
    from gsv_pipeline.evaluation.score import save_predictions, save_score, score_predictions
    from gsv_pipeline.index.flat import INDEX_FILE, load_index, search

    data = load_benchmark(layout.benchmark(benchmark))
    index = load_index(layout.faiss_index(benchmark, experiment.name) / INDEX_FILE)
    queries = load_descriptors(layout.embeddings(benchmark, experiment.name) / QUERIES_FILE)
    predictions, similarities = search(index, queries, DEPTH)
    save_predictions(target, predictions, similarities)
    score = score_predictions(experiment.name, predictions, data)
    facts = {
        "experiment": experiment.name,
        "benchmark": benchmark,
        "descriptor_size": index.d,
        "trained_on": experiment.dataset,
    }
    save_score(target, score, {**facts, "queries": len(data.queries), "database_images": index.ntotal})
    return score


def score_baselines(layout: Layout, experiment: Experiment, benchmark: str, *, tracker: Tracker) -> "list[Score]":
    """The untrained model, the colour histogram and the thumbnail: computed once, shared by all experiments."""
    from gsv_pipeline.embeddings.baselines import BASELINES, describe_by
    from gsv_pipeline.embeddings.extract import prepare
    from gsv_pipeline.evaluation.score import load_score

    paths = benchmark_paths(layout, benchmark)

    def by_name(baseline: str, side: str) -> Any:
        return describe_by(baseline, paths[side], tracker=tracker)

    def by_untrained_model(_: str, side: str) -> Any:
        model = prepare(build_model_of(experiment, seed=UNTRAINED_SEED, pretrained=False))
        return describe_side(layout, benchmark, model=model, image=experiment.image, side=side, tracker=tracker)

    architecture = {"model": _random_parts(experiment), "image": experiment.image.model_dump(mode="json")}
    rows: list[tuple[str, Mapping[str, Any], Any]] = [(UNTRAINED, architecture, by_untrained_model)]
    rows += [(name, {}, by_name) for name in BASELINES]
    scores = []
    for name, config, describe in rows:
        recipe = recipes.baseline(layout, benchmark, name, config)
        write = _baseline_writer(layout, benchmark, name=name, describe=describe)
        scores.append(load_score(produce(layout, recipe, write, tracker=tracker).artifact))
    return scores


def log_evaluation(
    layout: Layout, experiment: Experiment, benchmark: str, *, scores: "Sequence[Score]", tracker: Tracker
) -> None:
    """Recalls of the experiment and its baselines to the trackers, W&B among them."""
    from gsv_pipeline.evaluation.recall import KS
    from gsv_pipeline.tracking.wandb_run import wandb_run

    recipe = recipes.recall_report(layout, experiment, benchmark)
    with wandb_run(
        tracker,
        run_id=f"benchmark-{fingerprint(layout, recipe)}",
        experiment=experiment.name,
        job_type="benchmark",
        config={**experiment.model_dump(mode="json"), "inputs": input_versions(layout, recipe)},
        folder=layout.wandb(),
    ) as run:
        run.log({f"{benchmark}/R@{k}": scores[0].recall_at[k] for k in KS}, 0)
        rows: list[list[str | float]] = [[score.name, *(score.recall_at[k] for k in KS)] for score in scores]
        run.table(f"{benchmark}/recall", ["model", *(f"R@{k}" for k in KS)], rows)


def _random_parts(experiment: Experiment) -> dict[str, Any]:
    """The architecture alone: where pretrained weights come from and what is frozen does not shape a random model."""
    parts: dict[str, Any] = experiment.model.model_dump(mode="json")
    for name in ("weights", "layers_to_freeze", "trained_blocks", "freeze_statistics"):
        parts["backbone"].pop(name, None)
    return parts


def _baseline_writer(layout: Layout, benchmark: str, *, name: str, describe: Any) -> Any:
    def write(target: Path) -> Output:
        from gsv_pipeline.benchmarks.data import load_benchmark
        from gsv_pipeline.evaluation.score import save_score, score_predictions
        from gsv_pipeline.index.flat import build_flat, search

        database, queries = describe(name, "database"), describe(name, "queries")
        predictions, _ = search(build_flat(database), queries, DEPTH)
        score = score_predictions(name, predictions, load_benchmark(layout.benchmark(benchmark)))
        save_score(target, score, {"baseline": name, "benchmark": benchmark, "descriptor_size": database.shape[1]})
        return Output({"R@1": round(score.recall_at[1], 4)})

    return write


def image_reader(paths: Sequence[Path], image: ImageInput) -> "ImageReader":
    """Reads `paths` at the size that the experiment asks for."""
    from gsv_pipeline.images import ImageReader

    return ImageReader(paths, height=image.height, width=image.width, interpolation=image.interpolation)
