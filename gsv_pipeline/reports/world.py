"""What a map of the world is drawn with: the outline of the land, what part of it to show, where names find room.

The outline is Natural Earth's land, 1:110m, version 4.1.0 (naturalearthdata.com, in the public domain), cut at the
180th meridian and rounded to a tenth of a degree.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]

_COASTLINE: Final = Path(__file__).with_name("coastline.json")
_STEPS_PER_DEGREE: Final = 10.0
_SMALLEST_HEIGHT: Final = 14.0  # degrees of latitude; the outline is too coarse for a closer look
_SHAPES: Final = (1.7, 2.4)  # the narrowest and the widest map, width / height
_MARGINS: Final = (1.25, 1.4)  # of the extent from west to east and from south to north, names included
_GAP: Final = 3.0  # points between a dot and its name
_RINGS: Final = (0.0, 9.0, 20.0, 34.0)  # points by which a name may stand off when there is no room beside its dot
_OUTSIDE: Final = 1e3  # how much worse a point outside the map is than a point over another name


@dataclass(frozen=True, slots=True)
class View:
    """The part of the world that a map shows, in degrees, and its width / height."""

    west: float
    east: float
    south: float
    north: float
    shape: float


def land() -> list[Float]:
    """The outline of the land: closed rings [N, 2] of longitude and latitude; lakes run the other way round."""
    rings = json.loads(_COASTLINE.read_text(encoding="utf-8"))["rings"]
    return [np.cumsum(np.reshape(ring, (-1, 2)), axis=0) / _STEPS_PER_DEGREE for ring in rings]


def view_of(lonlat: Float) -> View:
    """The part of the world around `lonlat` [N, 2] (degrees, finite, at least one), with a margin for names.

    A degree of longitude is drawn as wide as it is at the middle latitude, so that a continent keeps its shape.
    """
    low, high = lonlat.min(axis=0), lonlat.max(axis=0)
    squeeze = float(np.cos(np.radians(min(abs(low[1] + high[1]) / 2, 60.0))))
    width, height = _MARGINS[0] * (high[0] - low[0]), max(_MARGINS[1] * (high[1] - low[1]), _SMALLEST_HEIGHT)
    shape = float(np.clip(width * squeeze / height, *_SHAPES))
    width, height = max(width, shape * height / squeeze), max(height, width * squeeze / shape)
    west, east = _span((low[0] + high[0]) / 2, width, 180.0)
    south, north = _span((low[1] + high[1]) / 2, height, 90.0)
    return View(west, east, south, north, (east - west) * squeeze / (north - south))


def _span(middle: float, length: float, bound: float) -> tuple[float, float]:
    """`length` around `middle`, moved and at last shortened to stay within -`bound` and `bound`."""
    length = min(length, 2 * bound)
    start = float(np.clip(middle - length / 2, -bound, bound - length))
    return start, start + length


def place_names(dots: Float, radii: Float, *, sizes: Float, within: tuple[float, float]) -> Float:
    """Lower left corners for the names of dots, so that names cover neither each other nor a dot, as far as possible.

    Each name in turn takes the nearest free spot around its dot; the first have the choice, so put the largest first.

    Args:
        dots: [N, 2] centres in points.
        radii: [N] points.
        sizes: [N, 2] width and height of the names in points.
        within: Width and height of the map in points.

    Returns:
        [N, 2] points.
    """
    taken = np.concatenate([dots - radii[:, None], dots + radii[:, None]], axis=1)  # [N, 4] left, bottom, right, top
    corners = np.empty_like(dots)
    for number, (dot, radius, size) in enumerate(zip(dots, radii, sizes, strict=True)):
        spots = _spots(dot, float(radius), size)  # [S, 2]
        boxes = np.concatenate([spots, spots + size], axis=1)  # [S, 4]
        outside = np.maximum(-boxes[:, :2], 0).sum(axis=1) + np.maximum(boxes[:, 2:] - within, 0).sum(axis=1)
        costs = _overlaps(boxes, taken).sum(axis=1) + _OUTSIDE * outside
        best = int(costs.argmin())  # the first of equals: the nearest
        corners[number] = spots[best]
        taken = np.concatenate([taken, boxes[best : best + 1]])
    return corners


def _spots(dot: Float, radius: float, size: Float) -> Float:
    """[S, 2] lower left corners around a dot: right, left, above, below, then the corners; nearest first."""
    sides = np.array([(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)], dtype=np.float64)
    spots = []
    for off in _RINGS:
        reach = radius + _GAP + off
        diagonal = np.abs(sides).sum(axis=1, keepdims=True) > 1
        centre = dot + sides * np.where(diagonal, reach * np.sqrt(0.5), reach) + sides * size / 2
        spots.append(centre - size / 2)
    return np.concatenate(spots)


def _overlaps(boxes: Float, others: Float) -> Float:
    """[S, T] areas that each of `boxes` [S, 4] shares with each of `others` [T, 4]."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return np.asarray(np.maximum(high - low, 0.0).prod(axis=2), dtype=np.float64)
