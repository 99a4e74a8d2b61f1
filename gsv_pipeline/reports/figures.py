"""The figures of a report as SVG or PNG bytes, and the style that `places_figures.py` and `world_figure.py` share.

These modules alone import matplotlib, and none touches pyplot.
"""

import io
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, Literal

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gsv_pipeline.reports import geometry
from gsv_pipeline.reports.data import RecallRow, TrainingCurve
from gsv_pipeline.reports.tables import label, percent

ImageFormat = Literal["svg", "png"]

INK: Final = "#1b2430"
MUTED: Final = "#5d6875"
LINE: Final = "#dde2e8"
FAINT: Final = "#a9b2bd"
LAND: Final = "#e6eaef"
ACCENT: Final = "#1d5fc4"
HIT: Final = "#178a4a"
MISS: Final = "#d03a3f"
# A browser replaces the colours on the left by those on the right when its reader prefers dark pages.
_DARK: Final = {
    INK: "#e7ebf0", MUTED: "#9ba7b4", LINE: "#2e3742", FAINT: "#66717e", LAND: "#28313c",
    ACCENT: "#7db0ff", HIT: "#4cc583", MISS: "#f4777a",
}  # fmt: skip
_STYLE: Final[Any] = {
    "font.family": ["DejaVu Sans"], "font.size": 10.5, "text.color": INK, "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE, "axes.linewidth": 0.9, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "axes.axisbelow": True, "grid.color": LINE, "grid.linewidth": 0.7,
    "xtick.color": LINE, "ytick.color": LINE, "xtick.labelcolor": MUTED, "ytick.labelcolor": MUTED,
    "legend.frameon": False, "legend.labelcolor": INK, "svg.fonttype": "none", "svg.hashsalt": "gsv-pipeline",
    "text.parse_math": False,  # a name may hold a dollar sign
}  # fmt: skip
_PAGE_FONT: Final = "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"
SIZE: Final = (5.6, 3.8)  # inches; half a page wide
_MAP_SHAPE: Final = 1.75  # width / height inside the axes
MANY_POINTS: Final = 2_000  # more points than this are drawn as pixels, else an SVG grows to megabytes
_BASELINE_LINES: Final = ("--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))


def recall_bars(rows: Sequence[RecallRow], *, k: int = 1, image_format: ImageFormat = "svg") -> bytes:
    """Horizontal bars of Recall@K with 95 % intervals, the highest on top."""
    ordered = sorted(rows, key=lambda row: row.recall_at[k])
    return render(partial(_draw_bars, ordered, k), (SIZE[0], max(SIZE[1], 0.75 + 0.42 * len(rows))), image_format)


def recall_curve(rows: Sequence[RecallRow], *, image_format: ImageFormat = "svg") -> bytes:
    """Recall over K for every row, with the 95 % band of the trained ones."""
    return render(partial(_draw_recall_curve, rows), SIZE, image_format)


def training_curve(curve: TrainingCurve, *, image_format: ImageFormat = "svg") -> bytes:
    """Loss (left axis) and validation recall (right axis) by optimizer step, the best step marked."""
    return render(partial(_draw_training, curve), SIZE, image_format)


def query_map(
    database_latlon: npt.NDArray[np.float64],
    query_latlon: npt.NDArray[np.float64],
    *,
    hits: npt.NDArray[np.bool_],
    image_format: ImageFormat = "svg",
) -> bytes:
    """Where queries hit and missed, in metres from the centre, north up.

    Args:
        database_latlon: [N, 2] degrees; rows that are not finite are left out.
        query_latlon: [Q, 2] degrees.
        hits: [Q] True where the best match is correct.
        image_format: "svg" or "png".
    """
    return render(partial(_draw_map, database_latlon, query_latlon, hits), SIZE, image_format)


def render(draw: Callable[[Axes], None], size: tuple[float, float], image_format: ImageFormat) -> bytes:
    """A figure of one pair of axes in the style of the pages; `size` in inches."""
    return render_figure(lambda figure: draw(figure.subplots()), size, image_format)


def render_figure(
    draw: Callable[[Figure], None], size: tuple[float, float], image_format: ImageFormat, *, dpi: int = 160
) -> bytes:
    """Any figure in the style of the pages; `size` in inches, `dpi` of a PNG."""
    buffer = io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        if image_format == "png":
            figure.savefig(buffer, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
            return buffer.getvalue()
        figure.savefig(buffer, format="svg", dpi=200, transparent=True, metadata={"Date": None})
    return _for_browsers(buffer.getvalue().decode("utf-8")).encode("utf-8")


def _for_browsers(svg: str) -> str:
    """Let a browser use the fonts of the page around the figure, and light ink on dark paper."""
    rules = "".join(
        f'[style*="{paint}: {light}"]{{{paint}:{dark} !important}}'
        for light, dark in _DARK.items()
        for paint in ("fill", "stroke")
    )
    head, _, body = svg.replace("'DejaVu Sans'", _PAGE_FONT).partition("<defs>")
    return f"{head}<style>@media (prefers-color-scheme: dark){{{rules}}}</style><defs>{body}"


def _draw_bars(rows: Sequence[RecallRow], k: int, axes: Axes) -> None:
    for position, row in enumerate(rows):
        value = 100 * row.recall_at[k]
        low, high = (100 * bound for bound in row.interval_at.get(k, (row.recall_at[k], row.recall_at[k])))
        axes.barh(position, value, height=0.46, color=FAINT if row.is_baseline else ACCENT, linewidth=0)
        axes.plot([low, high], [position, position], color=INK, linewidth=1.3, solid_capstyle="butt")
        axes.plot([low, high], [position, position], linestyle="", marker="|", markersize=7, color=INK)
        weight = "normal" if row.is_baseline else "bold"
        axes.annotate(
            percent(row.recall_at[k]), (max(value, high), position), xytext=(6, 0), textcoords="offset points",
            va="center", weight=weight,
        )  # fmt: skip
    axes.set_yticks(range(len(rows)), [label(row.name) for row in rows], color=INK)
    axes.tick_params(length=0)
    axes.set_xlim(0, 100)
    axes.set_xlabel(f"R@{k}, % of queries, with 95 % interval")
    axes.grid(visible=False, axis="y")


def _draw_recall_curve(rows: Sequence[RecallRow], axes: Axes) -> None:
    baseline_lines = iter(_BASELINE_LINES * len(rows))
    ends = [100 * row.recall_at[max(row.recall_at)] for row in rows]
    for row, end, label_at in zip(rows, ends, geometry.spread(ends, gap=6.5, top=100), strict=True):
        ks = sorted(row.recall_at)
        values = [100 * row.recall_at[k] for k in ks]
        colour, weight = (MUTED, "normal") if row.is_baseline else (ACCENT, "bold")
        if not row.is_baseline:
            bounds = 100 * np.array([row.interval_at.get(k, (np.nan, np.nan)) for k in ks])
            axes.fill_between(ks, bounds[:, 0], bounds[:, 1], color=ACCENT, alpha=0.16, linewidth=0)
        axes.plot(
            ks, values, color=colour, linewidth=1.5 if row.is_baseline else 2.2,
            linestyle=next(baseline_lines) if row.is_baseline else "-",
        )  # fmt: skip
        axes.annotate(
            label(row.name), (ks[-1], end), xytext=(1.02, label_at), textcoords=("axes fraction", "data"),
            va="center", color=colour, weight=weight,
        )  # fmt: skip
    last = max((max(row.recall_at) for row in rows), default=1)
    axes.set_xlim(1, max(last, 2))
    axes.set_ylim(0, 100)
    axes.set_xticks([k for k in (1, 5, 10, 15, 20, 25) if k <= last])
    axes.set_xlabel("K, images retrieved")
    axes.set_title("R@K, %", loc="left", fontsize=10.5, color=MUTED)


def _draw_training(curve: TrainingCurve, axes: Axes) -> None:
    steps, loss = np.asarray(curve.steps), np.asarray(curve.loss, dtype=np.float64)
    axes.plot(steps, loss, color=FAINT, linewidth=0.8, alpha=0.55)
    axes.plot(steps, geometry.smooth(loss), color=MUTED, linewidth=1.8, label="loss, smoothed")
    axes.set_title("Loss", loc="left", fontsize=10.5, color=MUTED)
    axes.set_xlabel("optimizer step")
    axes.set_ylim(bottom=0)
    right = axes.twinx()
    right.grid(visible=False)
    markers = iter("os^Dv" * len(curve.validation_recall))
    for number, (name, values) in enumerate(curve.validation_recall.items()):
        right.plot(
            curve.validation_steps, 100 * np.asarray(values), color=ACCENT, alpha=1.0 if number == 0 else 0.5,
            marker=next(markers), markersize=4, linewidth=1.8, label=name,
        )  # fmt: skip
    right.set_ylim(0, 100)
    right.set_title("Validation recall, %", loc="right", fontsize=10.5, color=ACCENT)
    if curve.best_step is not None:
        right.axvline(curve.best_step, color=HIT, linewidth=1.2, linestyle="--", label=f"best step, {curve.best_step}")
    handles = [line for part in (axes, right) for line in part.get_lines() if not str(line.get_label()).startswith("_")]
    axes.figure.legend(handles=handles, loc="outside upper left", ncols=2, fontsize=10, handlelength=2.2)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def _draw_map(
    database_latlon: npt.NDArray[np.float64],
    query_latlon: npt.NDArray[np.float64],
    hits: npt.NDArray[np.bool_],
    axes: Axes,
) -> None:
    every = np.concatenate([database_latlon, query_latlon])
    centre = geometry.centre_of(every)
    layers = [
        (database_latlon, "o", 9, FAINT, "database"),
        (query_latlon[hits], "o", 17, HIT, "hit at rank 1"),
        (query_latlon[~hits], "X", 26, MISS, "missed"),
    ]
    for latlon, marker, area, colour, name in layers:
        metres = geometry.metres_from(latlon, centre)
        axes.scatter(
            metres[:, 0], metres[:, 1], s=area, marker=marker, color=colour, alpha=0.8, linewidths=0,
            label=f"{name} ({len(latlon):,})", rasterized=len(latlon) > MANY_POINTS,
        )  # fmt: skip
    frame_map(axes, geometry.metres_from(every, centre))
    axes.figure.legend(
        loc="outside upper left", ncols=3, fontsize=10, handletextpad=0.2, columnspacing=1.2, markerscale=1.4
    )


def frame_map(axes: Axes, metres: npt.NDArray[np.float64], *, shape: float = _MAP_SHAPE) -> None:
    """Limits around all points of `metres` [N, 2] (east, north), ticks in metres and a scale."""
    (left, right), (bottom, top) = geometry.view_limits(metres, shape=shape)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_aspect("equal")
    axes.set_xlabel("metres east of the centre")
    axes.set_title("metres north", loc="left", fontsize=10.5, color=MUTED)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.yaxis.set_major_locator(MaxNLocator(6))
    _draw_scale(axes)


def _draw_scale(axes: Axes) -> None:
    """A bar of a round length, about a fifth of the map, in the lower right corner, below all points."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    length = geometry.round_length((right - left) / 5)
    end, height = right - 0.03 * (right - left), bottom + 0.03 * (top - bottom)
    axes.plot([end - length, end], [height, height], color=INK, linewidth=2.5, solid_capstyle="butt")
    axes.annotate(
        geometry.length_text(length), (end - length / 2, height), xytext=(0, 4), textcoords="offset points", ha="center"
    )
