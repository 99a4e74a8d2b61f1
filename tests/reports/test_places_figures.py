import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from gsv_pipeline.geo import distance_m
from gsv_pipeline.reports import places_figures as drawn
from gsv_pipeline.reports import world
from gsv_pipeline.reports.figures import ImageFormat
from gsv_pipeline.sources import GSV_CITIES

MIDDLES = {
    "Bangkok": (13.76, 100.50), "Barcelona": (41.39, 2.17), "Boston": (42.36, -71.06), "Brussels": (50.85, 4.35),
    "BuenosAires": (-34.60, -58.38), "Chicago": (41.88, -87.63), "Lisbon": (38.72, -9.14), "London": (51.51, -0.13),
    "LosAngeles": (34.05, -118.24), "Madrid": (40.42, -3.70), "Medellin": (6.25, -75.57), "Melbourne": (-37.81, 144.96),
    "MexicoCity": (19.43, -99.13), "Miami": (25.76, -80.19), "Minneapolis": (44.98, -93.27), "OSL": (59.91, 10.75),
    "Osaka": (34.69, 135.50), "PRG": (50.08, 14.44), "PRS": (48.86, 2.35), "Phoenix": (33.45, -112.07),
    "Rome": (41.90, 12.50), "TRT": (43.65, -79.38), "WashingtonDC": (38.91, -77.04),
}  # fmt: skip
RNG = np.random.default_rng(0)


def places_of(cities: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    names = np.repeat(list(cities), list(cities.values()))
    middles = np.array([MIDDLES[name] for name in names])
    return middles + RNG.normal(0, 0.03, middles.shape), names


LATLON, CITIES = places_of({name: 40 + 10 * number for number, name in enumerate(GSV_CITIES)})
COUNTS, YEARS = RNG.integers(4, 21, 300), RNG.integers(2007, 2022, 900)
MONTHS = RNG.integers(1, 13, 900)
FIGURES: dict[str, Callable[[ImageFormat], bytes]] = {
    "per place": lambda f: drawn.images_per_place_histogram(COUNTS, image_format=f),
    "per year": lambda f: drawn.images_per_year(YEARS, image_format=f),
    "per month": lambda f: drawn.images_per_month(MONTHS, image_format=f),
    "all three": lambda f: drawn.histograms(COUNTS, YEARS, months=MONTHS, image_format=f),
    "world": lambda f: drawn.places_map(LATLON, CITIES, image_format=f),
    "local": lambda f: drawn.places_map(LATLON[CITIES == "PRS"], CITIES[CITIES == "PRS"], image_format=f),
    "city": lambda f: drawn.city_map(LATLON[CITIES == "PRS"], image_format=f),
}


def texts_of(svg: bytes) -> list[str]:
    return ["".join(node.itertext()) for node in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_of_places_is_well_formed_svg_for_both_papers_and_the_same_bytes_every_time(name: str) -> None:
    svg = FIGURES[name]("svg")

    assert ET.fromstring(svg).tag.endswith("svg")
    assert len(svg) < 200_000
    assert b"prefers-color-scheme: dark" in svg
    assert FIGURES[name]("svg") == svg


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_of_places_is_also_a_png_small_enough_for_metadata(name: str) -> None:
    png = FIGURES[name]("png")

    with Image.open(BytesIO(png)) as image:
        assert image.format == "PNG"
        assert image.width > 600
    assert len(png) < 220_000  # a third more as base64


def test_unknown_years_and_months_are_left_out_and_counted() -> None:
    years = drawn.images_per_year(np.array([0, 0, 2015, 2016]))
    months = drawn.images_per_month(np.array([0, 7]))

    assert any("2 images of unknown year left out" in text for text in texts_of(years))
    assert any("1 image of unknown month left out" in text for text in texts_of(months))
    assert not any("left out" in text for text in texts_of(drawn.images_per_year(np.array([2015]))))
    ticks = [int(text) for text in texts_of(years) if re.fullmatch(r"\d{4}", text)]
    assert min(ticks) >= 2014  # the axis does not reach back to the year 0


@pytest.mark.parametrize("known", [np.array([], dtype=np.int64), np.zeros(3, dtype=np.int64)])
def test_nothing_known_is_an_empty_figure(known: np.ndarray) -> None:
    assert drawn.images_per_year(known).endswith(b"</svg>\n")
    assert drawn.images_per_month(known).endswith(b"</svg>\n")
    assert drawn.images_per_place_histogram(known[:0]).endswith(b"</svg>\n")


def test_a_histogram_of_places_names_the_median_and_stays_readable_over_a_long_range() -> None:
    svg = drawn.images_per_place_histogram(np.array([4, 4, 6, 500]))

    assert "median 5" in texts_of(svg)
    assert svg.count(b'id="patch_') < 60  # bars and frame; not one for each of 500


def test_the_map_of_the_world_names_every_city_once_and_says_what_dots_mean() -> None:
    texts = texts_of(FIGURES["world"]("svg"))

    assert sorted(text for text in texts if text in MIDDLES) == sorted(MIDDLES)
    assert {"20 places", "200 places"} <= set(texts)


def test_the_map_near_by_is_in_metres_with_a_scale() -> None:
    texts = texts_of(FIGURES["local"]("svg"))

    assert "metres east of the centre" in texts
    assert any(re.fullmatch(r"\d+ k?m", text) for text in texts)


def test_places_are_near_each_other_within_sixty_kilometres() -> None:
    here = np.array([[48.0, 2.0]])

    assert drawn.is_local(np.concatenate([here, here + np.array([0.5, 0.0])]))  # 56 km
    assert not drawn.is_local(np.concatenate([here, here + np.array([0.6, 0.0])]))  # 67 km
    assert drawn.is_local(np.concatenate([here, [[np.nan, 2.0]]]))


def test_places_without_coordinates_do_not_move_the_map() -> None:
    lost = np.concatenate([LATLON, np.full((3, 2), np.nan)])

    assert drawn.places_map(lost, [*CITIES, "a", "b", "c"]) == drawn.places_map(LATLON, list(CITIES))


def test_sixty_thousand_places_make_a_small_map() -> None:
    many = np.array([48.86, 2.35]) + RNG.normal(0, 0.03, (60_000, 2))

    assert len(drawn.places_map(many, ["PRS"] * 60_000)) < 700_000


def test_the_land_is_closed_rings_in_which_cities_lie_and_oceans_do_not() -> None:
    rings = world.land()

    assert all(np.array_equal(ring[0], ring[-1]) for ring in rings)
    extent = np.abs(np.concatenate(rings)).max(axis=0)
    assert extent.tolist() == [180.0, 90.0]
    inland = {name: latlon for name, latlon in MIDDLES.items() if name in {"Madrid", "PRG", "Phoenix", "MexicoCity"}}
    assert [crossings(rings, *latlon) % 2 for latlon in inland.values()] == [1] * 4
    oceans = [(0.0, -150.0), (-30.0, 80.0), (45.0, -40.0), (42.0, 51.0)]  # the last is the Caspian Sea, a hole
    assert [crossings(rings, *latlon) % 2 for latlon in oceans] == [0] * 4


def crossings(rings: list[np.ndarray], lat: float, lon: float) -> int:
    """How often a line from the point to the east crosses the coast: an odd number on land."""
    count = 0
    for ring in rings:
        (x0, y0), (x1, y1) = ring[:-1].T, ring[1:].T
        across = (y0 > lat) != (y1 > lat)
        at = x0[across] + (lat - y0[across]) * (x1 - x0)[across] / (y1 - y0)[across]
        count += int((at > lon).sum())
    return count


@pytest.mark.parametrize(
    "cities", [list(MIDDLES), ["PRS", "London"], ["Melbourne", "Osaka"], ["OSL"], ["LosAngeles", "Osaka"]]
)
def test_a_view_shows_all_cities_inside_the_world_and_is_a_landscape(cities: list[str]) -> None:
    lonlat = np.array([MIDDLES[city][::-1] for city in cities])

    view = world.view_of(lonlat)

    assert (lonlat > [view.west, view.south]).all()
    assert (lonlat < [view.east, view.north]).all()
    assert -180 <= view.west < view.east <= 180
    assert -90 <= view.south < view.north <= 90
    assert 1.5 < view.shape < 2.8
    middle = (view.south + view.north) / 2
    if abs(middle) < 60:  # a square on the ground is a square on the map
        corner = np.array([middle, view.west])
        width = distance_m(corner, np.array([middle, view.west + 0.01])) / 0.01 * (view.east - view.west)
        height = distance_m(corner, np.array([middle + 0.01, view.west])) / 0.01 * (view.north - view.south)
        assert width / height == pytest.approx(view.shape, rel=0.15)


def test_names_of_the_real_cities_cover_neither_each_other_nor_a_dot() -> None:
    page = (792.0, 330.0)
    lonlat = np.array([MIDDLES[name][::-1] for name in MIDDLES])
    view = world.view_of(lonlat)
    dots = (lonlat - [view.west, view.south]) / [view.east - view.west, view.north - view.south] * page
    sizes = np.array([(6.3 * len(name), 12.0) for name in MIDDLES])
    radii = np.full(len(dots), 4.0)

    low = world.place_names(dots, radii, sizes=sizes, within=page)

    high = low + sizes
    for i in range(len(dots)):
        assert (low[i] >= 0).all()
        assert (high[i] <= page).all()
        for j in range(len(dots)):
            apart = (low[i] >= high[j] - 1e-9).any() or (low[j] >= high[i] - 1e-9).any()
            assert i == j or apart, (i, j)
            clear = np.clip(dots[j], low[i], high[i]) - dots[j]
            assert np.hypot(*clear) >= 4.0 - 1e-9, (i, j)
