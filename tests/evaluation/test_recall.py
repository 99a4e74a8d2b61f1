"""Recall@K against a slow loop, and what it promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_pipeline.evaluation.recall import KS, first_hits, recall_at_k


def slow_recall(predictions, positives, k):
    hits = 0
    for ranked, correct in zip(predictions, positives, strict=True):
        for row in ranked[:k]:
            if row in correct:
                hits += 1
                break
    return hits / len(predictions)


def arrays(lists):
    return [np.array(rows, dtype=np.int64) for rows in lists]


@st.composite
def retrievals(draw):
    """Predictions [Q, depth] of distinct rows and positives, some of them empty, some never retrieved."""
    size = draw(st.integers(1, 12))
    depth = draw(st.integers(1, size))
    num_queries = draw(st.integers(1, 6))
    predictions = [draw(st.permutations(range(size)))[:depth] for _ in range(num_queries)]
    positives = [sorted(draw(st.sets(st.integers(0, size + 3), max_size=4))) for _ in range(num_queries)]
    return np.array(predictions, dtype=np.int64), arrays(positives)


@settings(max_examples=150, deadline=None)
@given(retrievals(), st.lists(st.integers(1, 30), min_size=1, max_size=5))
def test_recall_equals_a_slow_loop(retrieved, ks):
    predictions, positives = retrieved
    found = recall_at_k(predictions, positives, ks)
    assert found == {k: pytest.approx(slow_recall(predictions, positives, k), abs=1e-12) for k in ks}


@settings(max_examples=50, deadline=None)
@given(retrievals())
def test_recall_lies_in_0_to_1_and_does_not_fall_with_k(retrieved):
    found = list(recall_at_k(*retrieved, range(1, 31)).values())
    assert all(0 <= value <= 1 for value in found)
    assert found == sorted(found)


@settings(max_examples=50, deadline=None)
@given(retrievals(), st.randoms(use_true_random=False))
def test_recall_does_not_depend_on_the_order_of_queries_or_positives(retrieved, random):
    predictions, positives = retrieved
    order = list(range(len(positives)))
    random.shuffle(order)
    mixed = [np.array(random.sample(positives[row].tolist(), len(positives[row])), dtype=np.int64) for row in order]
    assert recall_at_k(predictions[order], mixed) == recall_at_k(predictions, positives)


def test_numbers_that_can_be_checked_by_eye():
    predictions = np.array([[3, 1, 2], [0, 2, 1], [2, 0, 3], [1, 3, 0]])
    positives = arrays([[3], [1, 9], [], [2]])
    assert first_hits(predictions, positives).tolist() == [0, 2, 3, 3]
    assert recall_at_k(predictions, positives, (1, 2, 3)) == {1: 0.25, 2: 0.25, 3: 0.5}


def test_queries_without_positives_count_as_misses():
    predictions = np.array([[0, 1], [0, 1]])
    assert recall_at_k(predictions, arrays([[0], []]), (1, 2)) == {1: 0.5, 2: 0.5}
    assert recall_at_k(predictions, arrays([[], []]), (1, 2)) == {1: 0.0, 2: 0.0}


def test_a_k_beyond_the_depth_is_the_recall_of_the_depth():
    predictions = np.array([[0, 1], [0, 1]])
    assert recall_at_k(predictions, arrays([[1], [7]]), (2, 3, 25)) == {2: 0.5, 3: 0.5, 25: 0.5}


def test_places_that_a_search_left_empty_are_no_hits():
    predictions = np.array([[2, -1, -1], [-1, -1, -1], [-1, -1, 0]])
    # Row -1 of query 1 must not be taken for the last row of query 0.
    assert first_hits(predictions, arrays([[2], [2], [0]])).tolist() == [0, 3, 2]


def test_a_positive_named_twice_counts_once():
    assert recall_at_k(np.array([[1, 0]]), arrays([[0, 0]]), (1, 2)) == {1: 0.0, 2: 1.0}


def test_the_stated_ks():
    assert KS == (1, 5, 10, 20)
    assert list(recall_at_k(np.array([[0]]), arrays([[0]]))) == list(KS)
