"""All recall reports side by side: the leaderboard page and its JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gsv_pipeline.reports import rendering, tables
from gsv_pipeline.reports.data import LeaderboardRow

LEADERBOARD_FILE: Final = "leaderboard.json"
LEADERBOARD_PAGE: Final = "index.html"
LEADERBOARD_MARKDOWN: Final = "leaderboard.md"
NO_REPORT: Final = (
    "There is no recall report yet. Run `gsv-pipeline evaluate BENCHMARK --experiment NAME` for a model of yours, or "
    "`make demo` for rendered cities; then `gsv-pipeline leaderboard`."
)
OTHER_QUERIES: Final = "other queries"
"""What stands in `LeaderboardRow.against_best` where there is nothing to compare."""


@dataclass(frozen=True, slots=True)
class BenchmarkTable:
    """One benchmark of the leaderboard.

    Args:
        rows: Experiments from the highest R@1 down, each followed by its baselines from the highest R@1 down.
        best: K -> the highest recall among experiments.
    """

    benchmark: str
    rows: Sequence[LeaderboardRow]
    best: dict[int, float]

    @property
    def variant(self) -> str:
        """Which benchmark of this name it is, and how a hit is counted."""
        return next((row.variant for row in self.rows if row.variant), "")

    def behind(self, row: LeaderboardRow) -> float | None:
        """R@1 of an experiment less that of the best one, which tables are sorted by; None where it says nothing."""
        if row.of or 1 not in row.recall_at or row.against_best == OTHER_QUERIES:
            return None
        return float(row.recall_at[1] - self.best[1])

    @property
    def groups(self) -> list[list[LeaderboardRow]]:
        """Each experiment with its baselines: what moves together when the table is sorted."""
        groups: list[list[LeaderboardRow]] = []
        for row in self.rows:
            if row.of and groups:
                groups[-1].append(row)
            else:
                groups.append([row])
        return groups


@dataclass(frozen=True, slots=True)
class Overview:
    """R@1 of every experiment on every benchmark.

    Args:
        benchmarks: Column heads.
        rows: Experiments by name, with a row of each benchmark or None.
    """

    benchmarks: Sequence[str]
    rows: Sequence[tuple[str, Sequence[LeaderboardRow | None]]]


def overview_of(grouped: Sequence[BenchmarkTable]) -> Overview:
    """All benchmarks in one table; baselines are left out."""
    found = {(row.experiment, table.benchmark): row for table in grouped for row in table.rows if not row.of}
    names = sorted({experiment for experiment, _ in found})
    benchmarks = [table.benchmark for table in grouped]
    return Overview(benchmarks, [(name, [found.get((name, benchmark)) for benchmark in benchmarks]) for name in names])


def write_leaderboard_page(target: Path, rows: Sequence[LeaderboardRow]) -> None:
    """Write the leaderboard as a single HTML file that links the reports.

    Args:
        target: The HTML file; `LeaderboardRow.report` is relative to its folder, which must exist.
        rows: In any order.
    """
    grouped = group_by_benchmark(rows)
    context = {"benchmarks": grouped, "overview": overview_of(grouped), "ks": tables.SHORT_KS, "no_report": NO_REPORT}
    rendering.write_page(target, "leaderboard.html", **context)


def leaderboard_markdown(rows: Sequence[LeaderboardRow]) -> str:
    """The leaderboard for terminals and pull requests: a table per benchmark under its variant, in the page's order."""
    head = ["experiment", *(f"R@{k}, %" for k in tables.SHORT_KS), "against the best", "dimensions", "parameters"]
    parts = ["# Leaderboard"]
    for table in group_by_benchmark(rows):
        parts += [f"## {table.benchmark}", tables.markdown_cell(f"{table.variant}.") if table.variant else ""]
        parts.append(tables.markdown_table([*head, "GFLOP", "images/s"], [_cells(row) for row in table.rows]))
    return "\n\n".join(part for part in (parts if rows else [*parts, NO_REPORT]) if part) + "\n"


def leaderboard_json(rows: Sequence[LeaderboardRow]) -> list[dict[str, Any]]:
    """The leaderboard as plain values, in the order of the page; recall and intervals are fractions.

    Every row has `experiment`, `benchmark`, `recall_at` ({"1": 0.81}) and `interval_at` ({"1": [0.76, 0.85]}). A
    baseline has `of`, the experiment it belongs to; an experiment has `report`, `trained_on`, `descriptor_size`,
    `created`, `variant`, `parameters`, `gflops`, `images_per_s` and `against_best`; zero and empty mean not known.
    """
    return [_as_json(row) for table in group_by_benchmark(rows) for row in table.rows]


def group_by_benchmark(rows: Sequence[LeaderboardRow]) -> list[BenchmarkTable]:
    """Benchmarks by name; inside each the order that `BenchmarkTable` promises."""
    return [
        _table(name, [row for row in rows if row.benchmark == name]) for name in sorted({r.benchmark for r in rows})
    ]


def _table(benchmark: str, rows: Sequence[LeaderboardRow]) -> BenchmarkTable:
    ranked = sorted(rows, key=lambda row: (-row.recall_at.get(1, 0.0), row.experiment))
    experiments = [row for row in ranked if not row.of]
    ordered = [row for top in experiments for row in (top, *(below for below in ranked if below.of == top.experiment))]
    # A baseline whose experiment has no report on this benchmark still counts: it goes last.
    ordered += [row for row in ranked if row.of and row.of not in {top.experiment for top in experiments}]
    ks = sorted({k for row in experiments for k in row.recall_at})
    best = {k: max(row.recall_at[k] for row in experiments if k in row.recall_at) for k in ks}
    return BenchmarkTable(benchmark, ordered, best)


def _cells(row: LeaderboardRow) -> list[str]:
    recalls = [_recall(row, k) for k in tables.SHORT_KS]
    if row.of:
        return [f"{tables.label(row.experiment)} ({row.of})", *recalls, *[""] * 5]
    costs = (
        f"{row.descriptor_size:,}" if row.descriptor_size else tables.NOT_KNOWN,
        f"{row.parameters / 1e6:.1f} M" if row.parameters else tables.NOT_KNOWN,
        f"{row.gflops:.1f}" if row.gflops else tables.NOT_KNOWN,
        f"{row.images_per_s:,.0f}" if row.images_per_s else tables.NOT_KNOWN,
    )
    chosen = " (no test result: chose its checkpoint here)" if row.chosen_here else ""
    return [f"**{tables.label(row.experiment)}**{chosen}", *recalls, row.against_best, *costs]


def _recall(row: LeaderboardRow, k: int) -> str:
    bounds = tables.interval(row.interval_at.get(k))
    return f"{tables.percent(row.recall_at.get(k))} ({bounds})" if bounds else tables.percent(row.recall_at.get(k))


def _as_json(row: LeaderboardRow) -> dict[str, Any]:
    common: dict[str, Any] = {
        "experiment": row.experiment,
        "benchmark": row.benchmark,
        "recall_at": {str(k): float(row.recall_at[k]) for k in sorted(row.recall_at)},
        "interval_at": {str(k): [float(bound) for bound in row.interval_at[k]] for k in sorted(row.interval_at)},
    }
    if row.of:
        return {**common, "of": row.of}
    return {
        **common,
        "report": row.report,
        "trained_on": row.trained_on,
        "descriptor_size": int(row.descriptor_size),
        "created": row.created,
        "variant": row.variant,
        "parameters": row.parameters,
        "gflops": row.gflops,
        "images_per_s": row.images_per_s,
        "against_best": row.against_best,
    }
