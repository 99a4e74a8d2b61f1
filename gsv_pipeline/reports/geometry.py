"""Numbers that figures are laid out with: positions in metres, round lengths, smoothed curves, labels kept apart."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gsv_pipeline.geo import EARTH_RADIUS_M

Float = npt.NDArray[np.float64]


def located(latlon: Float) -> npt.NDArray[np.bool_]:
    """[N] True for the rows of `latlon` [N, 2] that are finite."""
    return np.asarray(np.isfinite(latlon).all(axis=1), dtype=np.bool_)


def centre_of(latlon: Float) -> Float:
    """[2] degrees, the middle of the box around the finite rows of `latlon` [N, 2]."""
    finite = latlon[located(latlon)]
    return np.asarray((finite.min(axis=0) + finite.max(axis=0)) / 2, dtype=np.float64)


def metres_from(latlon: Float, centre: Float) -> Float:
    """Degrees -> metres east and north of `centre`, on a plane that touches the earth there.

    Args:
        latlon: [N, 2] degrees.
        centre: [2] degrees.

    Returns:
        [M, 2] metres; rows that are not finite are left out.
    """
    offsets = np.radians(latlon[located(latlon)] - centre)
    east = offsets[:, 1] * np.cos(np.radians(centre[0]))
    return np.stack([east, offsets[:, 0]], axis=1) * EARTH_RADIUS_M


def view_limits(metres: Float, *, shape: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Limits of a map that shows all points with a margin, wider below for a scale.

    Args:
        metres: [N, 2], at least one point.
        shape: Width / height of the map.

    Returns:
        (west, east) and (south, north) in metres, `shape` times as wide as high.
    """
    low, high = metres.min(axis=0), metres.max(axis=0)
    extent = max(high[0] - low[0], shape * (high[1] - low[1]), 10.0)  # one lonely point still has 10 m around it
    width, height = 1.12 * extent, 1.22 * extent / shape
    width, height = max(width, shape * height), max(height, width / shape)
    middle = (low + high) / 2 - np.array([0.0, 0.04 * height])
    west, south = middle - np.array([width, height]) / 2
    return (float(west), float(west + width)), (float(south), float(south + height))


def round_length(metres: float) -> float:
    """The largest of 1, 2 or 5 times a power of ten that is not longer than `metres`."""
    power = float(10 ** np.floor(np.log10(metres)))
    return max(factor * power for factor in (1, 2, 5) if factor * power <= metres)


def length_text(metres: float) -> str:
    """`50 m`, `2 km`."""
    return f"{metres:g} m" if metres < 1_000 else f"{metres / 1_000:g} km"


def smooth(values: Float) -> Float:
    """A centred running mean over a tenth of the curve, shorter at both ends. [N] -> [N]."""
    if len(values) == 0:
        return values
    width = min(max(1, len(values) // 20), (len(values) - 1) // 2)
    kernel = np.ones(2 * width + 1)
    return np.convolve(values, kernel, "same") / np.convolve(np.ones_like(values), kernel, "same")


def spread(values: Sequence[float], *, gap: float, top: float) -> list[float]:
    """Positions near `values`, in the same order, at least `gap` apart and not above `top`: labels never overlap."""
    order = np.argsort(values, kind="stable")
    placed = np.asarray(values, dtype=np.float64)[order]
    for i in range(1, len(placed)):
        placed[i] = max(placed[i], placed[i - 1] + gap)
    ceiling = top
    for i in reversed(range(len(placed))):
        placed[i] = min(placed[i], ceiling)
        ceiling = placed[i] - gap
    in_order = np.empty_like(placed)
    in_order[order] = placed
    return [float(value) for value in in_order]
