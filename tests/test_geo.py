"""Distances against vectors on the sphere and known cities; bearings on the circle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_pipeline.geo import (
    EARTH_RADIUS_M,
    bearing_difference,
    distance_m,
    normalise_bearing,
    positions,
    unit_vectors,
)

LATLON = st.tuples(st.floats(-90, 90), st.floats(-180, 180))
DEGREE_M = np.radians(1) * EARTH_RADIUS_M


def on_the_sphere(latlon):
    lat, lon = np.radians(latlon)
    return np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def slow_distance(first, second):
    a, b = on_the_sphere(first), on_the_sphere(second)
    return EARTH_RADIUS_M * np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)


@pytest.mark.parametrize(
    ("first", "second", "metres"),
    [
        ((48.8566, 2.3522), (51.5074, -0.1278), 343_556),  # Paris, London
        ((0.0, 0.0), (0.0, 1.0), 111_195),  # one degree of the equator
        ((60.0, 0.0), (60.0, 0.001), 55.6),  # half as long at 60 degrees north
        ((0.0, 179.9999), (0.0, -179.9999), 22.24),  # over the antimeridian
        ((89.9999, 0.0), (89.9999, 180.0), 22.24),  # over the pole
        ((90.0, 17.0), (90.0, -120.0), 0.0),  # the pole has no longitude
    ],
)
def test_known_distances(first, second, metres):
    assert distance_m(np.array(first), np.array(second)) == pytest.approx(metres, rel=2e-4, abs=1e-6)


def test_antipodes_are_half_a_circumference_apart():
    assert distance_m(np.array([0.0, 0.0]), np.array([0.0, 180.0])) == pytest.approx(np.pi * EARTH_RADIUS_M)


@settings(deadline=None)
@given(LATLON, LATLON)
def test_distance_equals_the_angle_between_vectors(first, second):
    found = distance_m(np.array(first), np.array(second))
    assert found == pytest.approx(slow_distance(first, second), rel=1e-7, abs=0.5)
    assert found == distance_m(np.array(second), np.array(first))


def test_distances_broadcast():
    database = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert distance_m(database[0], database) == pytest.approx([0, DEGREE_M, DEGREE_M])
    assert distance_m(database[:, None], database[None]).shape == (3, 3)


@pytest.mark.parametrize(("published", "bearing"), [(0, 0), (359, 359), (360, 0), (584, 224), (406, 46), (-90, 270)])
def test_published_headings_become_bearings(published, bearing):
    assert normalise_bearing(np.array([float(published)])) == pytest.approx([bearing])


@settings(deadline=None)
@given(st.floats(-1e6, 1e6))
def test_a_bearing_lies_from_0_to_below_360(degrees):
    assert 0 <= normalise_bearing(np.array([degrees]))[0] < 360


@settings(deadline=None)
@given(st.floats(-720, 720), st.floats(-720, 720))
def test_a_difference_of_bearings_is_the_angle_between_directions(first, second):
    a, b = np.radians(first), np.radians(second)
    cosine = np.cos(a) * np.cos(b) + np.sin(a) * np.sin(b)
    found = bearing_difference(np.array(first), np.array(second))
    assert 0 <= found <= 180
    assert np.cos(np.radians(found)) == pytest.approx(cosine, abs=1e-9)


def test_a_difference_of_bearings_goes_the_short_way_round():
    assert bearing_difference(np.array([350.0, 10.0, 180.0]), np.array([10.0, 350.0, 0.0])) == pytest.approx(
        [20, 20, 180]
    )


@settings(deadline=None)
@given(st.lists(LATLON, max_size=5))
def test_unit_vectors_are_those_of_the_plain_formula_and_lead_back(points):
    latlon = np.array(points, dtype=np.float64).reshape(-1, 2)
    vectors = unit_vectors(latlon)
    assert np.allclose(vectors, np.array([on_the_sphere(point) for point in points]).reshape(-1, 3), atol=1e-15)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    assert np.all(distance_m(positions(7 * vectors), latlon) < 1e-6)


def test_the_middle_of_vectors_lies_between_places_at_the_date_line_and_the_pole():
    dateline = np.array([[10.0, 179.0], [10.0, -179.0]])
    assert np.abs(positions(unit_vectors(dateline).sum(axis=0))[1]) == pytest.approx(180)
    pole = np.array([[89.0, 0.0], [89.0, 180.0]])
    assert positions(unit_vectors(pole).sum(axis=0))[0] == pytest.approx(90)
