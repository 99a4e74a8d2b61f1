"""Accuracy of every kind of index over its speed and its size: the figure by which a person chooses one."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from gsv_pipeline.reports.figures import ACCENT, FAINT, HIT, INK, MISS, MUTED, ImageFormat, render_figure

if TYPE_CHECKING:
    from gsv_pipeline.index.measure import Measured

SIZE: Final = (12.4, 4.3)  # inches; a whole page wide
_COLOURS: Final = (INK, ACCENT, HIT, MISS, MUTED, FAINT)
_MARKERS: Final = "oDsv^P"
_STEPS: Final = (1.0, 2.0, 5.0)
_FEW_DECADES: Final = 1.8
"""Labels of 1, 2 and 5 of every decade stand clear of each other up to here; beyond, powers of ten are enough."""

Value = Callable[["Measured"], float]


def index_figure(measured: "Sequence[Measured]", *, image_format: ImageFormat = "svg") -> bytes:
    """Agreement with exact search over queries per second, one at a time and 64 at once; R@1 over bytes per image.

    A line is a kind; the filled marks are the defaults. Up and to the right is better for speed, up and to the left
    for size.
    """
    return render_figure(partial(_draw, measured), SIZE, image_format)


def _draw(measured: "Sequence[Measured]", figure: Figure) -> None:
    single, many, size = figure.subplots(1, 3)
    many.sharey(single)
    _draw_panel(single, measured, lambda item: item.queries_per_s[1], lambda item: item.agreement_at[1])
    _draw_panel(many, measured, lambda item: item.queries_per_s[64], lambda item: item.agreement_at[1])
    _draw_panel(size, measured, lambda item: item.bytes_per_image, lambda item: item.recall_at[1])
    single.set_xlabel("queries per second, one at a time")
    many.set_xlabel("queries per second, 64 at once")
    size.set_xlabel("bytes per image")
    single.set_title("Agreement with exact search @1, %", loc="left", fontsize=10.5, color=MUTED)
    size.set_title("R@1, %", loc="left", fontsize=10.5, color=MUTED)
    handles, labels = single.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels), fontsize=10)


def _draw_panel(axes: Axes, measured: "Sequence[Measured]", across: Value, up: Value) -> None:
    for number, (kind, device) in enumerate(dict.fromkeys((item.kind, item.device) for item in measured)):
        points = [item for item in measured if (item.kind, item.device) == (kind, device)]
        label = kind if device == "cpu" else f"{kind} on the GPU"
        colour, marker = _COLOURS[number % len(_COLOURS)], _MARKERS[number % len(_MARKERS)]
        axes.plot(
            [across(item) for item in points], [100 * up(item) for item in points], color=colour, marker=marker,
            markersize=5, linewidth=1.6, markerfacecolor="none", label=label,
        )  # fmt: skip
        chosen = [item for item in points if item.is_default]
        axes.plot(
            [across(item) for item in chosen], [100 * up(item) for item in chosen], color=colour, marker=marker,
            markersize=8, linestyle="",
        )  # fmt: skip
    _scale(axes, [across(item) for item in measured])


def _scale(axes: Axes, values: Sequence[float]) -> None:
    """A logarithmic axis from one round number to another, with as many of them between as can be read."""
    low, high = _round(min(values), up=False), _round(max(values), up=True)
    axes.set_xscale("log")
    axes.set_xlim(low / 1.1, high * 1.1)
    steps = _STEPS if math.log10(high / low) <= _FEW_DECADES else _STEPS[:1]
    axes.xaxis.set_major_locator(LogLocator(subs=steps, numticks=99))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))  # numbers, not powers
    axes.xaxis.set_minor_locator(NullLocator())


def _round(value: float, *, up: bool) -> float:
    """The next 1, 2 or 5 times a power of ten: below `value`, or above it."""
    power = 10.0 ** math.floor(math.log10(value))
    around = [step * power for step in (*_STEPS, 10.0)]
    return min(step for step in around if step >= value) if up else max(step for step in around if step <= value)
