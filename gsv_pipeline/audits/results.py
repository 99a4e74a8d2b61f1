"""Audits of what is scored and compared: recall reports and the leaderboard."""

import json
from dataclasses import replace
from itertools import pairwise

from gsv_pipeline import recipes
from gsv_pipeline.acceptance import judge_report
from gsv_pipeline.artifact_files import RECALL_FILE
from gsv_pipeline.audits import Verdict
from gsv_pipeline.config import Experiment
from gsv_pipeline.evaluation.history import finished_reports
from gsv_pipeline.evaluation.score import load_baselines, load_score
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import require
from gsv_pipeline.reports.leaderboard import LEADERBOARD_FILE
from gsv_pipeline.tracking import Tracker


def audit_recall_report(
    layout: Layout, experiment: Experiment, benchmark: str, *, tracker: Tracker
) -> dict[str, Verdict]:
    """Range and order of the recalls of an experiment and its baselines, and the regression gate."""
    require(layout, recipes.recall_report(layout, experiment, benchmark))
    folder = layout.recall_report(benchmark, experiment.name)
    if not (folder / RECALL_FILE).is_file():
        hidden = Verdict(True, "The answers of this benchmark are hidden: there are predictions, and no recall.")
        return {"in_range": hidden, "non_decreasing": hidden, "not_worse": hidden}
    scores = [load_score(folder), *load_baselines(folder)]
    numbers = [
        value
        for score in scores
        for values in (score.recall_at.values(), *score.interval_at.values())
        for value in values
    ]
    outside = [value for value in numbers if not 0 <= value <= 1]
    falling = [
        f"{score.name} from R@{low} to R@{high}"
        for score in scores
        for low, high in pairwise(sorted(score.recall_at))
        if score.recall_at[high] < score.recall_at[low]
    ]
    return {
        "in_range": Verdict(not outside, f"{len(outside)} of {len(numbers)} numbers lie outside [0, 1]."),
        "non_decreasing": Verdict(not falling, f"Falls: {', '.join(falling) or 'none'}.", {"rows": len(scores)}),
        "not_worse": _gate(layout, experiment, benchmark),
    }


def _gate(layout: Layout, experiment: Experiment, benchmark: str) -> Verdict:
    judgement = judge_report(layout, experiment, benchmark)
    if judgement is None:
        return Verdict(
            True,
            "No recall was accepted yet. Once one is good, run: "
            f"gsv-pipeline accept {experiment.name} --benchmark {benchmark} --reason …",
        )
    found = judgement.comparison
    facts = {"difference": found.difference, "p": found.p_value, "lost": found.only_second} if found else {}
    return Verdict(judgement.passed, judgement.message, facts)


def audit_leaderboard(layout: Layout, *, tracker: Tracker) -> dict[str, Verdict]:
    """Whether the leaderboard knows every report on disk."""
    # Any leaderboard will do: one that is older than a report is exactly what is looked for.
    require(layout, replace(recipes.leaderboard(layout, {}), config=None))
    reports = {(folder.parent.name, folder.name) for folder in finished_reports(layout)}
    rows = json.loads((layout.leaderboard() / LEADERBOARD_FILE).read_text(encoding="utf-8"))
    known = {(row["benchmark"], row["experiment"]) for row in rows if "of" not in row}
    absent = [f"{experiment} on {benchmark}" for benchmark, experiment in sorted(reports - known)]
    message = f"{len(absent)} of {len(reports)} reports have no row: {', '.join(absent) or 'none'}."
    return {"every_report": Verdict(not absent, message, {"reports": len(reports), "rows": len(rows)})}
