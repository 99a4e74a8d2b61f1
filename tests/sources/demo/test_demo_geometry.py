"""Projection and homographies against slow oracles."""

import math

import numpy as np
import pytest

from gsv_pipeline.sources.demo.buildings import front_plane
from gsv_pipeline.sources.demo.geometry import NEAR_M, Camera, Plane, texture_coefficients


def make_camera(*, yaw: float = 0.0, pitch: float = 0.0, position=(0.0, 2.4, 0.0), mirrored: bool = False) -> Camera:
    return Camera(position, yaw=yaw, pitch=pitch, field_of_view=78.0, width=480, height=360, mirrored=mirrored)


def project_slowly(camera: Camera, point: tuple[float, float, float]) -> tuple[float, float]:
    """Turn the world by -yaw about the upright axis, then by -pitch about the camera's own right; divide by depth."""
    x, y, z = np.subtract(point, camera.position)
    x, z = x * math.cos(camera.yaw) - z * math.sin(camera.yaw), x * math.sin(camera.yaw) + z * math.cos(camera.yaw)
    y, z = (
        y * math.cos(camera.pitch) - z * math.sin(camera.pitch),
        y * math.sin(camera.pitch) + z * math.cos(camera.pitch),
    )
    return 240 + camera.focal * x / z, 180 - camera.focal * y / z


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (20, 3), (-27, -2)])
def test_a_point_lands_where_turning_the_world_puts_it(yaw: float, pitch: float) -> None:
    camera = make_camera(yaw=yaw, pitch=pitch, position=(0.7, 2.3, -1.5))
    for point in [(-6.0, 0.0, 12.0), (5.0, 9.0, 30.0), (0.0, 2.4, 100.0)]:
        (found,) = camera.project([point])
        assert found == pytest.approx(project_slowly(camera, point))


def test_a_point_on_the_axis_lands_in_the_middle_and_right_is_right() -> None:
    camera = make_camera()
    middle, right, above = camera.project([(0, 2.4, 10), (1, 2.4, 10), (0, 3.4, 10)])
    assert middle == pytest.approx((240, 180))
    assert right[0] > 240
    assert above[1] < 180


def test_far_points_at_eye_height_lie_on_the_horizon() -> None:
    camera = make_camera(pitch=3.0)
    ((_, row),) = camera.project([(0.0, 2.4, 1e6)])
    assert row == pytest.approx(camera.horizon, abs=0.01)


def test_a_polygon_behind_the_camera_vanishes_and_one_that_reaches_behind_is_cut() -> None:
    camera = make_camera()
    assert camera.project([(0, 0, -5), (1, 0, -5), (1, 1, -5)]) == []
    cut = camera.project([(-3, 0, -5), (-3, 0, 20), (-3, 6, 20), (-3, 6, -5)])
    assert len(cut) == 4
    nearest = min(column for column, _ in cut)
    assert nearest == pytest.approx(240 - camera.focal * 3 / NEAR_M)


def test_the_mirrored_camera_sees_a_point_where_its_reflection_is() -> None:
    straight, mirrored = make_camera(yaw=10, pitch=2), make_camera(yaw=10, pitch=2, mirrored=True)
    assert mirrored.project([(2.0, 3.0, 15.0)])[0] == pytest.approx(straight.project([(2.0, -3.0, 15.0)])[0])


def test_the_texture_of_a_plane_follows_its_corners() -> None:
    camera = make_camera(yaw=-15, pitch=2)
    plane = Plane((-6.0, 0.0, 8.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0), 10.0, 9.0)
    a, b, c, d, e, f, g, h = texture_coefficients(camera, plane, texture_size=(320, 288), corner=(7, 11))
    expected = [(0, 288), (320, 288), (320, 0), (0, 0)]
    for (column, row), wanted in zip(camera.project(plane.corners()), expected, strict=True):
        x, y = column - 7, row - 11
        scale = g * x + h * y + 1
        assert ((a * x + b * y + c) / scale, (d * x + e * y + f) / scale) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("side", [-1, 1])
def test_text_on_a_front_reads_from_left_to_right_on_both_sides_of_the_street(side: int) -> None:
    plane = front_plane(side, side * 7.0, 10.0, 20.0, 9.0)
    camera = make_camera(yaw=side * 25)
    (left, _), (right, _) = camera.project([plane.point(0, 3), plane.point(10, 3)])
    assert left < right
