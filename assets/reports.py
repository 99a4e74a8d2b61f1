"""`<report>/<benchmark>`: what a report asset is, whatever it reports on."""

from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any, Protocol

import dagster as dg

from assets.benchmarks import BENCHMARK_ASSETS, group_of
from assets.partitions import EXPERIMENTS
from assets.resources import Pipeline
from assets.results import OWNERS, Recompute, code_version, explained, materialized
from assets.training import POOL
from gsv_pipeline.config import Experiment
from gsv_pipeline.layout import Layout
from gsv_pipeline.production import StageResult
from gsv_pipeline.tracking import Tracker


class Stage(Protocol):
    """What makes a report of an experiment on a benchmark."""

    def __call__(
        self, layout: Layout, experiment: Experiment, benchmark: str, *, tracker: Tracker, force: bool
    ) -> StageResult:
        """The report, made or found unchanged."""


def report_asset(
    report: str,
    name: str,
    *,
    stage: Stage,
    looks: Callable[[Layout, Experiment, str], dict[str, Any]],
    deps: Iterable[dg.AssetsDefinition],
    group: str,
    kinds: set[str],
    rooms: Sequence[ModuleType],
    freshness: dg.FreshnessPolicy | None = None,
    description: str,
) -> dg.AssetsDefinition:
    """The asset `<report>/<name>`, one partition per experiment, which holds the `gpu` pool while it is made.

    Args:
        report: First part of its key.
        name: Of the benchmark.
        stage: What makes it.
        looks: What `materialized` shows of it beside the facts of the stage.
        deps: What it is made of, beside the benchmark.
        group: Where the graph shows it when the images of the benchmark are there.
        kinds: Tags of the UI.
        rooms: Whose versions it depends on.
        freshness: How old it may be; None: any age.
        description: For an operator, in Markdown.
    """

    @dg.asset(
        key=[report, name],
        deps=[*deps, BENCHMARK_ASSETS[name]],
        partitions_def=EXPERIMENTS,
        group_name=group_of(name, group),
        kinds=kinds,
        owners=OWNERS,
        code_version=code_version(*rooms),
        freshness_policy=freshness,
        pool=POOL,
        description=description,
    )
    def asset(context: dg.AssetExecutionContext, pipeline: Pipeline, config: Recompute) -> dg.MaterializeResult[None]:
        with explained():
            layout, experiment = pipeline.layout(), pipeline.experiment_of(context)
            result = stage(layout, experiment, name, tracker=pipeline.tracker(context), force=config.asked(context))
            return materialized(result, **looks(layout, experiment, name))

    return asset
