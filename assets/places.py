"""`places`: what training sees."""

import dagster as dg

from assets.dataset import CATALOG_ASSETS, column_schema
from assets.partitions import EXPERIMENTS
from assets.resources import Pipeline
from assets.results import OWNERS, code_version, explained, materialized
from gsv_pipeline import places as room
from gsv_pipeline import stages

GROUP = "training"
_LABEL = dg.TableColumn("label", "int64", "number of the place in this training set, from 0, in the order of place_id")
_FROM_CATALOG = column_schema("image_id", "city", "place_id", "year", "month", "bearing", "lat", "lon", "content")


@dg.asset(
    # Every catalog is declared, since which of them is read is the experiment's business.
    deps=list(CATALOG_ASSETS.values()),
    partitions_def=EXPERIMENTS,
    group_name=GROUP,
    kinds={"parquet", "pandas"},
    owners=OWNERS,
    code_version=code_version(room),
    metadata={"dagster/column_schema": dg.TableSchema(columns=[_LABEL, *_FROM_CATALOG.columns])},
)
def places(context: dg.AssetExecutionContext, pipeline: Pipeline) -> dg.MaterializeResult[None]:
    """The places that an experiment trains on, at least K images each, with stable labels.

    Read from the catalog of the data set that the experiment names; cities that a benchmark tests on are left out. The
    metadata `filter` says how many images and places each clause removed; the pictures show what is left.
    An experiment that is not trained here needs none: the step then says so and writes nothing. Dagster may warn that
    other catalogs are missing: only that of the experiment's data set is read.

    **Costs** seconds.

    **When it fails** the message says which filter left nothing, or which catalog to build first.
    """
    from gsv_pipeline.reports.samples import places_sample
    from gsv_pipeline.reports.summaries import clauses_table, places_histograms, places_map_figure, places_sheet

    with explained():
        experiment = pipeline.experiment_of(context)
        layout = pipeline.layout()
        result = stages.build_places(layout, experiment, tracker=pipeline.tracker(context))
        return materialized(
            result,
            rows="images",
            sample=places_sample(layout, experiment),
            filter=clauses_table(result.metadata.get("clauses", [])),
            photographs=places_sheet(layout, experiment),
            map=places_map_figure(layout, experiment),
            histograms=places_histograms(layout, experiment),
        )
