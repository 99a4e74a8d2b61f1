"""The curves of a report as CSV, for `dvc plots` and for whoever draws their own."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from gsv_pipeline.evaluation.localisation import Localisation
from gsv_pipeline.reports.data import RecallRow
from gsv_pipeline.reports.measures import Measures

RECALL_CURVE: Final = "recall_curve.csv"
PRECISION_CURVE: Final = "precision_curve.csv"
DISTANCE_CURVE: Final = "distance_curve.csv"


def write_curves(folder: Path, rows: Sequence[RecallRow], measures: Measures) -> None:
    """Write recall over K, precision over recall and recall over distance; all values are fractions.

    Args:
        folder: Where the files go.
        rows: The experiment first; its curve is written.
        measures: A curve that it does not have becomes a file with a header alone, since DVC expects the file.
    """
    recall, intervals = rows[0].recall_at, rows[0].interval_at
    lines = [(k, recall[k], *intervals.get(k, ("", ""))) for k in sorted(recall)]
    _write(folder / RECALL_CURVE, ("k", "recall", "low", "high"), lines)
    precision, distance = measures.precision, measures.localisation
    _write(
        folder / PRECISION_CURVE,
        ("similarity", "precision", "recall"),
        zip(precision.thresholds, precision.precision, precision.recall, strict=True) if precision else (),
    )
    _write(
        folder / DISTANCE_CURVE,
        ("metres", "recall", "same_view"),
        _by_distance(distance) if distance else (),
    )


def _by_distance(distance: Localisation) -> Iterable[Sequence[object]]:
    """Lines of metres, recall, and recall where the view has to overlap too; empty where headings are not known."""
    unknown = [""] * len(distance.recall)
    return zip(distance.thresholds_m, distance.recall, distance.recall_same_view or unknown, strict=True)


def _write(path: Path, header: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for line in lines:
            writer.writerow([f"{value:.6g}" if isinstance(value, float) else value for value in line])
