"""A recall report as Markdown, for pull requests and terminals."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gsv_pipeline.evaluation.localisation import VIEW_OVERLAP_DEG, Localisation
from gsv_pipeline.evaluation.precision import PrecisionCurve
from gsv_pipeline.reports import tables
from gsv_pipeline.reports.data import ReportData
from gsv_pipeline.reports.measures import Measures

DISTANCES_M: Final = (5.0, 10.0, 25.0, 50.0, 100.0)


def write_markdown(target: Path, report: ReportData) -> None:
    """Write what the page says, but for its pictures: every table of recalls under the variant of its benchmark.

    Args:
        target: The file.
        report: The experiment's row first.
    """
    measures, variant = report.measures, f"{report.benchmark}: {report.variant}." if report.variant else ""
    parts = [
        f"# {report.experiment} on {report.benchmark}",
        report.description,
        *(f"**{notice}**" for notice in (report.deviates, report.skipped) if notice),
        _section("Recall", variant, _recalls(report), tables.recalls_note(report.rows)),
        _section("Beside published numbers", variant, measures.no_verdict, _published(measures))
        if measures.published
        else "",
        _distances(measures.localisation, variant),
        _confidence(measures.precision),
        *(_section(heading, variant, *_groups(heading, measures)) for heading in measures.groups),
        _pairs("What it costs", measures.costs),
        _pairs("Data set", report.facts),
        _pairs("Where it comes from", report.provenance),
    ]
    target.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")


def _recalls(report: ReportData) -> str:
    header = ["model", *(f"R@{k}, %" for k in tables.REPORT_KS)]
    lines = [
        [tables.label(row.name), *(_recall(row.recall_at.get(k), row.interval_at.get(k)) for k in tables.REPORT_KS)]
        for row in report.rows
    ]
    return tables.markdown_table(header, lines)


def _published(measures: Measures) -> str:
    lines = [
        [
            row.model,
            *(tables.percent(row.recall_at.get(k)) for k in (1, 5, 10)),
            row.verdict or tables.NOT_KNOWN,
            row.source,
        ]
        for row in measures.published
    ]
    return tables.markdown_table(["published", "R@1, %", "R@5, %", "R@10, %", "ours is", "source"], lines)


def _distances(found: Localisation | None, variant: str) -> str:
    """First answers within a few distances, in percent."""
    if found is None:
        return ""
    at = [found.thresholds_m.index(metres) for metres in DISTANCES_M if metres in found.thresholds_m]
    rows = {"position alone": found.recall, f"and headings within {VIEW_OVERLAP_DEG:.0f}°": found.recall_same_view}
    lines = [[name, *(tables.percent(values[row]) for row in at)] for name, values in rows.items() if values]
    table = tables.markdown_table(["first answers, %", *(f"{found.thresholds_m[row]:.0f} m" for row in at)], lines)
    median = f"The median first answer is {found.median_m:.1f} m away."
    return _section("How near the answers are", f"{variant} {median}".strip(), table)


def _confidence(found: PrecisionCurve | None) -> str:
    if found is None:
        return ""
    words = [f"Average precision {tables.percent(found.average_precision)} %.", _sure(found)]
    return _section("When to say nothing", " ".join(words))


def _sure(found: PrecisionCurve) -> str:
    """Up to which recall every answer is correct, and from which similarity on."""
    if found.sure is None:
        return "The surest answer of all is wrong, so no similarity is safe."
    threshold, recall = found.sure
    return (
        f"Every answer of similarity {threshold:.3f} and above is correct: 100 % precision up to "
        f"{tables.percent(recall)} % recall."
    )


def _groups(heading: str, measures: Measures) -> tuple[str, str]:
    """The table, and what is said below it."""
    groups = measures.groups[heading]
    lines = [
        [
            group.name,
            f"{group.queries:,}",
            _recall(group.recall_at[1], group.interval),
            tables.percent(group.recall_at.get(5)),
        ]
        for group in groups
    ]
    return tables.markdown_table(["", "queries", "R@1, %", "R@5, %"], lines), tables.parts_note({heading: groups})


def _recall(value: float | None, interval: tuple[float, float] | None) -> str:
    bounds = tables.interval(interval)
    return f"{tables.percent(value)} ({bounds})" if bounds else tables.percent(value)


def _pairs(title: str, values: Mapping[str, str]) -> str:
    return (
        _section(title, tables.markdown_table(["", ""], [[name, value] for name, value in values.items()]))
        if values
        else ""
    )


def _section(title: str, *parts: str) -> str:
    return "\n\n".join([f"## {title}", *(part for part in parts if part)])
