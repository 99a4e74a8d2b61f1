"""Figures of what a report says beside recall: distance and confidence."""

from functools import partial

import numpy as np
from matplotlib.axes import Axes

from gsv_pipeline.evaluation.localisation import VIEW_OVERLAP_DEG, Localisation
from gsv_pipeline.evaluation.precision import PrecisionCurve
from gsv_pipeline.reports.figures import ACCENT, HIT, MUTED, SIZE, ImageFormat, render


def distance_curve(found: Localisation, *, radius_m: float | None = None, image_format: ImageFormat = "svg") -> bytes:
    """Share of first answers within a distance, and of those that look the same way too.

    Args:
        found: What to draw.
        radius_m: What the benchmark counts as correct, for a line; None where it does not count in metres.
        image_format: "svg" or "png".
    """
    return render(partial(_draw_distances, found, radius_m), SIZE, image_format)


def precision_figure(curve: PrecisionCurve, *, image_format: ImageFormat = "svg") -> bytes:
    """Precision over recall, with the point up to which every answer is correct."""
    return render(partial(_draw_precision, curve), SIZE, image_format)


def _draw_distances(found: Localisation, radius_m: float | None, axes: Axes) -> None:
    axes.plot(
        found.thresholds_m, 100 * np.asarray(found.recall), color=ACCENT, linewidth=2.2, marker="o", markersize=4,
        label="position alone",
    )  # fmt: skip
    if found.recall_same_view is not None:
        axes.plot(
            found.thresholds_m, 100 * np.asarray(found.recall_same_view), color=MUTED, linewidth=1.8, linestyle="--",
            marker="s", markersize=4, label=f"and headings within {VIEW_OVERLAP_DEG:.0f}°",
        )  # fmt: skip
    if radius_m is not None:
        axes.axvline(radius_m, color=HIT, linewidth=1.2, linestyle=":", label=f"{radius_m:g} m")
    axes.set_ylim(0, 100)
    axes.set_xlim(0, max(*found.thresholds_m, radius_m or 0))
    axes.set_xlabel("metres from the query, included")
    axes.set_title("First answers, %", loc="left", fontsize=10.5, color=MUTED)
    axes.figure.legend(loc="outside upper left", ncols=3, fontsize=10)


def _draw_precision(curve: PrecisionCurve, axes: Axes) -> None:
    axes.step(100 * curve.recall, 100 * curve.precision, where="post", color=ACCENT, linewidth=2.2)
    if curve.sure is not None:
        threshold, recall = curve.sure
        axes.plot([100 * recall], [100], marker="o", color=HIT, markersize=8, clip_on=False, zorder=5)
        # Precision is never far below recall, so the corner below the diagonal is free whatever the curve.
        axes.text(
            0.4, 0.04, f"100 % precision up to {100 * recall:.1f} % recall\n(similarity {threshold:.3f} and above)",
            transform=axes.transAxes, ha="left", va="bottom", color=HIT,
        )  # fmt: skip
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 102)
    axes.set_xlabel("recall, % of the queries that can be answered")
    axes.set_title("Precision, %", loc="left", fontsize=10.5, color=MUTED)
