"""Metres and bearings on the ground."""

from typing import Final

import numpy as np
import numpy.typing as npt

EARTH_RADIUS_M: Final = 6_371_008.8  # mean radius, IUGG

Float = npt.NDArray[np.float64]


def distance_m(first: Float, second: Float) -> Float:
    """Great-circle distance by the haversine formula.

    Args:
        first: [..., 2] latitude and longitude in degrees.
        second: [..., 2], broadcast against `first`.

    Returns:
        Metres, in the broadcast shape without the last axis.
    """
    lat1, lon1 = np.radians(first[..., 0]), np.radians(first[..., 1])
    lat2, lon2 = np.radians(second[..., 0]), np.radians(second[..., 1])
    half = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    return np.asarray(2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0))), dtype=np.float64)


def normalise_bearing(degrees: Float) -> Float:
    """Degrees clockwise from north in [0, 360); published headings may exceed 360."""
    turned = np.mod(degrees, 360.0)
    # A tiny negative angle is rounded up to 360 itself.
    return np.where(turned == 360.0, 0.0, turned)


def bearing_difference(first: Float, second: Float) -> Float:
    """The angle between two bearings in degrees, in [0, 180]."""
    return np.abs((first - second + 180.0) % 360.0 - 180.0)
