"""`dataset/<dataset>` and `catalog/<dataset>`: what a source published, and the validated table of its images."""

from typing import Any

import dagster as dg
from pydantic import Field

from assets.resources import Pipeline
from assets.results import OWNERS, code_version, explained, materialized
from gsv_pipeline import catalog, sources, stages
from gsv_pipeline.catalog.schema import COLUMNS
from gsv_pipeline.sources import DATASETS

GROUP = "dataset"


class Fetch(dg.Config):
    """How a data set is fetched."""

    arguments: dict[str, Any] = Field(
        default={},
        description="Arguments of the source, such as seed: 2 or path: /where/you/unpacked/it. "
        "Without any, a data set that is there is kept as it was fetched.",
    )
    force: bool = Field(default=False, description="Fetch again although nothing changed.")


def column_schema() -> dg.TableSchema:
    """The catalog's columns as the UI shows them."""
    return dg.TableSchema(columns=[dg.TableColumn(item.name, item.dtype, item.meaning) for item in COLUMNS])


def dataset_asset(name: str) -> dg.AssetsDefinition:
    """The asset `dataset/<name>`."""
    row = DATASETS[name]

    @dg.asset(
        key=["dataset", name],
        group_name=GROUP,
        kinds={"python", row.source},
        owners=OWNERS,
        code_version=code_version(sources),
        description=f"{row.description}\n\nThe images and CSVs as published, unchanged. Licence: {row.licence}.\n\n"
        "**Costs** about a minute where it is rendered, seconds where a copy is used in place.\n\n"
        f"**When it fails**: {row.how_to_get or 'free some disk space and materialize it again.'}",
    )
    def asset(context: dg.AssetExecutionContext, pipeline: Pipeline, config: Fetch) -> dg.MaterializeResult[None]:
        from gsv_pipeline.reports.summaries import dataset_sheet

        with explained():
            result = stages.fetch_dataset(
                pipeline.layout(),
                name,
                tracker=pipeline.tracker(context),
                arguments=pipeline.source_arguments(name, config.arguments),
                force=config.force,
            )
            return materialized(result, photographs=dataset_sheet(pipeline.layout(), name))

    return asset


def catalog_asset(name: str) -> dg.AssetsDefinition:
    """The asset `catalog/<name>`."""

    @dg.asset(
        key=["catalog", name],
        deps=[dg.AssetKey(["dataset", name])],
        group_name=GROUP,
        kinds={"parquet", "pandas"},
        owners=OWNERS,
        code_version=code_version(catalog),
        metadata={"dagster/column_schema": column_schema()},
        description=f"One row per image of `{name}`, sorted by place: where, when and in which direction it was taken."
        "\n\n**Costs** a look at the header and the end of every image: seconds per 10,000.\n\n"
        "**When it fails** the message lists each broken rule with its first examples; the catalog that was there "
        "stays. Mend the files or fetch the data set again.",
    )
    def asset(context: dg.AssetExecutionContext, pipeline: Pipeline) -> dg.MaterializeResult[None]:
        from gsv_pipeline.reports.summaries import catalog_table

        with explained():
            result = stages.build_catalog(pipeline.layout(), name, tracker=pipeline.tracker(context))
            return materialized(result, rows="images", summary=catalog_table(pipeline.layout(), name))

    return asset


DATASET_ASSETS = {name: dataset_asset(name) for name in DATASETS}
CATALOG_ASSETS = {name: catalog_asset(name) for name in DATASETS}
