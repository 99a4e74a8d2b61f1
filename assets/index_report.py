"""`index_report/<benchmark>`: which index to deploy."""

from typing import Any

import dagster as dg

from assets.benchmarks import scored_benchmarks
from assets.embeddings import EMBEDDINGS_ASSETS
from assets.faiss_index import GROUP, INDEX_ASSETS
from assets.reports import report_asset
from gsv_pipeline import index, reports, stages
from gsv_pipeline.config import Experiment
from gsv_pipeline.layout import Layout


def index_report_asset(name: str) -> dg.AssetsDefinition:
    """The asset `index_report/<name>`; it holds the pool, for beside a training its times would be those of both."""
    return report_asset(
        "index_report",
        name,
        stage=stages.report_indexes,
        looks=_looks,
        # Indexes for deployment have no assets of their own: this step makes them, of the embeddings.
        deps=[INDEX_ASSETS[name], EMBEDDINGS_ASSETS[name]],
        group=GROUP,
        kinds={"faiss", "report"},
        rooms=[index, reports],
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


def _looks(layout: Layout, experiment: Experiment, name: str) -> dict[str, Any]:
    from gsv_pipeline.reports.choices import index_choice
    from gsv_pipeline.reports.index_page import PAGE_FILE

    shown = index_choice(layout, experiment, name)
    return {"page": PAGE_FILE, "numbers": shown.numbers, "indexes": shown.table, "speed_and_accuracy": shown.figure}


INDEX_REPORT_ASSETS = {name: index_report_asset(name) for name in scored_benchmarks()}
