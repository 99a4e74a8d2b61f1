"""Jobs: `demo` (everything, in this process), `train` and `benchmark` (a process per step)."""

from typing import Final

import dagster as dg

from assets.partitions import LAYOUT
from gsv_pipeline.benchmarks import BENCHMARKS
from gsv_pipeline.layout import MANIFEST, Layout

DEMO: Final = "demo"
_EVALUATION: Final = ("embeddings", "faiss_index", "recall_report")


def present_benchmarks(layout: Layout) -> list[str]:
    """Benchmarks whose data set has been fetched."""
    return [name for name, row in BENCHMARKS.items() if (layout.dataset(row.dataset) / MANIFEST).is_file()]


def evaluation_keys(benchmarks: list[str]) -> list[dg.AssetKey]:
    """Everything from the benchmarks to the leaderboard."""
    steps = ("benchmark", *_EVALUATION)
    return [*(dg.AssetKey([step, name]) for name in benchmarks for step in steps), dg.AssetKey("leaderboard")]


def _demo() -> dg.AssetSelection:
    benchmarks = [name for name, row in BENCHMARKS.items() if row.dataset == DEMO]
    chain = [dg.AssetKey(["dataset", DEMO]), dg.AssetKey(["catalog", DEMO]), dg.AssetKey("places")]
    return dg.AssetSelection.assets(*chain, dg.AssetKey("checkpoint"), *evaluation_keys(benchmarks))


JOBS: Final = [
    dg.define_asset_job(
        "demo",
        selection=_demo(),
        description="The whole chain on the rendered cities, from images to the leaderboard, in one process.",
        # With the partition as a tag, `dagster job execute -j demo` needs no further flag.
        tags={"dagster/partition": DEMO},
        executor_def=dg.in_process_executor,
    ),
    dg.define_asset_job(
        "train",
        selection=dg.AssetSelection.assets("places", "checkpoint"),
        description="Places and checkpoint of one experiment; catalog and validation benchmarks must be there.",
        executor_def=dg.multiprocess_executor,
    ),
    dg.define_asset_job(
        "benchmark",
        selection=dg.AssetSelection.assets(*evaluation_keys(present_benchmarks(LAYOUT))),
        description="From one experiment's checkpoint to its recall on every benchmark whose data set is there.",
        executor_def=dg.multiprocess_executor,
    ),
]
