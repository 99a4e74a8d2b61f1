"""`faiss_index/<benchmark>`: the index that queries are looked up in."""

import dagster as dg

from assets.benchmarks import group_of
from assets.embeddings import EMBEDDINGS_ASSETS
from assets.partitions import EXPERIMENTS
from assets.resources import Pipeline
from assets.results import OWNERS, Recompute, code_version, explained, materialized
from gsv_pipeline import index, stages

GROUP = "index"


def index_asset(name: str) -> dg.AssetsDefinition:
    """The asset `faiss_index/<name>`."""

    @dg.asset(
        key=["faiss_index", name],
        deps=[EMBEDDINGS_ASSETS[name]],
        partitions_def=EXPERIMENTS,
        group_name=group_of(name, GROUP),
        kinds={"faiss"},
        owners=OWNERS,
        code_version=code_version(index),
        description=f"The exact FAISS index over the database descriptors of `{name}`.\n\n**Costs** seconds, and the "
        "memory of the descriptors.\n\n**When it fails** materialize the embeddings again.",
    )
    def asset(context: dg.AssetExecutionContext, pipeline: Pipeline, config: Recompute) -> dg.MaterializeResult[None]:
        with explained():
            experiment = pipeline.experiment_of(context)
            result = stages.build_index(
                pipeline.layout(), experiment, name, tracker=pipeline.tracker(context), force=config.asked(context)
            )
            return materialized(result, rows="vectors")

    return asset


INDEX_ASSETS = {name: index_asset(name) for name in EMBEDDINGS_ASSETS}
