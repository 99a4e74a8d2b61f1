"""Intervals of a recall: they hold the estimate, know clusters, and are honest at both ends."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_pipeline.evaluation.intervals import Z_95, recall_interval, wilson_interval


def clustered(places, per_place, recall, seed=0):
    """Hits in which the queries of a place succeed or fail together."""
    success = np.random.default_rng(seed).permutation(places) < round(recall * places)
    return np.repeat(success, per_place), np.repeat(np.arange(places).astype(str), per_place).tolist()


def width(interval):
    return interval[1] - interval[0]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 8), st.floats(0, 1)), min_size=1, max_size=12), st.integers(0, 99))
def test_an_interval_holds_its_recall_and_lies_in_0_to_1(sizes, seed):
    generator = np.random.default_rng(seed)
    hits = np.concatenate([generator.random(size) < share for size, share in sizes])
    places = [str(number) for number, (size, _) in enumerate(sizes) for _ in range(size)]
    low, high = recall_interval(hits, places)
    assert 0 <= low <= hits.mean() + 1e-12
    assert hits.mean() - 1e-12 <= high <= 1
    assert low < high


def test_the_same_hits_give_the_same_interval_and_the_seed_matters_little():
    hits, places = clustered(60, 3, 0.7)
    assert recall_interval(hits, places) == recall_interval(hits, places)
    assert recall_interval(hits, places) == pytest.approx(recall_interval(hits, places, seed=1), abs=0.03)


def test_queries_that_succeed_together_widen_the_interval():
    hits, places = clustered(40, 10, 0.7)
    alone = recall_interval(hits, [str(query) for query in range(len(hits))])
    together = recall_interval(hits, places)
    # 40 independent successes instead of 400: about sqrt(10) times as wide.
    assert width(together) / width(alone) == pytest.approx(np.sqrt(10), rel=0.2)


def test_independent_queries_have_the_binomial_interval():
    hits, places = clustered(400, 1, 0.6)
    half = Z_95 * np.sqrt(0.6 * 0.4 / 400)
    assert recall_interval(hits, places) == pytest.approx((0.6 - half, 0.6 + half), abs=0.01)


def test_more_places_narrow_the_interval():
    widths = [width(recall_interval(*clustered(places, 2, 0.5))) for places in (20, 80, 320)]
    assert widths == sorted(widths, reverse=True)


def test_all_hits_and_all_misses_have_wilsons_interval_over_places():
    places = [str(query // 5) for query in range(50)]
    assert recall_interval(np.ones(50, dtype=bool), places) == wilson_interval(10, 10)
    assert recall_interval(np.zeros(50, dtype=bool), places) == wilson_interval(0, 10)
    assert wilson_interval(10, 10) == pytest.approx((1 / (1 + Z_95**2 / 10), 1.0))


@pytest.mark.parametrize("trials", [1, 7, 10, 33, 250])
def test_wilsons_interval_reaches_its_ends_exactly_and_is_symmetric(trials):
    assert wilson_interval(trials, trials)[1] == 1.0
    assert wilson_interval(0, trials)[0] == 0.0
    low, high = wilson_interval(0, trials)
    assert wilson_interval(trials, trials) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval_has_the_published_values(successes, trials, low, high):
    """R. G. Newcombe, 1998, table I, method 3."""
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=5e-5)


def test_a_single_place_is_no_certainty():
    low, high = recall_interval(np.array([True, False, True, False]), ["a"] * 4)
    assert (low, high) == pytest.approx(wilson_interval(0.5, 1))
    assert high - low > 0.5


def test_places_that_all_agree_are_no_certainty():
    hits = np.array([True, False] * 10)
    assert recall_interval(hits, [str(query // 2) for query in range(20)]) == pytest.approx(wilson_interval(5, 10))
