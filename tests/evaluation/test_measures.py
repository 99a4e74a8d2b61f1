"""Breakdown, localisation and precision against numbers that can be checked by eye, and slow oracles."""

import math

import numpy as np
import pytest

from gsv_pipeline.evaluation.breakdown import recall_by_group
from gsv_pipeline.evaluation.localisation import THRESHOLDS_M, localise, turns
from gsv_pipeline.evaluation.precision import precision_curve


def test_groups_are_scored_alone_and_queries_without_one_are_left_out() -> None:
    ranks = np.array([0, 7, 25, 0, 3])
    groups = recall_by_group(ranks, ["Oslo", "Oslo", "", "Bonn", "Bonn"], list("abcde"))
    assert [(group.name, group.queries) for group in groups] == [("Bonn", 2), ("Oslo", 2)]
    assert groups[0].recall_at == {1: 0.5, 5: 1.0, 10: 1.0}
    assert groups[1].recall_at == {1: 0.5, 5: 0.5, 10: 1.0}
    low, high = groups[0].interval
    assert low < 0.5 < high


def test_numbers_in_names_are_in_order() -> None:
    groups = recall_by_group(np.zeros(3, dtype=np.int64), ["10 years", "9 years", "1 year"], list("abc"))
    assert [group.name for group in groups] == ["1 year", "9 years", "10 years"]


def test_recall_over_distance_counts_the_border_and_leaves_out_unknown_positions() -> None:
    found = localise(np.array([5.0, 25.0, 25.01, np.nan, 400.0]))
    at = dict(zip(found.thresholds_m, found.recall, strict=True))
    assert (at[5.0], at[25.0], at[30.0], at[100.0]) == (0.25, 0.5, 0.75, 0.75)
    assert found.queries == 4
    assert found.median_m == pytest.approx(25.005)
    assert found.recall_same_view is None
    assert list(found.recall) == sorted(found.recall)


def test_a_near_answer_that_looks_the_other_way_does_not_show_the_same_view() -> None:
    turned = turns(np.array([350.0, 10.0, 90.0]), np.array([20.0, 190.0, np.nan]))
    assert turned[:2].tolist() == [30.0, 180.0]
    found = localise(np.array([3.0, 3.0, 3.0]), turned, thresholds_m=(25.0,))
    assert found.recall == [1.0]
    assert found.recall_same_view == [pytest.approx(1 / 3)]


def test_without_any_position_nothing_is_claimed() -> None:
    found = localise(np.full(3, np.nan))
    assert found.queries == 0
    assert math.isnan(found.median_m)
    assert all(math.isnan(value) for value in found.recall)
    assert len(found.recall) == len(THRESHOLDS_M)


def test_precision_and_recall_at_every_confidence() -> None:
    similarities = np.array([0.9, 0.8, 0.7, 0.6], dtype=np.float32)
    correct, answerable = np.array([True, True, False, True]), np.array([True, True, False, True])
    curve = precision_curve(similarities, correct, answerable)
    assert curve.precision.tolist() == [1.0, 1.0, 2 / 3, 0.75]
    assert curve.recall.tolist() == [1 / 3, 2 / 3, 2 / 3, 1.0]
    assert curve.sure == (pytest.approx(0.8), pytest.approx(2 / 3))
    assert curve.average_precision == pytest.approx(1 / 3 + 1 / 3 + 0.75 / 3)


def test_equal_similarities_stand_or_fall_together_in_any_order() -> None:
    generator = np.random.default_rng(3)
    similarities = generator.integers(0, 5, 60).astype(np.float32) / 10
    correct = generator.random(60) < 0.5
    one = precision_curve(similarities, correct, np.ones(60, dtype=np.bool_))
    order = generator.permutation(60)
    other = precision_curve(similarities[order], correct[order], np.ones(60, dtype=np.bool_))
    assert np.array_equal(one.precision, other.precision)
    for threshold, precision, recall in zip(one.thresholds, one.precision, one.recall, strict=True):
        given = similarities.astype(np.float64) >= threshold
        assert precision == pytest.approx(correct[given].mean())
        assert recall == pytest.approx(correct[given].sum() / 60)


def test_no_threshold_is_sure_where_the_surest_answer_is_wrong() -> None:
    curve = precision_curve(np.array([0.9, 0.1], dtype=np.float32), np.array([False, True]), np.array([True, True]))
    assert curve.sure is None
