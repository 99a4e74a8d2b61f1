"""`embeddings/<benchmark>`: descriptors of both sides of a benchmark."""

from enum import Enum

import dagster as dg
from pydantic import Field

from assets.benchmarks import BENCHMARK_ASSETS, group_of
from assets.partitions import EXPERIMENTS
from assets.resources import Pipeline
from assets.results import OWNERS, Recompute, asked_of_all, code_version, explained, materialized
from assets.training import POOL, checkpoint
from gsv_pipeline import embeddings, stages
from gsv_pipeline.embeddings import PRECISION
from gsv_pipeline.embeddings.options import ExtractionOptions
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest

GROUP = "embeddings"


class Precision(Enum):
    """What the Launchpad offers."""

    float32 = "32-true"
    bf16 = "bf16-mixed"
    fp16 = "16-mixed"
    auto = "auto"


class Embed(Recompute):
    """How images are described."""

    precision: Precision = Field(
        default=Precision.float32,
        description="Stated recalls are in float32; auto is bf16 where the device has it.",
    )
    skip_broken: bool = Field(
        default=False, description="Go on over images that cannot be read; the report says which they were."
    )

    def options(self) -> ExtractionOptions:
        """As the library takes them."""
        return ExtractionOptions(precision=self.precision.value, skip_broken=self.skip_broken)


def options_as_made(layout: Layout, experiment: str, benchmark: str) -> ExtractionOptions:
    """What the descriptors on disk were made with; to make them again with others would be a change of our own."""
    found = read_manifest(layout.embeddings(benchmark, experiment))
    made = found.config if found else {}
    return ExtractionOptions(precision=made.get("precision", PRECISION), skip_broken=bool(made.get("skip_broken")))


def embeddings_asset(name: str) -> dg.AssetsDefinition:
    """The asset `embeddings/<name>`."""

    @dg.asset(
        key=["embeddings", name],
        deps=[checkpoint, BENCHMARK_ASSETS[name]],
        partitions_def=EXPERIMENTS,
        group_name=group_of(name, GROUP),
        kinds={"pytorch", "numpy"},
        owners=OWNERS,
        code_version=code_version(embeddings),
        pool=POOL,
        description=f"Descriptors of `{name}`: of every database image and every query, of unit length, by the "
        "experiment's checkpoint.\n\n**Costs** seconds for the rendered cities, minutes on a GPU for 10,000 images. "
        "It holds the `gpu` pool meanwhile. What an interrupted run described is kept.\n\n**When it fails** over a "
        "damaged image, restore the file and build the catalog again, or set `skip_broken: true`; over values that are "
        "not finite, train again.",
    )
    def asset(context: dg.AssetExecutionContext, pipeline: Pipeline, config: Embed) -> dg.MaterializeResult[None]:
        with explained():
            layout, experiment = pipeline.layout(), pipeline.experiment_of(context)
            result = stages.embed(
                layout,
                experiment,
                name,
                tracker=pipeline.tracker(context),
                options=options_as_made(layout, experiment.name, name) if asked_of_all(context) else config.options(),
                force=config.asked(context),
            )
            return materialized(result)

    return asset


EMBEDDINGS_ASSETS = {name: embeddings_asset(name) for name in BENCHMARK_ASSETS}
