"""`benchmark/<name>`: what evaluation sees."""

import dagster as dg
from pydantic import Field

from assets.dataset import CATALOG_ASSETS, DATASET_ASSETS, column_schema
from assets.partitions import LAYOUT
from assets.presence import is_comparable, is_shown
from assets.resources import Pipeline
from assets.results import OWNERS, code_version, explained, materialized
from gsv_pipeline import benchmarks, stages
from gsv_pipeline.benchmarks import CATALOG, FOLDERS, BenchmarkRow
from gsv_pipeline.benchmarks.own import benchmark_rows
from gsv_pipeline.sources.own import dataset_rows

GROUP = "benchmark"
ABSENT_GROUP = "not_fetched"
_COLUMNS = column_schema("image_id", "place_id", "year", "month", "bearing", "lat", "lon", "content")


class Make(dg.Config):
    """How a benchmark is made."""

    admit_deviations: bool = Field(
        default=False,
        description="Take it although counts are others than published, or images are missing or broken: these are "
        "left out, and reports say so.",
    )


def benchmark_asset(name: str, row: BenchmarkRow) -> dg.AssetsDefinition:
    """The asset `benchmark/<name>`."""

    @dg.asset(
        key=["benchmark", name],
        deps=_inputs(row),
        group_name=group_of(name, GROUP),
        kinds={"parquet", "numpy"},
        owners=OWNERS,
        code_version=code_version(benchmarks),
        metadata={"dagster/column_schema": _COLUMNS},
        description=_description(row),
    )
    def asset(context: dg.AssetExecutionContext, pipeline: Pipeline, config: Make) -> dg.MaterializeResult[None]:
        from gsv_pipeline.reports.samples import queries_sample
        from gsv_pipeline.reports.summaries import benchmark_sheet

        with explained():
            pipeline.check_named(context)
            result = stages.build_benchmark(
                pipeline.layout(), name, tracker=pipeline.tracker(context), admit_deviations=config.admit_deviations
            )
            return materialized(
                result,
                rows="database_images",
                sample=queries_sample(pipeline.layout(), name),
                queries_above_their_positives=benchmark_sheet(pipeline.layout(), name),
            )

    return asset


def group_of(name: str, group: str) -> str:
    """The group of an asset of a benchmark: `group`, or one that keeps together all whose images are not there.

    There are dozens of benchmarks, and most people have the images of a few: the graph shows those.
    """
    return group if is_shown(LAYOUT, _ROWS[name]) else ABSENT_GROUP


def is_scored(name: str) -> bool:
    """Whether a benchmark gives recalls; where its answers are hidden, it takes predictions alone."""
    return _ROWS[name].has_positives


def is_compared(name: str) -> bool:
    """Whether it gives every experiment a recall, so that schedules run it again."""
    return is_comparable(_ROWS[name])


def scored_benchmarks() -> list[str]:
    """Those with recalls whose images are there: what a person may ask further reports of.

    Assets for dozens of benchmarks that nobody has fetched would hide the graph that matters.
    """
    return [name for name, row in _ROWS.items() if row.has_positives and is_shown(LAYOUT, row)]


def _inputs(row: BenchmarkRow) -> list[dg.AssetsDefinition]:
    if row.takes == FOLDERS:
        return []
    return [CATALOG_ASSETS[row.dataset] if row.takes == CATALOG else DATASET_ASSETS[row.dataset]]


def _description(row: BenchmarkRow) -> str:
    return "\n\n".join(
        text
        for text in (
            row.description,
            f"**Variant** {row.variant}." if row.variant else "",
            f"**A hit** is {row.protocol.words}.",
            f"**Defined by** {row.source}." if row.source else "",
            f"Database, queries and, for each query, the database images that count as correct. Licence of the images: "
            f"{row.licence}.",
            "**Costs** seconds, and a look at both ends of every image.",
            f"**When it fails** {_remedy(row)}",
        )
        if text
    )


def _remedy(row: BenchmarkRow) -> str:
    if row.takes == FOLDERS:
        return f"put the images where they were: {row.arguments['database']} and {row.arguments['queries']}."
    if row.takes == CATALOG:
        return f"materialize `catalog/{row.dataset}` first: its images come from there."
    return f"materialize `dataset/{row.dataset}` first: its images come from there. {_DATASETS[row.dataset].how_to_get}"


_DATASETS = dataset_rows(LAYOUT)
_ROWS = benchmark_rows(LAYOUT)
BENCHMARK_ASSETS = {name: benchmark_asset(name, row) for name, row in _ROWS.items()}
