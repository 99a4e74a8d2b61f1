"""The figures of places as SVG or PNG bytes: histograms of their images, and maps. Style: `figures.py`."""

from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from gsv_pipeline.reports import figures, geometry, world, world_figure
from gsv_pipeline.reports.figures import ACCENT, INK, MUTED, SIZE, ImageFormat, frame_map, render, render_figure

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
LOCAL_M: Final = (
    60_000.0  # places within this are one city, drawn in metres; farther apart they are dots on a continent
)
_PIXELS: Final = "#3f80e0"  # seen on light and on dark paper: a browser cannot change the colour of pixels
_SMALL: Final = (4.2, 3.0)  # inches; a third of a page wide
_WORLD_WIDTH: Final = 11.0  # inches; the width of a page
_WORLD_DPI: Final = 110  # of a PNG, which is larger than the others in inches
_MAX_BARS: Final = 40


def images_per_place_histogram(counts: Int, *, image_format: ImageFormat = "svg") -> bytes:
    """How many places have how many images. `counts`: [P] images of each place."""
    return render(partial(_draw_per_place, counts), _SMALL, image_format)


def images_per_year(years: Int, *, image_format: ImageFormat = "svg") -> bytes:
    """Images by year of capture. `years`: [N], 0 where unknown: those are left out and counted."""
    return render(partial(_draw_years, years), _SMALL, image_format)


def images_per_month(months: Int, *, image_format: ImageFormat = "svg") -> bytes:
    """Images by month of capture. `months`: [N] 1 to 12, 0 where unknown: those are left out and counted."""
    return render(partial(_draw_months, months), _SMALL, image_format)


def histograms(counts: Int, years: Int, *, months: Int, image_format: ImageFormat = "png") -> bytes:
    """The three histograms side by side.

    Args:
        counts: [P] images of each place.
        years: [N], 0 where unknown.
        months: [N], 0 where unknown.
        image_format: "svg" or "png".
    """

    def draw(figure: Figure) -> None:
        left, middle, right = figure.subplots(1, 3)
        _draw_per_place(counts, left)
        _draw_years(years, middle)
        _draw_months(months, right)

    return render_figure(draw, (3 * _SMALL[0], _SMALL[1]), image_format)


def is_local(latlon: Float) -> bool:
    """Whether all finite rows of `latlon` [P, 2] lie within about 60 km, so that metres suit them."""
    metres = geometry.metres_from(latlon, geometry.centre_of(latlon))
    return bool((np.ptp(metres, axis=0) <= LOCAL_M).all())


def places_map(latlon: Float, cities: world_figure.Cities, *, image_format: ImageFormat = "svg") -> bytes:
    """Where the places are: in metres when they are near each other, else a dot per city on a map of the world.

    Args:
        latlon: [P, 2] degrees; rows that are not finite are left out, one at least must be finite.
        cities: P cities.
        image_format: "svg" or "png".
    """
    if is_local(latlon):
        return render(partial(_draw_local, latlon), SIZE, image_format)
    dots = world_figure.city_dots(latlon, cities)
    view = world.view_of(np.stack([dots.lon, dots.lat], axis=1))
    size = (_WORLD_WIDTH, _WORLD_WIDTH / view.shape)
    return render_figure(partial(world_figure.draw_world, dots, view), size, image_format, dpi=_WORLD_DPI)


def city_map(latlon: Float, *, image_format: ImageFormat = "svg") -> bytes:
    """The places of one city, north up, with a scale and no ticks: small enough to stand beside others.

    Args:
        latlon: [P, 2] degrees; rows that are not finite are left out, one at least must be finite.
        image_format: "svg" or "png".
    """
    return render(partial(_draw_city, latlon), _SMALL, image_format)


def _draw_per_place(counts: Int, axes: Axes) -> None:
    _bars(counts, axes)
    axes.set_title("Places", loc="left", fontsize=10.5, color=MUTED)
    axes.set_xlabel("images per place")
    if len(counts):
        median = float(np.median(counts))
        axes.axvline(median, color=INK, linewidth=1.2, linestyle="--")
        axes.set_title(f"median {median:g}", loc="right", fontsize=10.5, color=INK)


def _draw_years(years: Int, axes: Axes) -> None:
    known = years[years > 0]
    _bars(known, axes)
    axes.set_title("Images", loc="left", fontsize=10.5, color=MUTED)
    axes.set_xlabel(f"year of capture{_left_out(len(years) - len(known), 'year')}")


def _draw_months(months: Int, axes: Axes) -> None:
    known = months[(months >= 1) & (months <= len(MONTHS))]
    axes.bar(range(1, 13), np.bincount(known, minlength=13)[1:13], width=0.8, color=ACCENT, linewidth=0)
    axes.set_xticks(range(1, 13), list(MONTHS), fontsize=9)
    _count_axis(axes, largest=int(np.bincount(known, minlength=13).max()))
    axes.set_title("Images", loc="left", fontsize=10.5, color=MUTED)
    axes.set_xlabel(f"month of capture{_left_out(len(months) - len(known), 'month')}")


def _left_out(unknown: int, what: str) -> str:
    return f"\n{unknown:,} {'image' if unknown == 1 else 'images'} of unknown {what} left out" if unknown else ""


def _bars(values: Int, axes: Axes) -> None:
    """A bar for each whole number, or for a few together where there would be too many."""
    if len(values) == 0:
        axes.set_xticks([])
        _count_axis(axes, largest=0)
        return
    first, last = int(values.min()), int(values.max())
    step = -(-(last - first + 1) // _MAX_BARS)
    starts = np.arange(first, last + 1, step)
    counts = np.bincount((values - first) // step, minlength=len(starts))
    axes.bar(starts + (step - 1) / 2, counts, width=0.8 * step, color=ACCENT, linewidth=0)
    axes.set_xlim(first - max(step, 1), last + step)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    _count_axis(axes, largest=int(counts.max()))


def _count_axis(axes: Axes, *, largest: int) -> None:
    axes.grid(visible=False, axis="x")
    axes.tick_params(length=0)
    axes.set_ylim(0, max(1.05 * largest, 1))
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _draw_local(latlon: Float, axes: Axes) -> None:
    metres = geometry.metres_from(latlon, geometry.centre_of(latlon))
    _scatter(metres, axes)
    frame_map(axes, metres)
    axes.figure.legend(loc="outside upper left", fontsize=10, handletextpad=0.2, markerscale=1.4)


def _draw_city(latlon: Float, axes: Axes) -> None:
    metres = geometry.metres_from(latlon, geometry.centre_of(latlon))
    _scatter(metres, axes)
    frame_map(axes, metres, shape=_SMALL[0] / _SMALL[1])
    axes.set(xlabel="", xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.set_title("", loc="left")


def _scatter(metres: Float, axes: Axes) -> None:
    area = float(np.clip(6_000 / len(metres), 3.0, 14.0))
    as_pixels = len(metres) > figures.MANY_POINTS
    axes.scatter(
        metres[:, 0], metres[:, 1], s=area, color=_PIXELS if as_pixels else ACCENT, alpha=0.7, linewidths=0,
        label=f"places ({len(metres):,})", rasterized=as_pixels,
    )  # fmt: skip
