"""The interval of a difference between two sets of runs that answer the same queries."""

import numpy as np

from tests.perf.quality import difference_interval

PLACES = [f"place {row // 2}" for row in range(200)]


def runs(share: float, *, seed: int) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [generator.random(len(PLACES)) < share for _ in range(3)]


def test_equal_runs_differ_by_nothing() -> None:
    hits = [np.ones(len(PLACES), dtype=bool)] * 3
    assert difference_interval(hits, hits, PLACES) == (0.0, 0.0)


def test_runs_of_equal_worth_are_the_same_within_the_interval_and_others_are_not() -> None:
    low, high = difference_interval(runs(0.7, seed=1), runs(0.7, seed=2), PLACES)
    assert low < 0 < high
    assert high - low < 0.2
    low, high = difference_interval(runs(0.9, seed=1), runs(0.6, seed=2), PLACES)
    assert 0.15 < low < 0.3 < high < 0.45


def test_the_same_runs_give_the_same_interval_and_the_other_way_round_its_mirror() -> None:
    one, other = runs(0.8, seed=3), runs(0.6, seed=4)
    assert difference_interval(one, other, PLACES) == difference_interval(one, other, PLACES)
    low, high = difference_interval(one, other, PLACES)
    mirrored = difference_interval(other, one, PLACES)
    np.testing.assert_allclose(mirrored, (-high, -low), atol=0.02)
