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


def unit_vectors(latlon: Float) -> Float:
    """Positions as points on the unit sphere, where neither the date line nor the poles are special.

    Args:
        latlon: [..., 2] latitude and longitude in degrees.

    Returns:
        [..., 3]: x towards 0° N 0° E, y towards 0° N 90° E, z towards the north pole.
    """
    lat, lon = np.radians(latlon[..., 0]), np.radians(latlon[..., 1])
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def positions(vectors: Float) -> Float:
    """Where vectors from the centre of the earth point to: the inverse of `unit_vectors`, for any length.

    Args:
        vectors: [..., 3].

    Returns:
        [..., 2] latitude and longitude in degrees, the longitude in [-180, 180].
    """
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    degrees: Float = np.degrees(np.stack([np.arctan2(z, np.hypot(x, y)), np.arctan2(y, x)], axis=-1))
    return degrees


def normalise_bearing(degrees: Float) -> Float:
    """Degrees clockwise from north in [0, 360); published headings may exceed 360."""
    turned = np.mod(degrees, 360.0)
    # A tiny negative angle is rounded up to 360 itself.
    return np.where(turned == 360.0, 0.0, turned)


def bearing_difference(first: Float, second: Float) -> Float:
    """The angle between two bearings in degrees, in [0, 180]."""
    return np.abs((first - second + 180.0) % 360.0 - 180.0)
