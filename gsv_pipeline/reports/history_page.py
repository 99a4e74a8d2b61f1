"""Recall over time as a page and as Markdown for the Dagster UI, with the cause of each change beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gsv_pipeline.evaluation.history import histories
from gsv_pipeline.evaluation.history_changes import KINDS, Change, changes
from gsv_pipeline.evaluation.history_file import Entry, read_history
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import to_minute
from gsv_pipeline.reports import rendering, tables
from gsv_pipeline.reports.history_figure import history_figure, letter_of
from gsv_pipeline.reports.previews import figure_markdown
from gsv_pipeline.reports.thumbnails import image_uri

NO_HISTORY: Final = "There is no history yet: it begins with the first recall report."
FIRST: Final = "the first one"
NOTHING: Final = "nothing that is known"
_MARKDOWN_ROWS: Final = 20


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A report in the table of a history.

    Args:
        entry: What is known of it.
        difference: R@1 minus that of the report before, as a fraction; None for the first.
        verdict: `better`, `worse` or `same`, where the queries are the same ones.
        changes: What differs from the report before.
    """

    entry: Entry
    difference: float | None
    verdict: str
    changes: Sequence[Change]

    @property
    def when(self) -> str:
        """To the minute, for a reader."""
        return to_minute(self.entry.date)

    @property
    def step(self) -> str:
        """Points against the report before, and whether that is more than chance."""
        if self.difference is None:
            return ""
        return f"{tables.points(self.difference)} ({self.verdict})" if self.verdict else tables.points(self.difference)


def history_rows(entries: Sequence[Entry]) -> list[HistoryRow]:
    """The table of a history, the oldest first."""
    rows = []
    for number, entry in enumerate(entries):
        before = entries[number - 1] if number else None
        rows.append(
            HistoryRow(
                entry=entry,
                difference=entry.recall_at[1] - before.recall_at[1] if before else None,
                verdict=entry.drift.verdict if entry.drift else "",
                changes=changes(before, entry) if before else [],
            )
        )
    return rows


def write_history_page(target: Path, found: Mapping[tuple[str, str], Sequence[Entry]]) -> None:
    """Write all histories as one HTML file.

    Args:
        target: The file; its folder is made.
        found: (Benchmark, experiment) -> entries, the oldest first.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    sections = [
        {
            "benchmark": benchmark,
            "experiment": experiment,
            "figure": image_uri(history_figure(entries)),
            "rows": history_rows(entries)[::-1],
        }
        for (benchmark, experiment), entries in found.items()
    ]
    kinds = [(letter_of(kind), kind, meaning) for kind, meaning in KINDS.items()]
    rendering.write_page(target, "history.html", sections=sections, kinds=kinds, ks=tables.SHORT_KS)


def history_markdown(layout: Layout, experiment: str, benchmark: str) -> str:
    """The figure and the latest rows of one history, for metadata in the Dagster UI."""
    entries = read_history(layout.history(benchmark, experiment))
    if not entries:
        return NO_HISTORY
    figure = figure_markdown(history_figure(entries, image_format="png"), f"Recall on {benchmark} over time")
    head = ["| date | R@1, % | 95 % | against the one before | what changed |", "| :-- | --: | :-- | :-- | :-- |"]
    return "\n".join([figure, "", *head, *map(_markdown_row, history_rows(entries)[::-1][:_MARKDOWN_ROWS])])


def history_page_of(layout: Layout) -> Path:
    """Write the page of all histories where the layout has it; for an asset or a command."""
    page = layout.history_page()
    write_history_page(page, histories(layout))
    return page


def what_changed(row: HistoryRow) -> list[str]:
    """One line for each change; says so where there is none."""
    if row.difference is None:
        return [FIRST]
    return [f"{change.kind}: {change.text}" for change in row.changes] or [NOTHING]


def _markdown_row(row: HistoryRow) -> str:
    entry = row.entry
    cells = [
        row.when,
        f"**{tables.percent(entry.recall_at[1])}**",
        tables.interval(entry.interval_at[1]),
        row.step,
        "<br>".join(what_changed(row)),
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
