"""Whether two reports say the same."""

from pathlib import Path

import numpy as np
import pytest

from gsv_pipeline.evaluation.agreement import DIFFERENT, EQUAL, WITHIN, agreement
from gsv_pipeline.evaluation.outcomes import Outcomes, save_outcomes
from gsv_pipeline.evaluation.score import Score, save_score

PLACES = 60


def report(folder: Path, ranks: list[int], *, queries: int = PLACES, with_outcomes: bool = True) -> Path:
    folder.mkdir()
    array = np.array(ranks, dtype=np.int64)
    recalls = {k: float((array < k).mean()) for k in range(1, 26)}
    intervals = {k: (max(0.0, value - 0.1), min(1.0, value + 0.1)) for k, value in recalls.items()}
    save_score(folder, Score("demo", recalls, intervals), {})
    if with_outcomes:
        names = [f"q{number}" for number in range(queries)]
        save_outcomes(folder, Outcomes(names, names, array, np.ones(len(array), dtype=np.float32)))
    return folder


def test_the_same_ranks_are_equal(tmp_path: Path) -> None:
    ranks = [number % 7 for number in range(PLACES)]
    found = agreement(report(tmp_path / "a", ranks), report(tmp_path / "b", ranks))
    assert (found.verdict, found.moved) == (EQUAL, 0)
    assert [row.k for row in found.rows] == [1, 5, 10, 20]


def test_a_query_that_moved_is_no_longer_equal_though_no_recall_changed(tmp_path: Path) -> None:
    before = report(tmp_path / "a", [0] * 59 + [12])
    found = agreement(before, report(tmp_path / "b", [0] * 59 + [13]))
    assert {row.verdict for row in found.rows} == {EQUAL}
    assert (found.verdict, found.moved) == (WITHIN, 1)


@pytest.mark.parametrize(("lost", "verdict"), [(2, WITHIN), (30, DIFFERENT)])
def test_a_few_queries_are_chance_and_half_of_them_are_not(lost: int, verdict: str, tmp_path: Path) -> None:
    before = report(tmp_path / "a", [0] * PLACES)
    found = agreement(before, report(tmp_path / "b", [25] * lost + [0] * (PLACES - lost)))
    assert (found.verdict, found.moved) == (verdict, lost)
    assert found.rows[0].now - found.rows[0].before == pytest.approx(-lost / PLACES)


def test_other_queries_are_another_benchmark(tmp_path: Path) -> None:
    before = report(tmp_path / "a", [0] * PLACES)
    found = agreement(before, report(tmp_path / "b", [0] * 40, queries=40))
    assert found.verdict == DIFFERENT
    assert found.reason == "60 queries then and 40 others now"


def test_without_outcomes_the_recalls_are_held_against_their_interval(tmp_path: Path) -> None:
    before = report(tmp_path / "a", [0] * 30 + [25] * 30, with_outcomes=False)
    for name, hits, verdict in (("b", 30, EQUAL), ("c", 33, WITHIN), ("d", 45, DIFFERENT)):
        found = agreement(before, report(tmp_path / name, [0] * hits + [25] * (60 - hits)))
        assert (found.verdict, found.moved) == (verdict, None)
        assert "not kept" in found.reason
