"""The recall report: one self-contained HTML page per experiment and benchmark."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gsv_pipeline.reports import figures, gallery, geometry, measures_figures, rendering, retrievals, tables
from gsv_pipeline.reports.data import RecallRow, ReportData
from gsv_pipeline.reports.thumbnails import Thumbnails, image_uri

GALLERY_STRIPS: Final = 6


@dataclass(frozen=True, slots=True)
class Headline:
    """What the header says in large type.

    Args:
        best_baseline: The baseline with the highest R@1; None without baselines.
        gain: R@1 above that baseline, as a fraction.
        is_clear: The two 95 % intervals do not overlap.
    """

    row: RecallRow
    best_baseline: RecallRow | None
    gain: float
    is_clear: bool


def write_report(target: Path, data: ReportData) -> None:
    """Write the report of one experiment on one benchmark as a single HTML file without external requests.

    Args:
        target: The HTML file; its folder must exist.
        data: What to show. At least one row is no baseline.

    Raises:
        DataError: An image of the gallery is missing, empty, truncated or no image. A gallery with holes would hide it.
    """
    ranks = retrievals.first_correct_ranks(data.predictions, data.positives)
    context: dict[str, Any] = {
        "data": data,
        "headline": headline(data.rows),
        "rows": table_rows(data.rows),
        "ks": tables.REPORT_KS,
        "explanation": tables.explanation,
        "recalls_note": tables.recalls_note(data.rows),
        "parts_note": tables.parts_note(data.measures.groups),
        "num_queries": len(ranks),
        "num_hits": int((ranks == 1).sum()),
        "num_unanswerable": int((~retrievals.answerable(data.positives)).sum()),
        "measures": data.measures,
        **_figures(data, ranks == 1),
        **_measures(data),
        **(_galleries(data) if not data.left_out else {"best": [], "worst": [], "shape": "1.333"}),
    }
    rendering.write_page(target, "report.html", **context)


def headline(rows: Sequence[RecallRow]) -> Headline:
    """The first row that is no baseline, set against the best baseline."""
    trained = next((row for row in rows if not row.is_baseline), None)
    assert trained is not None, "a report needs a row that is no baseline"
    best = max((row for row in rows if row.is_baseline), key=lambda row: row.recall_at[1], default=None)
    if best is None:
        return Headline(trained, None, 0.0, is_clear=False)
    bounds = trained.interval_at.get(1), best.interval_at.get(1)
    is_clear = bounds[0] is not None and bounds[1] is not None and bounds[0][0] > bounds[1][1]
    return Headline(trained, best, trained.recall_at[1] - best.recall_at[1], is_clear)


def table_rows(rows: Sequence[RecallRow]) -> list[RecallRow]:
    """Trained models first, then baselines, each from the highest R@1 down."""
    return sorted(rows, key=lambda row: (row.is_baseline, -row.recall_at[1], row.name))


def _figures(data: ReportData, hits: npt.NDArray[np.bool_]) -> dict[str, str | None]:
    """Data URIs of the figures; None where there is nothing to draw, so that the page says so in a sentence."""
    has_curve = len(data.curve.steps) > 0 or len(data.curve.validation_steps) > 0
    has_places = bool(geometry.located(data.queries.latlon).any() and geometry.located(data.database.latlon).any())
    return {
        "recall_bars": image_uri(figures.recall_bars(table_rows(data.rows))),
        "recall_curve": image_uri(figures.recall_curve(data.rows)),
        "training_curve": image_uri(figures.training_curve(data.curve)) if has_curve else None,
        "query_map": image_uri(figures.query_map(data.database.latlon, data.queries.latlon, hits=hits))
        if has_places
        else None,
    }


def _measures(data: ReportData) -> dict[str, str | None]:
    found = data.measures
    return {
        "distance_curve": image_uri(measures_figures.distance_curve(found.localisation, radius_m=found.radius_m))
        if found.localisation
        else None,
        "precision_figure": image_uri(measures_figures.precision_figure(found.precision)) if found.precision else None,
    }


def queries_shown(data: ReportData) -> list[int]:
    """Queries that the galleries show, so that somebody can find out where the model looks in them."""
    return [*retrievals.pick_hits(data, GALLERY_STRIPS), *retrievals.pick_misses(data, GALLERY_STRIPS)]


def _galleries(data: ReportData) -> dict[str, Any]:
    thumbnails = Thumbnails()
    best = gallery.report_strips(data, retrievals.pick_hits(data, GALLERY_STRIPS), thumbnails)
    worst = gallery.report_strips(data, retrievals.pick_misses(data, GALLERY_STRIPS), thumbnails)
    return {
        "best": best,
        "worst": worst,
        "shape": gallery.frame_shape([*best, *worst]),
        "hits_rule": retrievals.HITS_RULE,
        "misses_rule": retrievals.MISSES_RULE,
    }
