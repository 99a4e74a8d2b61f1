"""`recall_report/<benchmark>`: what training bought."""

from datetime import timedelta
from typing import Any, Final

import dagster as dg

from assets.benchmarks import is_compared, is_scored
from assets.faiss_index import INDEX_ASSETS
from assets.reports import report_asset
from gsv_pipeline import evaluation, reports, stages
from gsv_pipeline.artifact_files import RECALL_PAGE_FILE
from gsv_pipeline.config import Experiment
from gsv_pipeline.layout import Layout

GROUP = "report"
FRESH: Final = dg.FreshnessPolicy.time_window(warn_window=timedelta(days=8), fail_window=timedelta(days=15))
"""`rebenchmark_weekly` keeps it: one week that was missed, then two."""

_WITH_RECALL: Final = (
    "Recall@K on `{name}` with 95 % intervals, beside the untrained model, a colour histogram and a grey thumbnail, "
    "and `report.html` that shows it all. *Plots*, under Metadata, draws R@1 over time and experiments."
    "\n\n**Costs** seconds, and once per architecture the embedding by the untrained model. With `recompute: true` "
    "what is retrieved is compared with what was retrieved before: `other_first_answers` counts the queries."
    "\n\n**When it fails** the message names the artifact to make first. When its check `not_worse` fails, R@1 is "
    "below the accepted one by more than chance: find the change, or accept it (`gsv-pipeline accept`)."
)
_PREDICTIONS_ALONE: Final = (
    "Predictions on `{name}`, whose answers are hidden: `predictions.parquet`, and `msls_predictions.txt` as the "
    "challenge takes it. There is no recall, so it has no row in the leaderboard and no schedule compares it."
    "\n\n**Costs** seconds.\n\n**When it fails** the message names the artifact to make first."
)
_FRESH: Final = "\n\n**Fresh** for 8 days, overdue after 15: the schedule `rebenchmark_weekly` keeps it so."


def recall_report_asset(name: str) -> dg.AssetsDefinition:
    """The asset `recall_report/<name>`; it holds the pool, for it describes the benchmark by the untrained model."""
    return report_asset(
        "recall_report",
        name,
        stage=stages.evaluate,
        looks=_looks,
        deps=[INDEX_ASSETS[name]],
        group=GROUP,
        kinds={"report", "wandb"},
        rooms=[evaluation, reports],
        freshness=FRESH if is_compared(name) else None,
        description=_description(name),
    )


def _description(name: str) -> str:
    text = _WITH_RECALL if is_scored(name) else _PREDICTIONS_ALONE
    return text.format(name=name) + (_FRESH if is_compared(name) else "")


def _looks(layout: Layout, experiment: Experiment, name: str) -> dict[str, Any]:
    """The recalls and their page; nothing more than the facts of the stage where the answers are hidden."""
    from gsv_pipeline.reports import summaries
    from gsv_pipeline.reports.history_page import history_markdown

    if not is_scored(name):
        return {}
    return {
        "page": RECALL_PAGE_FILE,
        "recall": summaries.recall_table(layout, experiment, name),
        "recall_curve": summaries.recall_figure(layout, experiment, name),
        "recall_over_time": history_markdown(layout, experiment.name, name),
    }


REPORT_ASSETS = {name: recall_report_asset(name) for name in INDEX_ASSETS}
