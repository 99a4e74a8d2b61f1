"""Recall as text: percent with intervals for terminals, Dagster metadata and pages. Percent is written here."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from gsv_pipeline.evaluation.breakdown import Group
from gsv_pipeline.evaluation.intervals import RESAMPLES
from gsv_pipeline.reports.data import RecallRow

SHORT_KS: Final = (1, 5, 10, 20)
REPORT_KS: Final = (1, 5, 10, 15, 20, 25)
NOT_KNOWN: Final = "–"
_TWO_KINDS: Final = (
    f"Intervals are percentiles of {RESAMPLES:,} drawings of the places (bootstrap). Where every query hits, or every "
    "one misses, all drawings are alike: there it is Wilson's interval over the places."
)
_JOINER: Final = "\u2060"
"""Keeps an interval on one line where a column is narrow."""

_LABELS: Final = {
    "untrained": "untrained model",
    "colour_histogram": "colour histogram",
    "thumbnail": "grey thumbnail",
}
_EXPLANATIONS: Final = {
    "untrained": "The same architecture before any training on places.",
    "colour_histogram": "Only how much of each colour an image holds, not where.",
    "thumbnail": "The image shrunk to 16×12 grey pixels, compared pixel by pixel.",
}


def label(name: str) -> str:
    """What a row is called in front of a reader: `colour_histogram` -> `colour histogram`."""
    return _LABELS.get(name, name)


def explanation(name: str) -> str:
    """One sentence on what a baseline is; empty for a name that is no baseline of ours."""
    return _EXPLANATIONS.get(name, "")


def percent(fraction: float | None) -> str:
    """A fraction as percent with one decimal and no sign: 0.8125 -> `81.2`. None and NaN become a dash."""
    return NOT_KNOWN if fraction is None or math.isnan(fraction) else f"{100 * fraction:.1f}"


def points(difference: float) -> str:
    """A difference of two fractions in signed percentage points: 0.436 -> `+43.6`."""
    return f"{100 * difference:+.1f}".replace("-", "−")


def interval(bounds: tuple[float, float] | None) -> str:
    """An interval of fractions as percent: (0.76, 0.856) -> `76.0–85.6`; empty where there is none."""
    return "" if bounds is None else f"{percent(bounds[0])}–{percent(bounds[1])}"


def interval_note(shown: Iterable[tuple[float | None, tuple[float, float] | None]]) -> str:
    """What to say below a table whose intervals are of two kinds; empty where drawing places gave all of them.

    Args:
        shown: Each recall as a fraction, with its interval.
    """
    return _TWO_KINDS if any(recall in (0.0, 1.0) and bounds is not None for recall, bounds in shown) else ""


def recalls_note(rows: Iterable[RecallRow], ks: Sequence[int] = REPORT_KS) -> str:
    """`interval_note` of a table of recalls."""
    return interval_note((row.recall_at.get(k), row.interval_at.get(k)) for row in rows for k in ks)


def parts_note(groups: Mapping[str, Sequence[Group]]) -> str:
    """`interval_note` of the recalls of parts of the queries."""
    return interval_note((part.recall_at[1], part.interval) for parts in groups.values() for part in parts)


def recall_table_text(rows: Sequence[RecallRow], ks: Sequence[int] = SHORT_KS) -> str:
    """An aligned table for the terminal: a line per row in the order given, recall and 95 % interval in percent.

    Args:
        rows: Trained models and baselines.
        ks: The K of the columns.
    """
    names = ["recall, %", *(label(row.name) for row in rows)]
    name_width = max(map(len, names))
    columns = [_text_column(rows, k) for k in ks]
    lines = ["  ".join([names[i].ljust(name_width), *(column[i] for column in columns)]) for i in range(len(names))]
    lines.insert(1, "─" * len(lines[0]))
    return "\n".join(line.rstrip() for line in lines)


def _text_column(rows: Sequence[RecallRow], k: int) -> list[str]:
    """Header and cells of one K, all equally wide, numbers under numbers and intervals under intervals."""
    values = [percent(row.recall_at.get(k)) for row in rows]
    bounds = [interval(row.interval_at.get(k)) for row in rows]
    width = max((len(bound) for bound in bounds), default=0)
    cells = [
        f"{value:>5} " + (f"({bound})" if bound else "").rjust(width + 2)
        for value, bound in zip(values, bounds, strict=True)
    ]
    return [f"{f'R@{k}':>5}".ljust(width + 8), *cells]


def recall_table_markdown(rows: Sequence[RecallRow], ks: Sequence[int] = SHORT_KS) -> str:
    """The same table in Markdown, for metadata in the Dagster UI; trained models in bold.

    Args:
        rows: Trained models and baselines, in the order wanted.
        ks: The K of the columns.
    """
    lines = ["| recall, % | " + " | ".join(f"R@{k}" for k in ks) + " |", "| :-- |" + " --: |" * len(ks)]
    for row in rows:
        mark = "" if row.is_baseline else "**"
        cells = [f"{mark}{label(row.name).replace('|', chr(92) + '|')}{mark}"]
        for k in ks:
            bounds = interval(row.interval_at.get(k)).replace("–", f"{_JOINER}–{_JOINER}")
            cells.append(f"{mark}{percent(row.recall_at.get(k))}{mark}" + (f" ({bounds})" if bounds else ""))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str | int]]) -> str:
    """Any table in Markdown; columns that begin with a number in the first row stand to the right.

    Args:
        head: What the columns are called.
        rows: Their cells; whole numbers get commas.
    """
    sides = ["--:" if _is_number(cell) else ":--" for cell in (rows[0] if rows else head)]
    return "\n".join("| " + " | ".join(map(markdown_cell, line)) + " |" for line in [head, sides, *rows])


def markdown_cell(value: str | int) -> str:
    """A pipe or a line break inside a name would break the table, and `<` would begin HTML."""
    if not isinstance(value, str):
        return f"{value:,}"
    shown = value if value.startswith("`") else value.replace("<", "&lt;")
    return " ".join(shown.split()).replace("|", "\\|")


def _is_number(cell: str | int) -> bool:
    return not isinstance(cell, str) or cell[:1].isdigit() or cell == NOT_KNOWN
