"""`embeddings/<benchmark>`: descriptors of both sides of a benchmark."""

import dagster as dg

from assets.benchmarks import BENCHMARK_ASSETS
from assets.partitions import EXPERIMENTS
from assets.resources import Pipeline
from assets.results import OWNERS, code_version, explained, materialized
from assets.training import POOL, checkpoint
from gsv_pipeline import embeddings, stages

GROUP = "retrieval"


def embeddings_asset(name: str) -> dg.AssetsDefinition:
    """The asset `embeddings/<name>`."""

    @dg.asset(
        key=["embeddings", name],
        deps=[checkpoint, BENCHMARK_ASSETS[name]],
        partitions_def=EXPERIMENTS,
        group_name=GROUP,
        kinds={"pytorch", "numpy"},
        owners=OWNERS,
        code_version=code_version(embeddings),
        pool=POOL,
        description=f"A descriptor for every database image and every query of `{name}`, of unit length, by the "
        "experiment's checkpoint.\n\n**Costs** seconds for the rendered cities, minutes on a GPU for 10,000 images. "
        "It holds the `gpu` pool meanwhile.\n\n**When it fails** over a damaged image, restore the file and build the "
        "catalog again; over values that are not finite, train again.",
    )
    def asset(context: dg.AssetExecutionContext, pipeline: Pipeline) -> dg.MaterializeResult[None]:
        with explained():
            experiment = pipeline.experiment(context.partition_key)
            result = stages.embed(pipeline.layout(), experiment, name, tracker=pipeline.tracker(context))
            return materialized(result)

    return asset


EMBEDDINGS_ASSETS = {name: embeddings_asset(name) for name in BENCHMARK_ASSETS}
