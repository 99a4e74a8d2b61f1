"""Which queries hit, which missed, and which of them a report shows. Arrays only: no files, no HTML."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gsv_pipeline.evaluation.recall import first_hits
from gsv_pipeline.geo import distance_m
from gsv_pipeline.reports.data import ReportData

HITS_RULE: Final = (
    "Queries whose best match is correct, those with the most time between the two photographs first and the more "
    "similar first among equals; at most one query of each place."
)
MISSES_RULE: Final = (
    "Queries whose best match is wrong, the most similar wrong matches first: what the model was surest of and got "
    "wrong; at most one query of each place."
)


def first_correct_ranks(
    predictions: npt.NDArray[np.int64], positives: Sequence[npt.NDArray[np.int64]]
) -> npt.NDArray[np.int64]:
    """The rank, counted from 1, of the first correct prediction of each query; 0 where none is correct.

    Args:
        predictions: [Q, K] database indices, best first.
        positives: Q arrays of the database indices counted as correct.

    Returns:
        [Q] ranks.
    """
    hits = first_hits(predictions, positives)
    return np.where(hits < predictions.shape[1], hits + 1, 0)


def answerable(positives: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[np.bool_]:
    """[Q] True where the database holds a correct image at all."""
    return np.array([len(correct) > 0 for correct in positives], dtype=np.bool_)


def pick_hits(data: ReportData, count: int) -> list[int]:
    """Query indices for the gallery of the best retrievals, chosen as `HITS_RULE` says."""
    hits = np.flatnonzero(first_correct_ranks(data.predictions, data.positives) == 1)

    def order(query: int) -> tuple[Any, ...]:
        gap = months_between(data.queries.dates[query], data.database.dates[int(data.predictions[query, 0])])
        return (1 if gap is None else -gap, -float(data.scores[query, 0]), query)

    return _one_per_place(hits, data, order)[:count]


def pick_misses(data: ReportData, count: int) -> list[int]:
    """Query indices for the gallery of the worst retrievals, chosen as `MISSES_RULE` says.

    Queries without any correct image in the database are left out: no answer to them is wrong in an instructive way.
    """
    missed = (first_correct_ranks(data.predictions, data.positives) != 1) & answerable(data.positives)
    missed &= data.predictions[:, 0] >= 0  # a query whose image is broken was asked nothing

    def order(query: int) -> tuple[Any, ...]:
        return (-float(data.scores[query, 0]), query)

    return _one_per_place(np.flatnonzero(missed), data, order)[:count]


def months_between(first: str, second: str) -> int | None:
    """Months between two dates like "2016-07", whichever is earlier; None where one of them is no such date."""
    counts = [_month_count(first), _month_count(second)]
    if counts[0] is None or counts[1] is None:
        return None
    return abs(counts[0] - counts[1])


def _month_count(date: str) -> int | None:
    year, _, month = date.partition("-")
    month = month[:2]
    return int(year) * 12 + int(month) if year.isdecimal() and month.isdecimal() else None


def _one_per_place(queries: Iterable[np.int64], data: ReportData, order: Callable[[int], tuple[Any, ...]]) -> list[int]:
    chosen: dict[object, int] = {}
    for query in sorted((int(query) for query in queries), key=order):
        # Where places are unknown, every query counts as a place of its own.
        chosen.setdefault(data.queries.place_ids[query] or query, query)
    return list(chosen.values())


def correct_example(data: ReportData, query: int) -> int | None:
    """The database index that a missed query should have found: its best ranked, else its nearest, correct image."""
    correct = data.positives[query]
    if len(correct) == 0:
        return None
    ranked = data.predictions[query][np.isin(data.predictions[query], correct)]
    if len(ranked):
        return int(ranked[0])
    metres = distance_m(data.database.latlon[correct], data.queries.latlon[query])
    return int(correct[np.argmin(np.nan_to_num(metres, nan=np.inf))])
