"""Recall against the size of descriptors: numbers for machines, a figure and a page for people."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Final

from matplotlib.axes import Axes

from gsv_pipeline.evaluation.by_dimension import Reduced
from gsv_pipeline.manifest import as_json, write_json
from gsv_pipeline.reports import rendering
from gsv_pipeline.reports.figures import ACCENT, INK, MUTED, SIZE, ImageFormat, render
from gsv_pipeline.reports.thumbnails import image_uri

REPORT_FILE: Final = "pca_report.json"
PAGE_FILE: Final = "pca_report.html"
FIGURE_FILE: Final = "pca_report.svg"


def write_pca_report(folder: Path, measured: Sequence[Reduced], *, experiment: str, benchmark: str) -> None:
    """Write `pca_report.json`, the figure and the page.

    Args:
        folder: Gets them.
        measured: Descriptors as they are first, then each size with and without whitening.
        experiment: Whose descriptors.
        benchmark: Recall on which.
    """
    write_json(folder / REPORT_FILE, [as_json(asdict(item)) for item in measured])
    figure = dimension_figure(measured)
    (folder / FIGURE_FILE).write_bytes(figure)
    rows = sorted(measured, key=lambda item: item.order)
    context = {"experiment": experiment, "benchmark": benchmark, "rows": rows, "figure": image_uri(figure)}
    rendering.write_page(folder / PAGE_FILE, "pca.html", **context)


def dimension_figure(measured: Sequence[Reduced], *, image_format: ImageFormat = "svg") -> bytes:
    """R@1 over the number of dimensions, whitened and not; a line across for descriptors as they are."""
    return render(partial(_draw, measured), SIZE, image_format)


def _draw(measured: Sequence[Reduced], axes: Axes) -> None:
    for whitened, colour, name in ((True, ACCENT, "whitened"), (False, MUTED, "not whitened")):
        points = sorted((item.dimensions, 100 * item.recall_at[1]) for item in measured if item.whitened is whitened)
        axes.plot(*zip(*points, strict=True), color=colour, marker="o", markersize=4, linewidth=1.8, label=name)
    for item in measured:
        if item.whitened is None:
            label = f"as they are, {item.dimensions}-D"
            axes.axhline(100 * item.recall_at[1], color=INK, linewidth=1.2, linestyle="--", label=label)
    axes.set_xscale("log", base=2)
    sizes = sorted({item.dimensions for item in measured if item.whitened is not None})
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.set_ylim(top=100)
    axes.set_xlabel("numbers per descriptor")
    axes.set_title("R@1, %", loc="left", fontsize=10.5, color=MUTED)
    axes.legend(fontsize=10)
