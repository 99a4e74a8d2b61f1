"""Positives from coordinates against every distance, at the limit, and where longitude wraps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_pipeline.benchmarks.ground_truth import (
    exact_pairs,
    positives_by_label,
    positives_in_window,
    positives_within,
)
from gsv_pipeline.benchmarks.rows import POSITIVE_RADIUS_M
from gsv_pipeline.errors import DataError
from gsv_pipeline.geo import EARTH_RADIUS_M, distance_m

DEGREE_M = np.radians(1) * EARTH_RADIUS_M
METRES = st.tuples(st.floats(-80, 80), st.floats(-80, 80))


def brute_force(queries, database, radius):
    return [[row for row, image in enumerate(database) if distance_m(query, image) <= radius] for query in queries]


def lists(positives):
    return [rows.tolist() for rows in positives]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(METRES, min_size=1, max_size=6),
    st.lists(METRES, max_size=15),
    st.sampled_from([(0.0, 0.0), (51.0, 3.7), (-33.9, 151.2), (65.0, 180.0), (-16.5, -180.0), (89.999, 10.0)]),
)
def test_positives_are_those_of_every_distance(queries, database, origin):
    def place(metres):
        north, east = metres
        lat = min(origin[0] + north / DEGREE_M, 90.0)
        lon = origin[1] + east / DEGREE_M / np.cos(np.radians(origin[0]))
        return lat, (lon + 180) % 360 - 180

    near = np.array([place(item) for item in queries])
    images = np.array([place(item) for item in database]).reshape(-1, 2)
    assert lists(positives_within(near, images)) == brute_force(near, images, POSITIVE_RADIUS_M)


def test_the_radius_is_included():
    database = np.array([[0.0, 0.0]])
    queries = np.array([[0.0002, 0.0], [0.0, 0.0003]])
    apart = [float(distance_m(query, database[0])) for query in queries]
    assert lists(positives_within(queries, database, apart[0])) == [[0], []]
    assert lists(positives_within(queries, database, apart[1])) == [[0], [0]]
    assert lists(positives_within(queries, database, np.nextafter(apart[0], 0))) == [[], []]


def test_the_convention_is_25_metres():
    database = np.array([[51.0, 3.7]])
    queries = database + np.array([[24.9 / DEGREE_M, 0], [25.1 / DEGREE_M, 0]])
    assert lists(positives_within(queries, database)) == [[0], []]


def test_positives_are_found_over_the_antimeridian_and_over_the_pole():
    database = np.array([[0.0, -179.9999], [89.9999, 170.0], [45.0, 0.0]])
    queries = np.array([[0.0, 179.9999], [89.9999, -10.0]])
    assert lists(positives_within(queries, database)) == [[0], [1]]


def test_positives_are_sorted_whatever_the_order_of_the_database():
    database = np.array([[51.0 + n * 1e-6, 3.7] for n in (5, 3, 9, 1)])
    found = positives_within(database[:1], database)[0]
    assert found.tolist() == [0, 1, 2, 3]
    assert found.dtype == np.int64


def test_an_empty_database_has_no_positives():
    assert lists(positives_within(np.zeros((2, 2)), np.empty((0, 2)))) == [[], []]


def test_no_query_is_no_list():
    assert positives_within(np.empty((0, 2)), np.zeros((3, 2))) == []


def test_a_large_radius_reaches_round_the_globe():
    database = np.array([[0.0, 0.0], [0.0, 180.0], [-90.0, 0.0]])
    assert lists(positives_within(database, database, np.pi * EARTH_RADIUS_M + 1)) == [[0, 1, 2]] * 3
    assert lists(positives_within(database, database, 1.0)) == [[0], [1], [2]]


@pytest.mark.parametrize("radius", [0.0, 10.0, 200.0])
def test_other_radii(radius):
    grid = np.stack(np.meshgrid(np.arange(10), np.arange(10)), axis=-1).reshape(-1, 2) * 1e-4
    assert lists(positives_within(grid[::7], grid, radius)) == brute_force(grid[::7], grid, radius)


def test_metres_where_degrees_are_expected_are_refused():
    metres, degrees = np.array([[4_180_000.0, 500_000.0], [51.0, 3.7]]), np.array([[51.0, 3.7]])
    for queries, database, side in ((metres, degrees, "queries"), (degrees, metres, "database")):
        with pytest.raises(
            DataError, match=rf"^{side}: 1 of 2 coordinates cannot be degrees, the first are 4.18e\+06 and 500000: they"
        ):
            positives_within(queries, database)


def test_an_unknown_position_is_near_nothing():
    places = np.array([[51.0, 3.7], [np.nan, np.nan]])
    assert lists(positives_within(places, places)) == [[0], []]


@given(
    st.lists(st.integers(-30, 30), max_size=12),
    st.lists(st.integers(-30, 30), max_size=20),
    st.integers(0, 10),
)
def test_a_window_holds_the_frames_that_are_at_most_so_far_away(queries, database, window):
    found = positives_in_window(np.array(queries, dtype=np.int64), np.array(database, dtype=np.int64), window)
    slow = [[row for row, frame in enumerate(database) if abs(frame - query) <= window] for query in queries]
    assert lists(found) == slow


def test_exact_pairs_are_the_identity_of_two_equal_sides():
    assert lists(exact_pairs(3, 3)) == [[0], [1], [2]]
    with pytest.raises(DataError, match="Found 3 queries and 2 database images"):
        exact_pairs(3, 2)


def test_labels_are_places():
    found = positives_by_label(["b", "a", "c"], ["a", "b", "a"])
    assert lists(found) == [[1], [0, 2], []]
    assert all(rows.dtype == np.int64 for rows in found)
