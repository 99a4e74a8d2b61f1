"""`dataset/<dataset>` and `catalog/<dataset>`: what a source published, and the validated table of its images."""

from enum import Enum
from typing import Any

import dagster as dg
from pydantic import Field

from assets.partitions import LAYOUT
from assets.resources import Pipeline
from assets.results import OWNERS, code_version, explained, materialized
from gsv_pipeline import catalog, sources, stages
from gsv_pipeline.catalog.report import LEVELS, REPORT_PAGE
from gsv_pipeline.catalog.schema import COLUMNS
from gsv_pipeline.sources import SOURCES, Dataset
from gsv_pipeline.sources.own import dataset_rows

GROUP = "dataset"


class Level(Enum):
    """The keys of LEVELS, as the Launchpad offers them."""

    names = "names"
    quick = "quick"
    full = "full"


class Fetch(dg.Config):
    """How a data set is fetched."""

    source: str = Field(
        default="",
        description=f"Where from: {', '.join(SOURCES)}. Empty: the data set's own source, or that of the last time.",
    )
    arguments: dict[str, Any] = Field(
        default={},
        description="Arguments of the source, such as seed: 2 or path: /where/you/unpacked/it. "
        "Without any, a data set that is there is kept as it was fetched. Dagster stores what stands here: give an "
        "address with a password on the command line instead.",
    )
    force: bool = Field(default=False, description="Fetch again although nothing changed.")


class Look(dg.Config):
    """How closely a data set's images are looked at."""

    look: Level = Field(
        default=Level.quick,
        description="; ".join(f"{level}: {meaning}" for level, meaning in LEVELS.items()) + ".",
    )
    max_quarantined: float | None = Field(
        default=None,
        description="Largest share of unusable images with which the data set is sound; if not given, its own.",
    )


def column_schema(*chosen: str) -> dg.TableSchema:
    """Columns of a catalog as the UI shows them; all of them, or those chosen."""
    items = [item for item in COLUMNS if not chosen or item.name in chosen]
    return dg.TableSchema(columns=[dg.TableColumn(item.name, item.dtype, item.meaning) for item in items])


def dataset_asset(name: str, row: Dataset) -> dg.AssetsDefinition:
    """The asset `dataset/<name>`."""

    @dg.asset(
        key=["dataset", name],
        group_name=GROUP,
        kinds={"python", row.source},
        owners=OWNERS,
        code_version=code_version(sources),
        description=f"{row.description}\n\nThe images and CSVs as published, unchanged. Licence: {row.licence}.\n\n"
        "**Costs** about a minute where it is rendered, seconds where a copy is used in place, and the time of the "
        "download where it is fetched; an interrupted download goes on where it was.\n\n"
        f"**When it fails**: {row.how_to_get or 'free some disk space and materialize it again.'}",
    )
    def asset(context: dg.AssetExecutionContext, pipeline: Pipeline, config: Fetch) -> dg.MaterializeResult[None]:
        from gsv_pipeline.reports.summaries import dataset_sheet

        with explained():
            result = stages.fetch_dataset(
                pipeline.layout(),
                name,
                tracker=pipeline.tracker(context),
                source=config.source or None,
                arguments=pipeline.source_arguments(name, config.arguments),
                force=config.force,
            )
            return materialized(result, rows="files", photographs=dataset_sheet(pipeline.layout(), name))

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
        description=f"Catalog of `{name}`: one row per image, sorted by place: where, when and in which "
        "direction it was taken."
        "\n\n**Costs** a look at the header and the end of every image the first time (half a minute for 500,000), "
        "then at what changed. `look: full` decodes everything.\n\n"
        "**When it fails** or its check `quarantine` does: what cannot be used stands in `quarantine.parquet` with "
        "its reason, and `validation.html` beside it tells it to people. Mend the files, fetch the data set again, or "
        "raise `max_quarantined`.",
    )
    def asset(context: dg.AssetExecutionContext, pipeline: Pipeline, config: Look) -> dg.MaterializeResult[None]:
        from gsv_pipeline.reports.samples import catalog_sample
        from gsv_pipeline.reports.summaries import catalog_table, validation_table

        with explained():
            result = stages.build_catalog(
                pipeline.layout(),
                name,
                tracker=pipeline.tracker(context),
                look=config.look.value,
                max_quarantined=config.max_quarantined,
            )
            return materialized(
                result,
                rows="images",
                page=REPORT_PAGE,
                sample=catalog_sample(pipeline.layout(), name),
                cities=catalog_table(pipeline.layout(), name),
                validation=validation_table(pipeline.layout(), name),
            )

    return asset


_ROWS = dataset_rows(LAYOUT)
DATASET_ASSETS = {name: dataset_asset(name, row) for name, row in _ROWS.items()}
CATALOG_ASSETS = {name: catalog_asset(name) for name, row in _ROWS.items() if row.has_catalog}
