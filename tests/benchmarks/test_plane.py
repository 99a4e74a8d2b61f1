"""Positives among UTM coordinates against every distance, at the limit, and where degrees were meant."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_pipeline.benchmarks.plane import _blocks, positives_in_plane
from gsv_pipeline.errors import DataError

CENTIMETRES = st.integers(-8000, 8000)
POINTS = st.lists(st.tuples(CENTIMETRES, CENTIMETRES), max_size=25)


def brute_force(queries, database, radius=25.0):
    """What a search by radius is: squares of distances in float64 against the square of the radius."""
    return [
        [row for row, image in enumerate(database) if ((query - image) ** 2).sum() <= radius * radius]
        for query in queries
    ]


def lists(positives):
    return [rows.tolist() for rows in positives]


def metres(points, origin):
    return np.array([(origin[0] + east / 100, origin[1] + north / 100) for east, north in points]).reshape(-1, 2)


@settings(max_examples=150, deadline=None)
@given(
    POINTS,
    POINTS,
    st.sampled_from([(0.0, 0.0), (585_000.0, 4_476_000.0), (-500.0, 9_999_990.0)]),
    st.sampled_from([25.0, 7.5, 0.0, 300.0]),
)
def test_positives_are_those_of_every_distance(queries, database, origin, radius):
    near, images = metres(queries, origin), metres(database, origin)
    assert lists(positives_in_plane(near, images, radius)) == brute_force(near, images, radius)


def test_the_radius_is_included():
    database = np.array([[500_000.0, 4_180_000.0]])
    queries = database + np.array([[25.0, 0.0], [15.0, 20.0], [0.0, -25.01], [-25.0, 0.0], [18.0, 18.0]])
    assert lists(positives_in_plane(queries, database)) == [[0], [0], [], [0], []]


def test_crops_of_one_panorama_are_all_correct_whichever_way_they_look():
    database = np.repeat(np.array([[100.0, 200.0], [300.0, 200.0]]), 24, axis=0)
    found = positives_in_plane(np.array([[110.0, 200.0], [320.0, 200.0]]), database)
    assert lists(found) == [list(range(24)), list(range(24, 48))]


def test_a_city_far_away_costs_nothing_and_finds_nothing():
    database = np.array([[345_000.0, 6_170_000.0], [545_000.0, 4_170_000.0]])
    assert lists(positives_in_plane(database[::-1], database)) == [[1], [0]]


def test_many_candidates_are_measured_block_by_block(monkeypatch):
    generator = np.random.default_rng(0)
    database, queries = (np.round(generator.uniform(0, 120, (count, 2)), 2) for count in (300, 50))
    monkeypatch.setattr("gsv_pipeline.benchmarks.plane._PAIRS_AT_ONCE", 500)
    assert len(_blocks(np.full(50, 200))) > 5
    assert lists(positives_in_plane(queries, database)) == brute_force(queries, database)


@pytest.mark.parametrize(("queries", "database"), [(0, 3), (3, 0), (0, 0)])
def test_an_empty_side_has_no_positives(queries, database):
    assert lists(positives_in_plane(np.zeros((queries, 2)), np.zeros((database, 2)))) == [[]] * queries


@pytest.mark.parametrize("turn", [1, -1], ids=["longitude first", "latitude first"])
def test_degrees_where_metres_are_expected_are_refused(turn):
    degrees = np.array([[-79.98721, 40.44062], [-79.98702, 40.44091]])[:, ::turn]
    with pytest.raises(DataError, match="look like degrees, the first are .*Metres were expected"):
        positives_in_plane(degrees, degrees)


def test_small_numbers_with_two_decimals_are_metres():
    # SPED and Nordland come with made-up coordinates near the origin.
    frames = np.stack([np.zeros(8), np.round(2.38 * np.arange(8), 1)], axis=1)
    assert lists(positives_in_plane(frames, frames, 3.0)) == [
        [row for row in (at - 1, at, at + 1) if 0 <= row < 8] for at in range(8)
    ]


def test_coordinates_that_are_missing_are_counted():
    with pytest.raises(DataError, match="^queries: 1 of 2 coordinates are missing, the first in row 0. Expected"):
        positives_in_plane(np.array([[1.0, np.nan], [1.0, 2.0]]), np.zeros((1, 2)))
