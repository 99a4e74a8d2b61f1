import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsv_pipeline.geo import distance_m
from gsv_pipeline.reports.geometry import (
    centre_of,
    length_text,
    metres_from,
    round_length,
    smooth,
    spread,
    view_limits,
)


def test_metres_agree_with_great_circle_distances_over_a_city() -> None:
    centre = np.array([51.05, 3.72])
    latlon = centre + np.random.default_rng(0).uniform(-0.02, 0.02, (50, 2))
    expected = distance_m(latlon, centre)
    np.testing.assert_allclose(np.linalg.norm(metres_from(latlon, centre), axis=1), expected, rtol=1e-3)


def test_east_is_right_and_north_is_up() -> None:
    east, north = metres_from(np.array([[50.0, 4.01], [50.01, 4.0]]), np.array([50.0, 4.0]))
    assert east.tolist() == [pytest.approx(714.8, abs=0.1), pytest.approx(0)]
    assert north.tolist() == [pytest.approx(0), pytest.approx(1112.0, abs=0.1)]


def test_positions_that_are_not_known_are_left_out() -> None:
    latlon = np.array([[50.0, 4.0], [np.nan, 4.0], [52.0, 6.0]])
    assert centre_of(latlon).tolist() == [51.0, 5.0]
    assert len(metres_from(latlon, np.array([51.0, 5.0]))) == 2


@pytest.mark.parametrize("metres", [np.array([[0.0, 0.0]]), np.array([[-900.0, 3.0], [900.0, 5.0]]), np.eye(2) * 4000])
def test_a_view_has_the_shape_asked_for_and_every_point_in_it(metres: np.ndarray) -> None:
    (west, east), (south, north) = view_limits(metres, shape=1.75)
    assert (east - west) / (north - south) == pytest.approx(1.75)
    assert west < metres[:, 0].min() <= metres[:, 0].max() < east
    assert south + 0.06 * (north - south) < metres[:, 1].min()  # the scale stands below all points
    assert metres[:, 1].max() < north


@pytest.mark.parametrize(("metres", "length"), [(9.9, 5), (10, 10), (49, 20), (1234, 1000), (0.3, 0.2)])
def test_a_scale_has_a_round_length_that_fits(metres: float, length: float) -> None:
    assert round_length(metres) == pytest.approx(length)


def test_lengths_are_written_in_the_unit_a_reader_expects() -> None:
    assert [length_text(200.0), length_text(2000.0)] == ["200 m", "2 km"]


@given(st.lists(st.floats(0, 100), max_size=8))
def test_labels_keep_their_order_and_their_distance_and_stay_below_the_top(values: list[float]) -> None:
    placed = spread(values, gap=6.5, top=100)
    order = np.argsort(values, kind="stable")
    ordered = np.array(placed)[order]
    assert np.all(np.diff(ordered) >= 6.5 - 1e-9)
    assert np.all(ordered <= 100)


def test_labels_with_room_stay_where_they_are() -> None:
    assert spread([10.0, 80.0, 40.0], gap=6.5, top=100) == [10.0, 80.0, 40.0]


def test_smoothing_keeps_a_constant_and_the_length() -> None:
    for count in (0, 1, 2, 7, 200):
        np.testing.assert_allclose(smooth(np.full(count, 0.7)), np.full(count, 0.7))
