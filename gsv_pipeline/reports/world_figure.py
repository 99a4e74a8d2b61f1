"""A dot for each city on a map of the world, drawn into a figure of `places_figures.py`, without network or tiles."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.textpath import TextPath

from gsv_pipeline.reports import geometry, world
from gsv_pipeline.reports.figures import ACCENT, FAINT, LAND, MUTED

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
Cities = Sequence[str] | npt.NDArray[np.str_]

_LARGEST_DOT: Final = 9.0  # points of radius, for the city with the most places
_SMALLEST_DOT: Final = 2.4
_MAX_NAMES: Final = 40  # more cities than this are dots without a name
_NAME_POINTS: Final = 10.5  # font size of names on a map
_LINE_HEIGHT: Final = 1.15 * _NAME_POINTS
_NEAR: Final = 7.0  # points; a name within this of its dot needs no line to it
_POINTS_PER_INCH: Final = 72.0


@dataclass(frozen=True, slots=True)
class CityDots:
    """Cities from the one with the most places down: name, middle in degrees, places, radius in points."""

    names: Sequence[str]
    lat: Float
    lon: Float
    places: Int
    radii: Float


def city_dots(latlon: Float, cities: Cities) -> CityDots:
    """A dot in the middle of each city's places; rows of `latlon` [P, 2] that are not finite are left out."""
    located = geometry.located(latlon)
    latlon = latlon[located]
    names, city_of, counts = np.unique(np.asarray(cities, dtype=str)[located], return_inverse=True, return_counts=True)
    middles = np.array([np.median(latlon[city_of == number], axis=0) for number in range(len(names))])
    order = np.argsort(-counts, kind="stable")
    return CityDots(
        names[order].tolist(), middles[order, 0], middles[order, 1], counts[order], _radius(counts[order], counts.max())
    )


def _radius(places: Int | int, most: int) -> Float:
    """Points; the area of a dot is in proportion to its places."""
    return np.asarray(np.maximum(_LARGEST_DOT * np.sqrt(np.asarray(places) / most), _SMALLEST_DOT))


def draw_world(dots: CityDots, view: world.View, figure: Figure) -> None:
    """Fill the figure, which must have the shape of the view, with land, dots, their names and a key of sizes."""
    figure.set_layout_engine("none")  # the map fills the figure, so that positions in points are known
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.set(xlim=(view.west, view.east), ylim=(view.south, view.north))
    _draw_land(axes)
    axes.scatter(dots.lon, dots.lat, s=(2 * dots.radii) ** 2, color=ACCENT, alpha=0.75, linewidths=0, zorder=3)
    page = figure.get_size_inches() * _POINTS_PER_INCH
    start, extent = np.array([view.west, view.south]), np.array([view.east - view.west, view.north - view.south])
    _draw_names(dots, (np.stack([dots.lon, dots.lat], axis=1) - start) / extent * page, page, axes)
    _draw_key(int(dots.places.max()), page, axes)


def _draw_land(axes: Axes) -> None:
    outline = Outline.make_compound_path(*(Outline(ring, closed=True) for ring in world.land()))
    axes.add_patch(PathPatch(outline, facecolor=LAND, edgecolor=FAINT, linewidth=0.5, zorder=1))


def _draw_names(dots: CityDots, positions: Float, page: Float, axes: Axes) -> None:
    """Names beside their dots; a thin line leads to a name that had to stand off. `positions` [N, 2] in points."""
    names = dots.names[:_MAX_NAMES]
    sizes = np.array([(_text_width(name), _LINE_HEIGHT) for name in names])
    positions, radii = positions[: len(names)], dots.radii[: len(names)]
    corners = world.place_names(positions, radii, sizes=sizes, within=(page[0], page[1]))
    for name, dot, radius, corner, size in zip(names, positions, radii, corners, sizes, strict=True):
        middle, nearest = corner + size / 2, np.clip(dot, corner, corner + size)
        # A browser's font may be narrower than the one measured here, so a name holds on to the side of its dot.
        side = "left" if corner[0] > dot[0] else "right" if corner[0] + size[0] < dot[0] else "center"
        anchor = {"left": corner[0], "right": corner[0] + size[0], "center": middle[0]}[side]
        axes.annotate(
            name, (anchor, middle[1]), xycoords="axes points", ha=side, va="center", fontsize=_NAME_POINTS, zorder=5
        )
        if np.hypot(*(nearest - dot)) > radius + _NEAR:
            axes.annotate(
                "", nearest, xycoords="axes points", xytext=dot, textcoords="axes points", zorder=4,
                arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.8, "shrinkA": radius, "shrinkB": 1},
            )  # fmt: skip


def _text_width(text: str) -> float:
    """Points."""
    return float(TextPath((0, 0), text, size=_NAME_POINTS).get_extents().width)


def _draw_key(most: int, page: Float, axes: Axes) -> None:
    """What two sizes of dots stand for, in the lower left corner."""
    left = 12.0
    for places in sorted({max(int(geometry.round_length(most / 10)), 1), int(geometry.round_length(most))}):
        radius, text = float(_radius(places, most)), f"{places:,} {'place' if places == 1 else 'places'}"
        axes.scatter(
            (left + radius) / page[0], 16.0 / page[1], s=(2 * radius) ** 2, color=MUTED, alpha=0.75, linewidths=0,
            transform=axes.transAxes, zorder=3,
        )  # fmt: skip
        left += 2 * radius + 4
        axes.annotate(text, (left, 16.0), xycoords="axes points", va="center", color=MUTED, zorder=5)
        left += _text_width(text) + 14
