"""A pinhole camera in a street's own metres: projection, near-plane clipping, homographies of planes."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float, float]
"""Metres in the frame of a place: x to the right of the street's axis, y up, z along the street."""

Pixel = tuple[float, float]

NEAR_M: Final = 0.4
"""Nothing closer to the camera than this is drawn."""


class Camera:
    """A pinhole camera without roll.

    Args:
        position: Metres in the frame of the place.
        yaw: Degrees to the right of the street's axis.
        pitch: Degrees upwards.
        field_of_view: Horizontal, degrees.
        width, height: Pixels of the image.
        mirrored: Sees the world upside down in the ground plane y = 0, as a wet road shows it.
    """

    def __init__(
        self,
        position: Point,
        *,
        yaw: float,
        pitch: float,
        field_of_view: float,
        width: int,
        height: int,
        mirrored: bool = False,
    ) -> None:
        self.position = position
        self.width, self.height = width, height
        self.yaw, self.pitch, self.field_of_view = math.radians(yaw), math.radians(pitch), field_of_view
        self.focal = width / 2 / math.tan(math.radians(field_of_view) / 2)
        self.matrix = self._projection(mirrored=mirrored)
        self._rows = tuple(tuple(float(value) for value in row) for row in self.matrix)

    def _projection(self, *, mirrored: bool) -> NDArray[np.float64]:
        sin_yaw, cos_yaw = math.sin(self.yaw), math.cos(self.yaw)
        sin_pitch, cos_pitch = math.sin(self.pitch), math.cos(self.pitch)
        right = np.array([cos_yaw, 0.0, -sin_yaw])
        forward = np.array([sin_yaw * cos_pitch, sin_pitch, cos_yaw * cos_pitch])
        up = np.array([-sin_yaw * sin_pitch, cos_pitch, -cos_yaw * sin_pitch])
        rows = np.stack(
            [self.focal * right + self.width / 2 * forward, -self.focal * up + self.height / 2 * forward, forward]
        )
        flip = np.array([1.0, -1.0 if mirrored else 1.0, 1.0])
        offset = -rows @ np.array(self.position)
        return np.concatenate([rows * flip, offset[:, None]], axis=1)  # [3, 4]

    @property
    def horizon(self) -> float:
        """Row of the horizon, in pixels from the top."""
        return self.height / 2 + self.focal * math.tan(self.pitch)

    def depth(self, point: Point) -> float:
        """Metres in front of the camera."""
        row = self._rows[2]
        return row[0] * point[0] + row[1] * point[1] + row[2] * point[2] + row[3]

    def project(self, points: list[Point]) -> list[Pixel]:
        """The polygon's outline on the image, cut at the near plane; empty if all of it is behind the camera."""
        (a, b, c, d), (e, f, g, h), (i, j, k, m) = self._rows
        seen = [(a * x + b * y + c * z + d, e * x + f * y + g * z + h, i * x + j * y + k * z + m) for x, y, z in points]
        if min(point[2] for point in seen) < NEAR_M:
            seen = _clip_near(seen)
        return [(u / w, v / w) for u, v, w in seen]

    def touches(self, outline: list[Pixel]) -> bool:
        """Whether the outline's bounding box and the image overlap."""
        if len(outline) < 3:
            return False
        columns, rows = [pixel[0] for pixel in outline], [pixel[1] for pixel in outline]
        return max(columns) > 0 and min(columns) < self.width and max(rows) > 0 and min(rows) < self.height


def _clip_near(seen: list[Point]) -> list[Point]:
    kept: list[Point] = []
    previous = seen[-1]
    for current in seen:
        if (previous[2] < NEAR_M) != (current[2] < NEAR_M):
            share = (NEAR_M - previous[2]) / (current[2] - previous[2])
            kept.append(
                (
                    previous[0] + share * (current[0] - previous[0]),
                    previous[1] + share * (current[1] - previous[1]),
                    NEAR_M,
                )
            )
        if current[2] >= NEAR_M:
            kept.append(current)
        previous = current
    return kept


@dataclass(frozen=True, slots=True)
class Plane:
    """A rectangle in space that carries a texture, seen from its front.

    Args:
        origin: Lower left corner.
        across: Unit vector from left to right.
        upwards: Unit vector from bottom to top.
        width, height: Metres.
    """

    origin: Point
    across: Point
    upwards: Point
    width: float
    height: float

    def point(self, right: float, up: float) -> Point:
        """The point that lies `right` and `up` metres from the lower left corner."""
        (x, y, z), (ax, ay, az), (ux, uy, uz) = self.origin, self.across, self.upwards
        return x + right * ax + up * ux, y + right * ay + up * uy, z + right * az + up * uz

    def corners(self) -> list[Point]:
        """The four corners, counter-clockwise from the lower left."""
        return [
            self.point(0, 0),
            self.point(self.width, 0),
            self.point(self.width, self.height),
            self.point(0, self.height),
        ]


def texture_coefficients(
    camera: Camera, plane: Plane, *, texture_size: tuple[int, int], corner: tuple[int, int]
) -> tuple[float, ...]:
    """The eight numbers with which Pillow's PERSPECTIVE transform paints `plane` into a cut-out of the image.

    Args:
        camera: Who looks.
        plane: Where the texture hangs.
        texture_size: Width and height of the texture in pixels.
        corner: Column and row of the cut-out's upper left pixel.
    """
    columns = [np.array([*plane.across, 0.0]), np.array([*plane.upwards, 0.0]), np.array([*plane.origin, 1.0])]
    to_image = camera.matrix @ np.stack(columns, axis=1)  # metres on the plane -> image
    horizontal, vertical = texture_size[0] / plane.width, texture_size[1] / plane.height
    to_texture = np.array([[horizontal, 0.0, 0.0], [0.0, -vertical, texture_size[1]], [0.0, 0.0, 1.0]])
    shift = np.array([[1.0, 0.0, corner[0]], [0.0, 1.0, corner[1]], [0.0, 0.0, 1.0]])
    whole = to_texture @ np.linalg.inv(to_image) @ shift
    last = whole[2, 2] if abs(whole[2, 2]) > 1e-12 else 1e-12
    return tuple((whole / last).ravel()[:8].tolist())
