"""`pca` and `pca_report/<benchmark>`: shorter descriptors, and what they cost in recall."""

from typing import Any

import dagster as dg
from pydantic import Field

from assets.benchmarks import scored_benchmarks
from assets.embeddings import EMBEDDINGS_ASSETS, GROUP
from assets.partitions import EXPERIMENTS
from assets.places import places
from assets.reports import report_asset
from assets.resources import Pipeline
from assets.results import OWNERS, Recompute, code_version, explained, materialized
from assets.training import POOL, checkpoint
from gsv_pipeline import embeddings, evaluation, models, reports, stages
from gsv_pipeline.config import Experiment
from gsv_pipeline.layout import Layout


class Fit(Recompute):
    """What principal components are fitted to."""

    sample: int = Field(
        default=stages.PCA_SAMPLE,
        ge=2,
        description="Training images to fit the components on, one of each place first; all where there are fewer.",
    )


@dg.asset(
    deps=[checkpoint, places],
    partitions_def=EXPERIMENTS,
    group_name=GROUP,
    kinds={"pytorch", "numpy"},
    owners=OWNERS,
    code_version=code_version(embeddings, models),
    pool=POOL,
)
def pca(context: dg.AssetExecutionContext, pipeline: Pipeline, config: Fit) -> dg.MaterializeResult[None]:
    """Principal components of an experiment's descriptors, fitted on its training images and on no benchmark.

    With them descriptors are shortened and whitened; `pca_report/<benchmark>` shows what that costs in recall. No job
    makes this: ask for it when descriptors are to be shorter.

    **Costs** the description of `sample` training images, seconds for the rendered cities and minutes on a GPU, and
    the `gpu` pool meanwhile. What an interrupted run described is kept.

    **When it fails** the message says why: an experiment with imported weights or a callable has no training images
    here, so there is nothing to fit on; over a damaged image, restore the file and build catalog and places again.
    """
    from gsv_pipeline.reports.choices import pca_variance

    with explained():
        layout, experiment = pipeline.layout(), pipeline.experiment_of(context)
        result = stages.fit_pca(
            layout,
            experiment,
            tracker=pipeline.tracker(context),
            sample=config.sample,
            force=config.asked(context),
        )
        shown = pca_variance(layout, experiment)
        return materialized(
            result, rows="components", numbers=shown.numbers, variance=shown.table, variance_kept=shown.figure
        )


def pca_report_asset(name: str) -> dg.AssetsDefinition:
    """The asset `pca_report/<name>`; it holds the pool, for descriptors of every size are searched on the device."""
    return report_asset(
        "pca_report",
        name,
        stage=stages.report_pca,
        looks=_looks,
        deps=[pca, EMBEDDINGS_ASSETS[name]],
        group=GROUP,
        kinds={"report", "numpy"},
        rooms=[embeddings, evaluation, reports],
        description=f"Recall on `{name}` against the size of the descriptors, with and without whitening, beside that "
        "of the descriptors as they are; `pca_report.html` shows all of it. No job makes this: ask for it when "
        "descriptors are to be shorter.\n\n"
        "**Costs** two searches of the benchmark for every power of two below the size of the descriptors: seconds for "
        "the rendered cities, minutes for 10,000 images.\n\n"
        "**When it fails** materialize what the message names, `pca` or the embeddings.",
    )


def _looks(layout: Layout, experiment: Experiment, name: str) -> dict[str, Any]:
    from gsv_pipeline.reports.choices import pca_choice
    from gsv_pipeline.reports.pca_page import PAGE_FILE

    shown = pca_choice(layout, experiment, name)
    return {"page": PAGE_FILE, "numbers": shown.numbers, "sizes": shown.table, "recall_by_size": shown.figure}


PCA_REPORT_ASSETS = {name: pca_report_asset(name) for name in scored_benchmarks()}
