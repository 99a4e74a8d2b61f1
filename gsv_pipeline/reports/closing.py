"""The closing table of a run: experiments side by side on each benchmark, and where their reports are."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gsv_pipeline.artifact_files import RECALL_PAGE_FILE
from gsv_pipeline.benchmarks.own import benchmark_rows
from gsv_pipeline.evaluation.history import finished_reports
from gsv_pipeline.evaluation.score import load_score
from gsv_pipeline.layout import Layout
from gsv_pipeline.reports.data import RecallRow
from gsv_pipeline.reports.facts import deviations_of, variant_of
from gsv_pipeline.reports.recall_report import rows_on_disk
from gsv_pipeline.reports.tables import label, recall_table_text


def closing_table(layout: Layout) -> str:
    """Text for a terminal; one table per benchmark, the test benchmark and the best experiment last."""
    found: dict[str, list[Path]] = {}
    for folder in finished_reports(layout):
        found.setdefault(folder.parent.name, []).append(folder)
    parts, known = [], benchmark_rows(layout)
    for benchmark in reversed(found):  # the test benchmark last, where the eye rests
        folders = sorted(found[benchmark], key=lambda folder: load_score(folder).recall_at[1])
        variant = variant_of(known[benchmark], deviations_of(layout, benchmark)) if benchmark in known else ""
        title = f"{benchmark}: {variant}" if variant else benchmark
        pages = "".join(f"Report: {folder / RECALL_PAGE_FILE}\n" for folder in folders)
        rows = [*baselines_once(folders), *(rows_on_disk(folder)[0] for folder in folders)]
        parts.append(f"{title}\n{recall_table_text(rows)}\n{pages}")
    return "\n".join(parts) or (
        "No recall report yet. Run: make demo, or for a model of yours: gsv-pipeline evaluate BENCHMARK --experiment "
        "NAME, then: gsv-pipeline leaderboard"
    )


def baselines_once(folders: Sequence[Path]) -> list[RecallRow]:
    """The baselines of several reports on one benchmark, those with equal recalls once.

    One that differs between experiments, as the untrained model does between architectures, says whose it is.
    """
    rows: dict[str, dict[str, RecallRow]] = {}  # name -> experiment -> row
    for folder in folders:
        for row in rows_on_disk(folder)[1:]:
            of_name = rows.setdefault(row.name, {})
            if all(row.recall_at != other.recall_at for other in of_name.values()):
                of_name[folder.name] = row
    return [
        replace(row, name=f"{label(name)} of {experiment}") if len(of_name) > 1 else row
        for name, of_name in rows.items()
        for experiment, row in of_name.items()
    ]
