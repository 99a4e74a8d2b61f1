"""`checkpoint`: trained or imported weights."""

import dagster as dg
from pydantic import Field

from assets.benchmarks import BENCHMARK_ASSETS
from assets.partitions import EXPERIMENTS, LAYOUT
from assets.places import places
from assets.resources import Pipeline
from assets.results import OWNERS, code_version, explained, materialized
from gsv_pipeline import models, stages, training
from gsv_pipeline.config import validation_benchmarks

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

    **Costs** minutes for `demo` on two cores, hours on a GPU for GSV-Cities. It holds the `gpu` pool meanwhile.

    **When it fails** materialize it again: training goes on from its last saved state. A checkpoint that other
    settings made is not replaced; the message says what differs. Set `restart: true` in the Launchpad to train anew.
    """
    from gsv_pipeline.reports.summaries import training_figure

    with explained():
        experiment = pipeline.experiment(context.partition_key)
        tracker = pipeline.tracker(context)
        result = stages.train(pipeline.layout(), experiment, tracker=tracker, restart=config.restart)
        return materialized(result, curve=training_figure(pipeline.layout(), experiment))
