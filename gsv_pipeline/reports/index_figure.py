"""Speed against rightness of every kind of index: the figure by which a person chooses one."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter

from gsv_pipeline.reports.figures import ACCENT, FAINT, HIT, INK, MISS, MUTED, ImageFormat, render_figure

if TYPE_CHECKING:
    from gsv_pipeline.index.measure import Measured

SIZE: Final = (11.2, 4.2)  # inches; a whole page wide
BATCHES: Final = (1, 64)
_COLOURS: Final = (INK, ACCENT, HIT, MISS, MUTED, FAINT)
_MARKERS: Final = "oDsv^P"


def speed_figure(measured: "Sequence[Measured]", *, image_format: ImageFormat = "svg") -> bytes:
    """Agreement with exact search over queries per second, one query at a time and 64 at once; a line per kind.

    Up and to the right is better; the filled marks are the defaults.
    """
    return render_figure(partial(_draw, measured), SIZE, image_format)


def _draw(measured: "Sequence[Measured]", figure: Figure) -> None:
    kinds = list(dict.fromkeys((item.kind, item.device) for item in measured))
    panels = figure.subplots(1, len(BATCHES), sharey=True)
    for axes, batch in zip(panels, BATCHES, strict=True):
        for number, (kind, device) in enumerate(kinds):
            points = [item for item in measured if (item.kind, item.device) == (kind, device)]
            _draw_kind(
                axes, points, batch=batch, number=number, label=kind if device == "cpu" else f"{kind} on the GPU"
            )
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("queries per second, " + ("one at a time" if batch == 1 else f"{batch} at once"))
    panels[0].set_title("First match as in exact search, %", loc="left", fontsize=10.5, color=MUTED)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(kinds), fontsize=10)


def _draw_kind(axes: Axes, points: "Sequence[Measured]", *, batch: int, number: int, label: str) -> None:
    colour, marker = _COLOURS[number % len(_COLOURS)], _MARKERS[number % len(_MARKERS)]
    rates, shares = [item.queries_per_s[batch] for item in points], [100 * item.agreement_at[1] for item in points]
    axes.plot(
        rates, shares, color=colour, marker=marker, markersize=5, linewidth=1.6, markerfacecolor="none", label=label
    )
    chosen = [(rate, share) for rate, share, item in zip(rates, shares, points, strict=True) if item.is_default]
    axes.plot(*zip(*chosen, strict=True), linestyle="", color=colour, marker=marker, markersize=8)
