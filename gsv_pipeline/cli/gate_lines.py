"""What the gate says, in words for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Final

from rich.table import Table
from rich.text import Text

from gsv_pipeline.acceptance import Judged
from gsv_pipeline.cli.standing_tables import new_table

_COLOURS: Final[Mapping[str, str]] = {
    "passes": "green",
    "worse": "bold red",
    "changed": "bold red",
    "not judged": "yellow",
}


def gate_table(judged: Sequence[Judged]) -> Table:
    """Accepted and present R@1 in percent, the difference in points, and what each judgement is."""
    table = new_table(
        "the gate", "experiment", "benchmark", "accepted>", "now>", "points>", "95 %", "may be lost", "verdict"
    )
    for item in judged:
        found = item.judgement.comparison if item.judgement else None
        table.add_row(
            item.experiment, item.benchmark, _percent(item.accepted), _percent(item.recall),
            f"{100 * found.difference:+.2f}" if found else "",
            "{:+.2f} to {:+.2f}".format(*(100 * bound for bound in found.interval)) if found else "",
            _allowed(item), Text(item.verdict, style=_COLOURS[item.verdict]),
        )  # fmt: skip
    return table


def gate_line(judged: Judged) -> str:
    """One judgement in one line."""
    assert judged.judgement is not None  # what evaluate has just made can be judged
    return f"Gate: {judged.verdict} (may be lost: {_allowed(judged)}). {judged.judgement.message}"


def _percent(recall: float | None) -> str:
    return "" if recall is None else f"{100 * recall:.2f}"


def _allowed(judged: Judged) -> str:
    if judged.accepted is None:
        return ""
    return "what chance explains" if judged.tolerance is None else f"{100 * judged.tolerance:.2f} points"
