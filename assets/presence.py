"""Which benchmarks and data sets are there, and which of them jobs, schedules and the graph take."""

from typing import Final

from gsv_pipeline.benchmarks import BenchmarkRow
from gsv_pipeline.benchmarks.images import is_present
from gsv_pipeline.benchmarks.own import benchmark_rows
from gsv_pipeline.layout import MANIFEST, Layout
from gsv_pipeline.sources.own import dataset_rows

RENDERED: Final = "demo"
"""The data set that the pipeline renders itself: it is always to be had."""


def is_comparable(row: BenchmarkRow) -> bool:
    """Whether a benchmark gives every experiment a recall.

    One whose answers are hidden gives predictions alone, and one that differs by experiment fails for whoever trains
    on all of it.
    """
    return row.has_positives and not row.by_experiment


def is_shown(layout: Layout, row: BenchmarkRow) -> bool:
    """Whether the images of a benchmark are there, or rendered as soon as they are asked for."""
    return row.dataset == RENDERED or is_present(layout, row)


def runnable_benchmarks(layout: Layout) -> list[str]:
    """Benchmarks that every experiment can be run on; one that differs by experiment is run by hand."""
    return [name for name, row in benchmark_rows(layout).items() if not row.by_experiment]


def present_benchmarks(layout: Layout) -> list[str]:
    """Those of them whose images are there; of some of them the answers are hidden, so they give predictions alone."""
    rows = benchmark_rows(layout)
    return [name for name in runnable_benchmarks(layout) if is_present(layout, rows[name])]


def comparable_benchmarks(layout: Layout) -> list[str]:
    """Benchmarks that give every experiment a recall, there or not."""
    return [name for name, row in benchmark_rows(layout).items() if is_comparable(row)]


def present_comparable(layout: Layout) -> list[str]:
    """Those of them whose images are there: what is run again, to compare recalls."""
    comparable = set(comparable_benchmarks(layout))
    return [name for name in present_benchmarks(layout) if name in comparable]


def present_catalogs(layout: Layout) -> list[str]:
    """Data sets that are there and are tabulated."""
    rows = dataset_rows(layout).items()
    return [name for name, row in rows if row.has_catalog and (layout.dataset(name) / MANIFEST).is_file()]
