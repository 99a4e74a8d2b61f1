"""`index_report/<benchmark>`: which index to deploy."""

import dagster as dg

from assets.benchmarks import BENCHMARK_ASSETS, group_of, scored_benchmarks
from assets.embeddings import EMBEDDINGS_ASSETS
from assets.faiss_index import GROUP, INDEX_ASSETS
from assets.partitions import EXPERIMENTS
from assets.resources import Pipeline
from assets.results import OWNERS, Recompute, code_version, explained, materialized
from assets.training import POOL
from gsv_pipeline import index, reports, stages


def index_report_asset(name: str) -> dg.AssetsDefinition:
    """The asset `index_report/<name>`."""

    @dg.asset(
        key=["index_report", name],
        # Indexes for deployment have no assets of their own: this step makes them, of the embeddings.
        deps=[INDEX_ASSETS[name], EMBEDDINGS_ASSETS[name], BENCHMARK_ASSETS[name]],
        partitions_def=EXPERIMENTS,
        group_name=group_of(name, GROUP),
        kinds={"faiss", "report"},
        owners=OWNERS,
        code_version=code_version(index, reports),
        pool=POOL,  # it takes times: beside a training they would be those of both
        description=f"Indexes for deployment over the database descriptors of `{name}` beside exact search: size, "
        "queries per second one at a time and 64 at once, recall, and how often the first match is that of exact "
        "search; `index_report.html` shows every setting. Recall reports use the exact index alone. No job makes this: "
        "ask for it when you choose an index.\n\n"
        f"**Costs** seconds for the rendered cities. Of {len(index.INDEXES)} kinds those that are missing are built, "
        "which takes minutes and the memory of the descriptors for 100,000 images; then every setting is timed, two "
        "minutes at most. It holds the `gpu` pool meanwhile, so that no training slows it down; other work on this "
        "machine does.\n\n"
        "**When it fails** over stale embeddings, materialize those that the message names; over too few descriptors, "
        "take a larger benchmark. With `recompute: true` everything is timed again.",
    )
    def asset(context: dg.AssetExecutionContext, pipeline: Pipeline, config: Recompute) -> dg.MaterializeResult[None]:
        from gsv_pipeline.reports.choices import index_choice
        from gsv_pipeline.reports.index_page import PAGE_FILE

        with explained():
            layout, experiment = pipeline.layout(), pipeline.experiment(context.partition_key)
            result = stages.report_indexes(
                layout, experiment, name, tracker=pipeline.tracker(context), force=config.asked(context)
            )
            shown = index_choice(layout, experiment, name)
            return materialized(
                result, page=PAGE_FILE, numbers=shown.numbers, indexes=shown.table, speed_and_rightness=shown.figure
            )

    return asset


INDEX_REPORT_ASSETS = {name: index_report_asset(name) for name in scored_benchmarks()}
