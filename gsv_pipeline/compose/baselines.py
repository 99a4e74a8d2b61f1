"""The scores of what every experiment stands beside: its untrained model, a colour histogram and a thumbnail."""

import shutil
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gsv_pipeline import recipes
from gsv_pipeline.compose.benchmarks import restriction
from gsv_pipeline.compose.extraction import benchmark_paths, describe_side
from gsv_pipeline.compose.models import build_model_of
from gsv_pipeline.compose.names import UNTRAINED, UNTRAINED_SEED
from gsv_pipeline.config import Experiment
from gsv_pipeline.embeddings.options import ExtractionOptions
from gsv_pipeline.evaluation import DEPTH
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import fingerprint
from gsv_pipeline.production import Output, produce
from gsv_pipeline.tracking import Tracker

if TYPE_CHECKING:
    from gsv_pipeline.evaluation.score import Score


def score_baselines(layout: Layout, experiment: Experiment, benchmark: str, *, tracker: Tracker) -> "list[Score]":
    """The untrained model, the colour histogram and the thumbnail: computed once, shared by all experiments.

    A callable has no architecture of ours, so nothing untrained stands beside it.
    """
    from gsv_pipeline.evaluation.score import load_score

    seen = restriction(layout, experiment, benchmark)
    scores = []
    for name, config, describe in _methods(layout, experiment, benchmark, tracker=tracker):
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


def _methods(
    layout: Layout, experiment: Experiment, benchmark: str, *, tracker: Tracker
) -> "list[tuple[str, Mapping[str, Any], Any]]":
    """Name, settings and function of each baseline."""
    from gsv_pipeline.embeddings.baselines import BASELINES, describe_by
    from gsv_pipeline.embeddings.extract import prepare
    from gsv_pipeline.embeddings.store import load_descriptors

    paths, image = benchmark_paths(layout, benchmark, experiment), experiment.described_image
    untrained = cache(lambda: prepare(build_model_of(experiment, seed=UNTRAINED_SEED, pretrained=False)))
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
            model=untrained,
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
    return [*rows, *((name, {}, by_name) for name in BASELINES)]


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
