"""Recall over time as a figure: one mark for each report, and between two of them the letters of what changed."""

import itertools
from collections.abc import Sequence
from functools import partial
from typing import Final

from matplotlib.axes import Axes

from gsv_pipeline.evaluation.history_changes import KINDS, changes
from gsv_pipeline.evaluation.history_file import Entry
from gsv_pipeline.reports.figures import ACCENT, FAINT, INK, MISS, MUTED, ImageFormat, render

SIZE: Final = (11.2, 3.6)  # inches; a whole page wide
MOST_TICKS: Final = 12
OTHER_KS: Final = (5, 10)
_STYLES: Final = ("--", ":")
_DAY: Final = 10  # characters of an ISO date


def history_figure(entries: Sequence[Entry], *, image_format: ImageFormat = "svg") -> bytes:
    """R@1 with its 95 % interval for each report, the oldest on the left, evenly spaced; R@5 and R@10 above it.

    Args:
        entries: Of one experiment on one benchmark, at least one.
        image_format: "svg" or "png".
    """
    return render(partial(_draw, entries), SIZE, image_format)


def letters(before: Entry, after: Entry) -> str:
    """The first letters of the kinds of changes: `CP` for code and packages."""
    kinds = {change.kind for change in changes(before, after)}
    return "".join(letter_of(kind) for kind in KINDS if kind in kinds)


def letter_of(kind: str) -> str:
    """What a kind of change is called in the figure: its first letter, but `?` for what nobody can name."""
    return "?" if kind == "chance" else kind[0].upper()


def _draw(entries: Sequence[Entry], axes: Axes) -> None:
    where = range(len(entries))
    for k, style in zip(OTHER_KS, _STYLES, strict=True):
        values = [100 * entry.recall_at[k] for entry in entries]
        axes.plot(where, values, color=MUTED, linewidth=1.3, linestyle=style, marker=".", label=f"R@{k}")
    first = [100 * entry.recall_at[1] for entry in entries]
    low, high = ([100 * entry.interval_at[1][side] for entry in entries] for side in (0, 1))
    axes.vlines(where, low, high, color=ACCENT, alpha=0.35, linewidth=3)
    axes.plot(where, first, color=ACCENT, linewidth=2.2, marker="o", markersize=5, label="R@1, 95 % interval")
    _mark_drifts(entries, axes)
    lowest = min([*low, *first])
    axes.set_ylim(max(0.0, lowest - 8), 101)
    axes.set_xlim(-0.5, max(len(entries) - 0.5, 1.5))
    _mark_changes(entries, axes)
    _mark_dates(entries, axes)
    axes.set_title("Recall, %", loc="left", fontsize=10.5, color=MUTED)
    axes.figure.legend(loc="outside upper right", ncols=4, fontsize=10)


def _mark_drifts(entries: Sequence[Entry], axes: Axes) -> None:
    """A ring around each report that is more than chance below the one before."""
    worse = [number for number, entry in enumerate(entries) if entry.drift and entry.drift.verdict == "worse"]
    if worse:
        values = [100 * entries[number].recall_at[1] for number in worse]
        axes.plot(
            worse, values, linestyle="", marker="o", markersize=12, markerfacecolor="none", markeredgecolor=MISS,
            markeredgewidth=1.8, label="worse than before",
        )  # fmt: skip


def _mark_changes(entries: Sequence[Entry], axes: Axes) -> None:
    bottom = axes.get_ylim()[0]
    for number, (before, after) in enumerate(itertools.pairwise(entries), start=1):
        told = letters(before, after)
        if told:
            axes.axvline(number - 0.5, color=FAINT, linewidth=0.9, linestyle="--")
            axes.annotate(
                told, (number - 0.5, bottom), xytext=(0, 3), textcoords="offset points", ha="center", va="bottom",
                color=INK, weight="bold", fontsize=9.5,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.0},
            )  # fmt: skip


def _mark_dates(entries: Sequence[Entry], axes: Axes) -> None:
    step = -(-len(entries) // MOST_TICKS)
    shown = list(range(0, len(entries), step))
    axes.set_xticks(shown, [entries[number].date[:_DAY] for number in shown], fontsize=9)
    axes.grid(visible=False, axis="x")
