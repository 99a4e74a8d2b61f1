"""The paired comparison against slow oracles."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_pipeline.evaluation.comparison import compare


def _slow_p_value(gained: list[int]) -> float:
    """Every way to flip the signs, one after the other."""
    reached = abs(sum(gained))
    sums = [abs(sum(sign * value for sign, value in zip(signs, gained, strict=True)))
            for signs in product((1, -1), repeat=len(gained))]  # fmt: skip
    return sum(value >= reached for value in sums) / len(sums)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 4)), min_size=1, max_size=10))
def test_the_p_value_is_that_of_all_flips(rows: list[tuple[bool, bool, int]]) -> None:
    first, second = (np.array([row[side] for row in rows]) for side in (0, 1))
    places = [str(row[2]) for row in rows]
    gained = [sum(int(a) - int(b) for a, b, place in rows if str(place) == name) for name in sorted(set(places))]
    assert compare(first, second, places).p_value == pytest.approx(_slow_p_value(gained))


def test_a_clear_gain_is_better_and_its_mirror_image_worse() -> None:
    first, second = np.ones(100, dtype=np.bool_), np.arange(100) % 4 > 0
    places = [str(row) for row in range(100)]
    there, back = compare(first, second, places), compare(second, first, places)
    assert (there.difference, there.only_first, there.only_second, there.verdict) == (0.25, 25, 0, "better")
    assert back.verdict == "worse"
    assert back.interval == pytest.approx((-there.interval[1], -there.interval[0]), abs=0.02)
    assert there.p_value == back.p_value == pytest.approx(2.0**-24)


def test_queries_of_one_place_count_as_one_observation() -> None:
    first, second = np.ones(100, dtype=np.bool_), np.zeros(100, dtype=np.bool_)
    together = compare(first, second, ["one place"] * 100)
    assert together.p_value == 1.0  # a single place may have changed sides by chance
    assert together.verdict == "same"
    assert compare(first, second, [str(row) for row in range(100)]).verdict == "better"


def test_two_equal_methods_differ_by_nothing_give_or_take_what_so_few_places_can_say() -> None:
    hits = np.arange(30) % 2 == 0
    same = compare(hits, hits, [str(row) for row in range(30)])
    assert (same.difference, same.p_value, same.verdict) == (0.0, 1.0, "same")
    assert same.interval[1] == pytest.approx(0.1135, abs=1e-3)  # Wilson: 0 of 30
    assert same.interval[0] == -same.interval[1]


def test_the_interval_covers_the_true_difference_in_most_repetitions() -> None:
    generator = np.random.default_rng(5)
    places = [str(row // 2) for row in range(200)]
    covered = 0
    for _ in range(60):
        easy = np.repeat(generator.random(100), 2)
        first = easy < 0.7
        second = np.where(generator.random(200) < 0.2, ~first, first)  # flips a fifth of the answers
        low, high = compare(first, second, places).interval
        covered += low <= 0.7 - (0.7 * 0.8 + 0.3 * 0.2) <= high
    assert covered >= 51  # 95 % of 60 is 57; fewer than 51 happens once in some thousand runs
