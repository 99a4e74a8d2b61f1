from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from gsv_pipeline.reports.data import ReportData
from gsv_pipeline.reports.retrievals import (
    correct_example,
    first_correct_ranks,
    months_between,
    pick_hits,
    pick_misses,
)

Make = Callable[..., ReportData]


def test_first_correct_ranks_equal_a_plain_search_from_the_left() -> None:
    rng = np.random.default_rng(0)
    predictions = np.array([rng.permutation(30)[:10] for _ in range(50)])
    positives = [rng.permutation(30)[: rng.integers(0, 5)] for _ in range(50)]
    expected = [
        next((rank for rank, found in enumerate(row, start=1) if found in set(correct.tolist())), 0)
        for row, correct in zip(predictions.tolist(), positives, strict=True)
    ]
    assert first_correct_ranks(predictions, positives).tolist() == expected


def test_hits_and_misses_never_mix(make_report: Make) -> None:
    data = make_report(missed=(1, 4))
    assert sorted(pick_hits(data, 10)) == [0, 2, 3, 5]
    assert sorted(pick_misses(data, 10)) == [1, 4]


def test_misses_begin_with_the_most_confident_wrong_match(make_report: Make) -> None:
    data = make_report(missed=(0, 1, 2))
    scores = data.scores.copy()
    scores[:3, 0] = [0.5, 0.9, 0.7]
    assert pick_misses(replace(data, scores=scores), 2) == [1, 2]


def test_hits_begin_with_the_longest_time_between_photographs_then_with_the_more_similar(make_report: Make) -> None:
    data = make_report(missed=())
    dates = ["2018-01", "2020-02", "2018-03", "2018-04", "no date", "2018-06"]  # the database: 2010-01, 2010-02, ...
    data = replace(data, queries=replace(data.queries, dates=dates))
    assert pick_hits(data, 6) == [1, 0, 2, 3, 5, 4]


def test_a_place_is_shown_once_by_its_first_query(make_report: Make) -> None:
    data = make_report(missed=(0, 1, 2))
    data = replace(data, queries=replace(data.queries, place_ids=["same", "same", "other", "", "", ""]))
    assert pick_misses(data, 6) == [0, 2]
    assert pick_hits(data, 6) == [3, 4, 5]


def test_a_query_that_cannot_be_answered_is_no_miss_worth_showing(make_report: Make) -> None:
    data = make_report(missed=(1, 4))
    positives = [
        correct if query != 1 else np.array([], dtype=np.int64) for query, correct in enumerate(data.positives)
    ]
    data = replace(data, positives=positives)
    assert pick_misses(data, 6) == [4]
    assert correct_example(data, 1) is None


def test_the_answer_is_the_best_ranked_correct_image_else_the_nearest(make_report: Make) -> None:
    data = make_report(missed=(0,))
    assert correct_example(data, 0) == data.predictions[0, 1]
    never = replace(data, predictions=np.full_like(data.predictions, 3), positives=[np.array([9, 6, 1])] * 6)
    assert correct_example(never, 0) == 6  # image 6 stands where query 0 does
    nowhere = replace(never, queries=replace(never.queries, latlon=np.full((6, 2), np.nan)))
    assert correct_example(nowhere, 0) in (9, 6, 1)


@pytest.mark.parametrize(
    ("first", "second", "months"),
    [("2018-03", "2010-01", 98), ("2010-01", "2018-03", 98), ("2018-03-07", "2018-03", 0), ("", "2018-03", None)],
)
def test_months_between_counts_whole_months_either_way(first: str, second: str, months: int | None) -> None:
    assert months_between(first, second) == months
