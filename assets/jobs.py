"""Jobs for shells and cron: `demo` (everything, in this process); `train`, `benchmark`, `rebenchmark` and `revalidate`.

The last four take a process per step, and the benchmarks and data sets that are there when the definitions are loaded.
"""

from typing import Any, Final

import dagster as dg

from assets.incidents import incident_hook
from assets.partitions import LAYOUT
from assets.presence import RENDERED, present_benchmarks, present_catalogs, present_comparable
from assets.results import RECOMPUTE_TAG
from gsv_pipeline.benchmarks import BENCHMARKS

EVALUATION: Final = ("embeddings", "faiss_index", "recall_report")
"""What is made of a checkpoint for each benchmark; all of it takes `recompute`."""


def evaluation_keys(benchmarks: list[str]) -> list[dg.AssetKey]:
    """Everything from the benchmarks to the leaderboard."""
    steps = ("benchmark", *EVALUATION)
    return [*(dg.AssetKey([step, name]) for name in benchmarks for step in steps), dg.AssetKey("leaderboard")]


def catalog_keys(datasets: list[str]) -> list[dg.AssetKey]:
    """The catalogs of data sets."""
    return [dg.AssetKey(["catalog", name]) for name in datasets]


def full_look_config(datasets: list[str]) -> dict[str, Any]:
    """Run configuration with which every image is decoded."""
    return {"ops": {f"catalog__{name}": {"config": {"look": "full"}} for name in datasets}}


def _demo() -> dg.AssetSelection:
    benchmarks = [name for name, row in BENCHMARKS.items() if row.dataset == RENDERED]
    chain = [dg.AssetKey(["dataset", RENDERED]), dg.AssetKey(["catalog", RENDERED]), dg.AssetKey("places")]
    return dg.AssetSelection.assets(*chain, dg.AssetKey("checkpoint"), *evaluation_keys(benchmarks))


_PRESENT: Final = present_benchmarks(LAYOUT)
_COMPARED: Final = present_comparable(LAYOUT)
_CATALOGS: Final = present_catalogs(LAYOUT)
_HOOKS: Final = frozenset({incident_hook})
_OTHER_REPORTS: Final = (
    " *Materialize all* may warn that reports are missing: the leaderboard depends on those of every benchmark and "
    "experiment, and takes what is there."
)

JOBS: Final = [
    dg.define_asset_job(
        "demo",
        selection=_demo(),
        description="The whole chain on the rendered cities, from images to the leaderboard, in one process.",
        # With the partition as a tag, `dagster job execute -j demo` needs no further flag.
        tags={"dagster/partition": "demo"},
        executor_def=dg.in_process_executor,
        hooks=_HOOKS,
    ),
    dg.define_asset_job(
        "train",
        selection=dg.AssetSelection.assets("places", "checkpoint"),
        description="Places and checkpoint of one experiment; catalog and validation benchmarks must be there.",
        executor_def=dg.multiprocess_executor,
        hooks=_HOOKS,
    ),
    dg.define_asset_job(
        "benchmark",
        selection=dg.AssetSelection.assets(*evaluation_keys(_PRESENT)),
        description="From one experiment's checkpoint to its recall on every benchmark whose data set is there, and to "
        "the predictions to hand in where the answers are hidden." + _OTHER_REPORTS,
        executor_def=dg.multiprocess_executor,
        hooks=_HOOKS,
    ),
    dg.define_asset_job(
        "rebenchmark",
        selection=dg.AssetSelection.assets(*evaluation_keys(_COMPARED)),
        tags={RECOMPUTE_TAG: "true"},
        description="The same again although nothing changed, to see drift of packages or hardware: what is retrieved "
        "is compared with what was retrieved before, and R@1 with the accepted one." + _OTHER_REPORTS,
        executor_def=dg.multiprocess_executor,
        hooks=_HOOKS,
    ),
    dg.define_asset_job(
        "revalidate",
        selection=dg.AssetSelection.assets(*catalog_keys(_CATALOGS)),
        config=full_look_config(_CATALOGS),
        description="Every image of every data set that is there, decoded in full: finds damage that no date tells.",
        executor_def=dg.multiprocess_executor,
        hooks=_HOOKS,
    ),
]
