"""`benchmark/<name>`: what evaluation sees."""

import dagster as dg

from assets.dataset import CATALOG_ASSETS
from assets.resources import Pipeline
from assets.results import OWNERS, code_version, explained, materialized
from gsv_pipeline import benchmarks, stages
from gsv_pipeline.benchmarks import BENCHMARKS

GROUP = "benchmark"


def benchmark_asset(name: str) -> dg.AssetsDefinition:
    """The asset `benchmark/<name>`."""
    row = BENCHMARKS[name]

    @dg.asset(
        key=["benchmark", name],
        deps=[CATALOG_ASSETS[row.dataset]],
        group_name=GROUP,
        kinds={"parquet", "numpy"},
        owners=OWNERS,
        code_version=code_version(benchmarks),
        description=f"{row.description}\n\nDatabase, queries and, for each query, the database images that count as "
        f"correct. Licence of the images: {row.licence}.\n\n**Costs** seconds.\n\n"
        f"**When it fails** materialize `catalog/{row.dataset}` first: its images come from there.",
    )
    def asset(context: dg.AssetExecutionContext, pipeline: Pipeline) -> dg.MaterializeResult[None]:
        from gsv_pipeline.reports.summaries import benchmark_sheet

        with explained():
            result = stages.build_benchmark(pipeline.layout(), name, tracker=pipeline.tracker(context))
            sheet = benchmark_sheet(pipeline.layout(), name)
            return materialized(result, rows="database_images", queries_above_their_positives=sheet)

    return asset


BENCHMARK_ASSETS = {name: benchmark_asset(name) for name in BENCHMARKS}
