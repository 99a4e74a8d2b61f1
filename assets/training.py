"""`checkpoint`: trained or imported weights."""

import dagster as dg
from pydantic import Field

from assets.benchmarks import BENCHMARK_ASSETS
from assets.child import run_child
from assets.partitions import EXPERIMENTS, LAYOUT
from assets.places import places
from assets.resources import Pipeline
from assets.results import OWNERS, code_version, explained, materialized
from gsv_pipeline import compose, models, recipes, stages, training
from gsv_pipeline.config import Experiment, validation_benchmarks
from gsv_pipeline.manifest import require, why_stale
from gsv_pipeline.production import StageResult

GROUP = "training"
POOL = "gpu"


class Train(dg.Config):
    """How a checkpoint is made."""

    restart: bool = Field(
        default=False,
        description="Train anew although a checkpoint or an interrupted run is there; the old one becomes .previous.",
    )


@dg.asset(
    deps=[places, *(BENCHMARK_ASSETS[name] for name in validation_benchmarks(LAYOUT) if name in BENCHMARK_ASSETS)],
    partitions_def=EXPERIMENTS,
    group_name=GROUP,
    kinds={"pytorch", "safetensors", "wandb"},
    owners=OWNERS,
    code_version=code_version(models, training),
    pool=POOL,
)
def checkpoint(context: dg.AssetExecutionContext, pipeline: Pipeline, config: Train) -> dg.MaterializeResult[None]:
    """The weights of an experiment: trained on its places, or imported from the file that it names.

    The best weights on the first validation benchmark are kept, with the resolved experiment and the training log.

    **Costs** minutes for `demo` on two cores, hours on a GPU for GSV-Cities, and the `gpu` pool meanwhile. It runs in
    a process of its own, which tells this log how it goes; its output is the `stderr` of the step. A run that is
    cancelled lets it finish its step and save. For several GPUs set `processes` of the resource `pipeline`.

    **When it fails** materialize it again: training goes on from its last saved state, as it does by itself, twice,
    after it was killed or crashed. A checkpoint that other settings made is not replaced; the message says what
    differs. Set `restart: true` in the Launchpad to train anew.
    """
    from gsv_pipeline.reports.summaries import training_figure

    with explained():
        experiment = pipeline.experiment_of(context)
        result = _train(context, pipeline, experiment, restart=config.restart)
        return materialized(result, curve=training_figure(pipeline.layout(), experiment))


def _train(
    context: dg.AssetExecutionContext, pipeline: Pipeline, experiment: Experiment, *, restart: bool
) -> StageResult:
    """What can be said without torch is said at once: that nothing changed, or that something is missing."""
    layout, tracker = pipeline.layout(), pipeline.tracker(context)
    experiment = recipes.settled(layout, experiment, anew=restart)
    recipe = recipes.checkpoint(layout, experiment)
    if not restart:
        if why_stale(layout, recipe) is None:
            return stages.train(layout, experiment, tracker=tracker)
        compose.refuse_changed_training(layout, experiment)
    for item in recipe.inputs:
        require(layout, item)
    flags = ["--restart"] if restart else []
    command = pipeline.command("train", *flags, "--", experiment.name, *experiment.overrides)
    return run_child(context, command, artifact=recipe.path, tracker=tracker, terminal=pipeline.terminal())
