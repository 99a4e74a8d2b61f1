"""Tables and trees that the commands of daily life print."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gsv_pipeline.layout import Layout
from gsv_pipeline.lineage import Link
from gsv_pipeline.manifest import to_minute
from gsv_pipeline.sources.disk import human_bytes
from gsv_pipeline.standing import FAILED, INTERRUPTED, MISSING, ORPHAN, PRESENT, RUNNING, STALE, Standing
from gsv_pipeline.standing.leftovers import bytes_below

if TYPE_CHECKING:
    from gsv_pipeline.cleaning import Found, Kept
    from gsv_pipeline.reports.history_page import HistoryRow
    from gsv_pipeline.reproduction import Reproduction

_COLOURS: Final = {
    PRESENT: "green",
    STALE: "yellow",
    MISSING: "dim",
    RUNNING: "cyan",
    FAILED: "bold red",
    INTERRUPTED: "yellow",
    ORPHAN: "magenta",
}
_ENDLESS: Final = 100_000
"""Columns of what is not a terminal (a log, a file, another program): a name that is folded is not found by grep."""
_INDENT: Final = "    "
_OWN: Final = ("version", "made", "seed", "experiment", "W&B run", "DVC md5")
"""Facts of a lineage that are told of every artifact."""


def print_table(table: Table) -> None:
    """To standard output, as wide as the terminal; where there is none, every row on a line of its own."""
    if sys.stdout.isatty():
        Console(file=sys.stdout, width=shutil.get_terminal_size().columns, highlight=False).print(table)
        return
    text = StringIO()
    Console(file=text, width=_ENDLESS, highlight=False).print(table)
    for line in text.getvalue().splitlines():
        click.echo(line.rstrip())


def standing_table(rows: Sequence[Standing], *, title: str) -> Table:
    """How the artifacts of an experiment stand, or those that all share."""
    table = new_table(title, "artifact", "state", "size>", "made", "why")
    for row in _condensed(rows):
        table.add_row(
            Text(row.key),
            Text(row.state, style=_COLOURS[row.state]),
            human_bytes(row.bytes) if row.bytes else "",
            to_minute(row.created),
            Text(row.cause or (row.command if row.state == MISSING else "")),
        )
    return table


def removal_table(layout: Layout, found: "Found", *, done: bool) -> Table:
    """What goes and what stays."""
    table = new_table("removed" if done else "what may go", "what", "frees>", "why")
    for item in found.removable:
        table.add_row(Text(layout.key(item.path)), human_bytes(item.bytes), Text(item.why))
    for what, why in _kept(layout, found.kept):
        table.add_row(Text(what, style="dim"), Text("kept", style="dim"), Text(why, style="dim"))
    return table


def agreement_table(done: "Reproduction") -> Table:
    """R@K then and now, in percent."""
    by = f"code of {done.commit}" if done.commit else "today's code"
    table = new_table(f"{done.key}, again by {by}", "R@K", "then>", "now>", "points>", "95 %", "verdict")
    for row in done.agreement.rows:
        low, high = (f"{100 * bound:+.2f}" for bound in row.interval)
        table.add_row(
            f"R@{row.k}", f"{100 * row.before:.2f}", f"{100 * row.now:.2f}", f"{100 * (row.now - row.before):+.2f}",
            f"{low} to {high}", row.verdict,
        )  # fmt: skip
    return table


def history_table(rows: "Sequence[HistoryRow]", *, title: str) -> Table:
    """Reports of the past, the oldest first, with what changed before each."""
    from gsv_pipeline.reports.history_page import what_changed

    table = new_table(title, "report", "R@1>", "95 %", "R@5>", "R@10>", "points", "what changed")
    for row in rows:
        recall, (low, high) = row.entry.recall_at, row.entry.interval_at[1]
        table.add_row(
            row.when, f"{100 * recall[1]:.2f}", f"{100 * low:.1f}–{100 * high:.1f}", f"{100 * recall[5]:.2f}",
            f"{100 * recall[10]:.2f}", row.step, Text("\n".join(what_changed(row))),
        )  # fmt: skip
    return table


def lineage_lines(link: Link) -> list[str]:
    """The chain as an indented tree; what equals the artifact above, or stands further up, is not told again."""
    return list(_lines(link, above={}, depth=0, told=set()))


def _lines(link: Link, *, above: dict[str, str], depth: int, told: set[tuple[str, str]]) -> Iterator[str]:
    indent = _INDENT * depth
    if link.broken:
        yield f"{indent}{link.key}  BROKEN: version {link.version} went in, {link.broken}"
        return
    if (link.key, link.version) in told:
        yield f"{indent}{link.key}  (see above)"
        return
    told.add((link.key, link.version))
    yield f"{indent}{link.key}"
    facts = _facts(link)
    for name, value in facts.items():
        if value and (name in _OWN or above.get(name) != value):
            yield f"{indent}  {name:<12} {value}"
    for item in link.inputs:
        yield from _lines(item, above=facts, depth=depth + 1, told=told)


def _facts(link: Link) -> dict[str, str]:
    if link.manifest is None:
        return {}
    origin, made = link.surroundings, link.manifest
    packages: dict[str, Any] = origin.get("packages", {})
    commit = f"{link.commit}{', with changes that no commit holds' if link.is_dirty else ''}"
    return {
        "version": f"{link.version}, settings and inputs {made.fingerprint}",
        "made": f"{to_minute(made.created)} in {made.wall_seconds:g} s",
        "seed": "" if link.seed is None else str(link.seed),
        "experiment": str(link.experiment_yaml or ""),
        "code": f"gsv-pipeline {origin.get('gsv_pipeline', 'unknown')}, commit {commit or 'unknown'}",
        "packages": ", ".join(f"{name} {version}" for name, version in packages.items()),
        "machine": ", ".join(
            filter(None, [origin.get("device", ""), f"Python {origin.get('python', '?')}", origin.get("platform", "")])
        ),
        "Dagster run": str(origin.get("dagster_run", "")),
        "W&B run": ", ".join(link.wandb_runs),
        "DVC md5": link.snapshot,
    }


def _kept(layout: Layout, kept: "Sequence[Kept]") -> Iterator[tuple[str, str]]:
    """What stays, and why; neighbours that stay for one reason are told in one line, with their number and size."""
    groups: dict[tuple[Path, str], list[Path]] = {}
    for item in kept:
        groups.setdefault((item.path.parent, item.why), []).append(item.path)
    for (folder, why), paths in groups.items():
        size = human_bytes(sum(bytes_below(path) for path in paths))
        yield layout.key(paths[0]) if len(paths) == 1 else f"{layout.key(folder)}/ ({len(paths)} entries, {size})", why


def _condensed(rows: Sequence[Standing]) -> list[Standing]:
    """Without descriptors and index of a benchmark of which the report is missing too: one line says it."""
    missing = {(row.stage, row.benchmark) for row in rows if row.state == MISSING}
    before = ("embeddings", "faiss_index")
    whole = {
        name for stage, name in missing if stage == "recall_report" and all((item, name) in missing for item in before)
    }
    return [row for row in rows if not (row.stage in before and row.benchmark in whole)]


def new_table(title: str, *columns: str) -> Table:
    """An empty table; a column whose name ends in `>` is of numbers."""
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, caption_justify="left"
    )
    for name in columns:
        is_last = name == columns[-1]
        table.add_column(
            name.removesuffix(">"), justify="right" if name.endswith(">") else "left", header_style="dim",
            overflow="fold", no_wrap=not is_last and name not in ("artifact", "what"),
        )  # fmt: skip
    return table
