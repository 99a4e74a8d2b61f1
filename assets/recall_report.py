"""`recall_report/<benchmark>`: what training bought."""

import dagster as dg

from assets.benchmarks import BENCHMARK_ASSETS
from assets.faiss_index import INDEX_ASSETS
from assets.partitions import EXPERIMENTS
from assets.resources import Pipeline
from assets.results import OWNERS, code_version, explained, materialized
from assets.training import POOL
from gsv_pipeline import evaluation, reports, stages

GROUP = "report"


def report_asset(name: str) -> dg.AssetsDefinition:
    """The asset `recall_report/<name>`."""

    @dg.asset(
        key=["recall_report", name],
        deps=[INDEX_ASSETS[name], BENCHMARK_ASSETS[name]],
        partitions_def=EXPERIMENTS,
        group_name=GROUP,
        kinds={"report", "json", "matplotlib", "wandb"},
        owners=OWNERS,
        code_version=code_version(evaluation, reports),
        pool=POOL,  # the untrained model describes the benchmark here, once per architecture
        description=f"Recall@K on `{name}` with 95 % intervals, beside the untrained model, a colour histogram and a "
        "grey thumbnail, and `report.html` that shows it all.\n\n**Costs** seconds, and once per architecture the "
        "embedding by the untrained model.\n\n**When it fails** the message names the artifact to make first.",
    )
    def asset(context: dg.AssetExecutionContext, pipeline: Pipeline) -> dg.MaterializeResult[None]:
        from gsv_pipeline.reports import summaries
        from gsv_pipeline.reports.recall_report import PAGE_FILE

        with explained():
            layout, experiment = pipeline.layout(), pipeline.experiment(context.partition_key)
            result = stages.evaluate(layout, experiment, name, tracker=pipeline.tracker(context))
            table = summaries.recall_table(layout, experiment, name)
            curve = summaries.recall_figure(layout, experiment, name)
            return materialized(result, page=PAGE_FILE, recall=table, recall_curve=curve)

    return asset


REPORT_ASSETS = {name: report_asset(name) for name in INDEX_ASSETS}
