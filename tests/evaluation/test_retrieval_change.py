"""What is retrieved now beside what was retrieved before, in numbers that can be checked by eye."""

import numpy as np
import pytest

from gsv_pipeline.evaluation.retrieval_change import RetrievalChange, compare_retrievals

POSITIVES = [np.array([1]), np.array([7]), np.array([], dtype=np.int64)]
BEFORE = (np.array([[1, 2], [7, 3], [4, 5]]), np.array([[0.9, 0.8], [0.7, 0.6], [0.5, 0.4]], np.float32))


def test_the_same_answers_have_not_changed() -> None:
    assert compare_retrievals(BEFORE, BEFORE, POSITIVES) == RetrievalChange(3, 0, 0, 0.0, 0.0)


def test_other_answers_are_counted_and_similarities_measured() -> None:
    now = (np.array([[1, 2], [3, 7], [4, 6]]), BEFORE[1] + np.float32([[0, 0], [0.02, 0], [0, -0.05]]))

    found = compare_retrievals(BEFORE, now, POSITIVES)

    assert found is not None
    assert (found.queries, found.other_first, found.other_lists) == (3, 1, 2)
    assert found.similarity_change == pytest.approx(0.05, abs=1e-6)
    assert found.recall_change == pytest.approx(-1 / 3)


def test_what_has_another_shape_cannot_be_compared() -> None:
    assert compare_retrievals(BEFORE, (BEFORE[0][:2], BEFORE[1][:2]), POSITIVES) is None


def test_a_similarity_that_is_missing_on_both_sides_is_no_change() -> None:
    holes = (BEFORE[0], np.array([[0.9, -np.inf], [0.7, 0.6], [0.5, 0.4]], np.float32))

    with np.errstate(invalid="ignore"):
        found = compare_retrievals(holes, holes, POSITIVES)

    assert found is not None
    assert found.similarity_change == 0
