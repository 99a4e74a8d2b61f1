"""`leaderboard`: all recall reports side by side."""

import dagster as dg

from assets.recall_report import GROUP, REPORT_ASSETS
from assets.resources import Pipeline
from assets.results import OWNERS, code_version, explained, materialized
from gsv_pipeline import reports, stages


@dg.asset(
    # Said explicitly: between unequal partition definitions Dagster would assume a mapping silently.
    deps=[dg.AssetDep(asset, partition_mapping=dg.AllPartitionMapping()) for asset in REPORT_ASSETS.values()],
    group_name=GROUP,
    kinds={"report", "json"},
    owners=OWNERS,
    code_version=code_version(reports),
)
def leaderboard(context: dg.AssetExecutionContext, pipeline: Pipeline) -> dg.MaterializeResult[None]:
    """All recall reports on disk side by side: `leaderboard.json`, and `index.html` that links the reports.

    **Costs** a second.

    **When it fails** a report on disk is damaged: materialize the one that the message names again.
    """
    from gsv_pipeline.reports.leaderboard import LEADERBOARD_PAGE
    from gsv_pipeline.reports.summaries import leaderboard_table

    with explained():
        pipeline.check_named(context)
        result = stages.write_leaderboard(pipeline.layout(), tracker=pipeline.tracker(context))
        table = leaderboard_table(pipeline.layout())
        return materialized(result, rows="rows", page=LEADERBOARD_PAGE, leaderboard=table)
