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
from gsv_pipeline.reports.subject import Subject
from gsv_pipeline.reports.tables import interval, interval_note, markdown_cell, markdown_table, percent
from gsv_pipeline.reports.thumbnails import image_uri

REPORT_FILE: Final = "pca_report.json"
PAGE_FILE: Final = "pca_report.html"
MARKDOWN_FILE: Final = "pca_report.md"
FIGURE_FILE: Final = "pca_report.svg"
LEAD: Final = (
    "Recall against the size of descriptors, with 95 % intervals. The principal components were fitted on training "
    "images, none of the benchmark."
)


def write_pca_report(folder: Path, measured: Sequence[Reduced], *, subject: Subject) -> None:
    """Write `pca_report.json`, the figure, the page and its Markdown.

    Args:
        folder: Gets them.
        measured: Descriptors as they are first, then each size with and without whitening.
        subject: Whose descriptors, and recall on which benchmark.
    """
    write_json(folder / REPORT_FILE, [as_json(asdict(item)) for item in measured])
    figure = dimension_figure(measured)
    (folder / FIGURE_FILE).write_bytes(figure)
    (folder / MARKDOWN_FILE).write_text(_markdown(measured, subject), encoding="utf-8")
    rows = sorted(measured, key=lambda item: item.order)
    context = {"subject": subject, "rows": rows, "figure": image_uri(figure), "lead": LEAD, "below": _note(measured)}
    rendering.write_page(folder / PAGE_FILE, "pca.html", **context)


def sizes_table(measured: Sequence[Reduced]) -> str:
    """Recall with its interval at every size, the largest first, in Markdown."""
    rows = sorted(measured, key=lambda item: item.order)
    head = ["numbers", "", "variance kept, %", *(f"R@{k}, %" for k in rows[0].recall_at)]
    lines = [
        [f"{item.dimensions:,}", item.manner, percent(item.explained), *(_recall(item, k) for k in item.recall_at)]
        for item in rows
    ]
    return markdown_table(head, lines)


def dimension_figure(measured: Sequence[Reduced], *, image_format: ImageFormat = "svg") -> bytes:
    """R@1 with intervals over the number of dimensions, whitened and not; a line for descriptors as they are."""
    return render(partial(_draw, measured), SIZE, image_format)


def _markdown(measured: Sequence[Reduced], subject: Subject) -> str:
    head = f"# Shorter descriptors: {subject.experiment} on {subject.benchmark}"
    parts = [head, LEAD, markdown_cell(subject.sentence), sizes_table(measured), _note(measured)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _note(measured: Sequence[Reduced]) -> str:
    return interval_note((item.recall_at[k], item.interval_at.get(k)) for item in measured for k in item.recall_at)


def _recall(item: Reduced, k: int) -> str:
    bounds = interval(item.interval_at.get(k))
    return f"{percent(item.recall_at[k])} ({bounds})" if bounds else percent(item.recall_at[k])


def _draw(measured: Sequence[Reduced], axes: Axes) -> None:
    for whitened, colour, name in ((True, ACCENT, "whitened"), (False, MUTED, "not whitened")):
        items = sorted((item for item in measured if item.whitened is whitened), key=lambda item: item.dimensions)
        sizes = [item.dimensions for item in items]
        recalls = [100 * item.recall_at[1] for item in items]
        axes.plot(sizes, recalls, color=colour, marker="o", markersize=4, linewidth=1.8, label=name)
        bounds = [item.interval_at.get(1, (item.recall_at[1],) * 2) for item in items]
        low, high = ([100 * bound[end] for bound in bounds] for end in (0, 1))
        axes.fill_between(sizes, low, high, color=colour, alpha=0.13, linewidth=0)
    for item in measured:
        if item.whitened is None:
            label = f"as they are, {item.dimensions}-D"
            axes.axhline(100 * item.recall_at[1], color=INK, linewidth=1.2, linestyle="--", label=label)
    axes.set_xscale("log", base=2)
    ticks = sorted({item.dimensions for item in measured if item.whitened is not None})
    axes.set_xticks(ticks, [f"{size:,}" for size in ticks])
    axes.minorticks_off()
    axes.set_ylim(top=100)
    axes.set_xlabel("numbers per descriptor")
    axes.set_title("R@1, %, with 95 % intervals", loc="left", fontsize=10.5, color=MUTED)
    axes.legend(fontsize=10)
