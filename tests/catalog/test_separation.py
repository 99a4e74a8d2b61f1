"""Close pairs against all pairs, where grids and maps have their corners too."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_pipeline.catalog import separation
from gsv_pipeline.catalog.separation import close_pairs
from gsv_pipeline.geo import distance_m
from tests.published import METRES_TO_DEGREES

MIDDLES = [
    (0.0, 0.0),
    (51.5, -0.12),
    (-33.9, 151.2),
    (10.0, 180.0),
    (-60.0, -180.0),
    (90.0, 0.0),
    (-90.0, 0.0),
    (89.999, 77.0),
]


def around(middle, metres):
    """Places north and east of `middle`, over the pole and the date line where it lies at them."""
    north, east = np.array(metres, dtype=np.float64).reshape(-1, 2).T * METRES_TO_DEGREES
    if abs(middle[0]) == 90:
        longitude = np.degrees(np.arctan2(north, east))
        return np.stack([np.sign(middle[0]) * (90 - np.hypot(north, east)), longitude], axis=1)
    lat = np.clip(middle[0] + north, -90, 90)
    lon = middle[1] + east / np.cos(np.radians(middle[0]))
    return np.stack([lat, (lon + 180) % 360 - 180], axis=1)


def all_pairs(latlon, metres):
    first, second = np.triu_indices(len(latlon), 1)
    distance = distance_m(latlon[first], latlon[second])
    close = distance < metres
    return sorted(zip(distance[close], first[close], second[close], strict=True))


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(MIDDLES),
    st.lists(st.tuples(st.floats(-300, 300), st.floats(-300, 300)), max_size=25),
    st.sampled_from([0.5, 25.0, 100.0, 250.0]),
)
def test_close_pairs_are_those_of_all_pairs_nearest_first(middle, metres, reach):
    latlon = around(middle, metres)
    pairs = close_pairs(latlon, metres=reach)
    assert list(zip(pairs.distance, pairs.first, pairs.second, strict=True)) == all_pairs(latlon, reach)
    assert (pairs.count, pairs.complete) == (len(pairs.first), True)


def test_a_dense_town_of_places_is_compared_as_by_all_pairs():
    latlon = around((48.86, 2.35), np.random.default_rng(0).uniform(0, 3000, (1500, 2)))
    pairs = close_pairs(latlon, limit=10_000)
    expected = all_pairs(latlon, 100.0)
    assert len(expected) > 1000
    assert list(zip(pairs.distance, pairs.first, pairs.second, strict=True)) == expected


@pytest.mark.parametrize(("metres", "count"), [(99.99, 1), (100.01, 0)])
def test_places_100_m_apart_are_as_published(metres, count):
    assert close_pairs(around((45.0, 9.0), [(0, 0), (metres, 0)])).count == count


def test_places_on_either_side_of_the_date_line_are_close():
    pairs = close_pairs(np.array([[0.0, 179.9999], [0.0, -179.9999]]))
    assert pairs.distance == pytest.approx([22.24], abs=0.01)


def test_places_without_coordinates_are_left_out():
    latlon = np.array([[np.nan, 0.0], [1.0, 1.0], [np.inf, 1.0], [1.0, 1.0], [1.0, np.nan]])
    pairs = close_pairs(latlon)
    assert (pairs.first.tolist(), pairs.second.tolist(), pairs.count) == ([1], [3], 1)
    assert close_pairs(np.zeros((0, 2))).count == 0
    assert close_pairs(latlon[:1]).count == 0


def test_of_many_pairs_the_nearest_are_told_and_all_are_counted():
    latlon = around((51.5, 0.0), np.random.default_rng(1).uniform(0, 60, (300, 2)))
    expected = all_pairs(latlon, 100.0)
    pairs = close_pairs(latlon, limit=7)
    assert list(zip(pairs.distance, pairs.first, pairs.second, strict=True)) == expected[:7]
    assert (pairs.count, pairs.complete) == (len(expected), True)


def test_blocks_do_not_change_what_is_found(monkeypatch):
    latlon = around((51.5, 0.0), np.random.default_rng(2).uniform(0, 400, (120, 2)))
    whole = close_pairs(latlon, limit=20)
    monkeypatch.setattr(separation, "_BLOCK", 97)
    parts = close_pairs(latlon, limit=20)
    assert parts.count == whole.count > 500
    assert np.array_equal(parts.first, whole.first)
    assert np.array_equal(parts.distance, whole.distance)


def test_a_thousand_places_at_one_point_are_counted():
    pairs = close_pairs(np.zeros((1000, 2)), limit=3)
    assert (pairs.count, pairs.complete, len(pairs.first)) == (1000 * 999 // 2, True, 3)


def test_more_places_at_one_point_than_can_be_compared_are_a_lower_bound(monkeypatch):
    monkeypatch.setattr(separation, "_MOST_COMPARISONS", 10_000)
    pairs = close_pairs(np.zeros((1000, 2)))
    assert (pairs.count, pairs.complete) == (10_000, False)
