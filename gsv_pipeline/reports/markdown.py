"""A recall report as Markdown, for pull requests and terminals."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from gsv_pipeline.reports import tables
from gsv_pipeline.reports.data import RecallRow
from gsv_pipeline.reports.measures import Measures


def write_markdown(
    target: Path,
    *,
    title: str,
    protocol: str,
    rows: Sequence[RecallRow],
    measures: Measures,
    provenance: Mapping[str, str],
) -> None:
    """Write the recall table, published numbers, parts of the queries and where it comes from.

    Args:
        target: The file.
        title: "experiment on benchmark".
        protocol: How a hit is counted and which variant of the benchmark it is.
        rows: The experiment, then its baselines.
        measures: What is said beside recall.
        provenance: What -> value.
    """
    parts = [f"# {title}", protocol, _recalls(rows)]
    if measures.published:
        parts.append(_published(measures))
    parts += [_groups(heading, measures) for heading in measures.groups]
    parts.append(_table(["", ""], [[name, value] for name, value in provenance.items()], title="Where it comes from"))
    target.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")


def _recalls(rows: Sequence[RecallRow]) -> str:
    header = ["model", *(f"R@{k}" for k in tables.REPORT_KS)]
    lines = [
        [tables.label(row.name), *(_recall(row.recall_at.get(k), row.interval_at.get(k)) for k in tables.REPORT_KS)]
        for row in rows
    ]
    return _table(header, lines)


def _published(measures: Measures) -> str:
    lines = [
        [row.model, *(tables.percent(row.recall_at.get(k)) for k in (1, 5, 10)), row.verdict or "", row.source]
        for row in measures.published
    ]
    return _table(["published", "R@1", "R@5", "R@10", "ours is", "source"], lines, title="Beside published numbers")


def _groups(heading: str, measures: Measures) -> str:
    lines = [
        [
            group.name,
            f"{group.queries:,}",
            _recall(group.recall_at[1], group.interval),
            tables.percent(group.recall_at[5]),
        ]
        for group in measures.groups[heading]
    ]
    return _table(["", "queries", "R@1", "R@5"], lines, title=heading)


def _recall(value: float | None, interval: tuple[float, float] | None) -> str:
    bounds = tables.interval(interval)
    return f"{tables.percent(value)} ({bounds})" if bounds else tables.percent(value)


def _table(header: Sequence[str], lines: Sequence[Sequence[str]], *, title: str = "") -> str:
    rows = [header, ["---"] * len(header), *lines]
    text = "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows
    )
    return f"## {title}\n\n{text}" if title else text
