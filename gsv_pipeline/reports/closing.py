"""The closing table of a run: each experiment with its baselines, and where its report is."""

from gsv_pipeline.artifact_files import RECALL_PAGE_FILE
from gsv_pipeline.benchmarks.own import benchmark_rows
from gsv_pipeline.evaluation.history import finished_reports
from gsv_pipeline.evaluation.score import load_baselines, load_score
from gsv_pipeline.layout import Layout
from gsv_pipeline.reports.facts import variant_of
from gsv_pipeline.reports.recall_report import recall_row
from gsv_pipeline.reports.tables import recall_table_text


def closing_table(layout: Layout) -> str:
    """Text for a terminal; one table per report on disk."""
    parts, known = [], benchmark_rows(layout)
    for folder in reversed(finished_reports(layout)):  # the test benchmark last, where the eye rests
        rows = [recall_row(item, is_baseline=True) for item in load_baselines(folder)]
        rows.append(recall_row(load_score(folder)))
        benchmark = folder.parent.name
        variant = variant_of(known[benchmark]) if benchmark in known else ""
        title = f"{benchmark}: {variant}" if variant else benchmark
        parts.append(f"{title}\n{recall_table_text(rows)}\nReport: {folder / RECALL_PAGE_FILE}\n")
    return "\n".join(parts) or "No recall report yet. Run: make demo"
