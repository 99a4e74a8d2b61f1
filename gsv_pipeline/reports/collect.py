"""The recall reports on disk as rows of the leaderboard."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gsv_pipeline.artifact_files import RECALL_FILE, RECALL_PAGE_FILE
from gsv_pipeline.benchmarks.own import benchmark_rows
from gsv_pipeline.evaluation.outcomes import Outcomes, compare_outcomes, load_outcomes
from gsv_pipeline.evaluation.score import Score, load_baselines, load_score
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import Manifest, read_json
from gsv_pipeline.reports import tables
from gsv_pipeline.reports.data import LeaderboardRow
from gsv_pipeline.reports.facts import chose_checkpoint, variant_of

COST_FILE: Final = "cost.json"


def collect_rows(layout: Layout, reports: Mapping[Path, Manifest]) -> list[LeaderboardRow]:
    """A row per report, each followed by its baselines."""
    best = _best_of(reports)
    benchmarks = benchmark_rows(layout)
    rows = []
    for folder, manifest in reports.items():
        values = read_json(folder / RECALL_FILE)
        score = load_score(folder)
        name = values["benchmark"]
        cost = read_json(folder / COST_FILE) if (folder / COST_FILE).is_file() else {}
        known = benchmarks.get(name)
        rows.append(
            LeaderboardRow(
                experiment=score.name,
                benchmark=name,
                recall_at=score.recall_at,
                interval_at=score.interval_at,
                report=f"../{layout.key(folder)}/{RECALL_PAGE_FILE}",
                trained_on=values.get("trained_on", ""),
                descriptor_size=int(values["descriptor_size"]),
                created=manifest.created,
                variant=variant_of(known, values.get("deviations", ())) if known else "",
                parameters=int(cost.get("parameters", 0)),
                gflops=float(cost.get("gflops", 0.0)),
                images_per_s=float(cost.get("images_per_s", 0.0)),
                chosen_here=chose_checkpoint(layout, score.name, name),
                against_best=_against(load_outcomes(folder), best[name], is_best=best[name][0] == folder),
            )
        )
        rows += [_baseline_row(item, name, of=score.name) for item in load_baselines(folder)]
    return rows


def _best_of(reports: Mapping[Path, Manifest]) -> dict[str, tuple[Path, Outcomes]]:
    """Benchmark -> the report with the highest R@1, the first by name among equals."""
    best: dict[str, Path] = {}
    recalls = {folder: load_score(folder).recall_at[1] for folder in reports}
    for folder in sorted(reports, key=lambda item: (-recalls[item], item.name)):
        best.setdefault(folder.parent.name, folder)
    return {name: (folder, load_outcomes(folder)) for name, folder in best.items()}


def _against(own: Outcomes, best: tuple[Path, Outcomes], *, is_best: bool) -> str:
    if is_best:
        return ""
    found = compare_outcomes(own, best[1])
    if found is None:
        return "other queries"
    return f"{tables.points(found.difference)} (p = {found.p_value:.2g}): {found.verdict}"


def _baseline_row(score: Score, benchmark: str, *, of: str) -> LeaderboardRow:
    return LeaderboardRow(score.name, benchmark, score.recall_at, score.interval_at, of=of)
