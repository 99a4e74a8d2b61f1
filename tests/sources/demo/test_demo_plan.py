"""The plan of the default data set: counts, distances and times, without rendering anything."""

import itertools
import math
import re
from collections import Counter
from typing import Any

import pytest

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.sources.demo import QUERIES_FROM_YEAR, TEST_CITY, TRAINING_CITIES, VALIDATION_CITY
from gsv_pipeline.sources.demo.cities import TRAINING
from gsv_pipeline.sources.demo.plan import City, Place, Shot, Sizes, benchmark_places, plan_cities, plan_city


@pytest.fixture(scope="module")
def cities() -> dict[str, City]:
    return {city.name: city for city in plan_cities(Sizes(), seed=1)}


def metres(one: tuple[float, float], two: tuple[float, float]) -> float:
    """Great-circle distance by the haversine formula."""
    lat1, lon1, lat2, lon2 = map(math.radians, (*one, *two))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * 6_371_008.8 * math.asin(math.sqrt(half))


def spot(shot: Shot) -> tuple[float, float]:
    return shot.lat, shot.lon


def split(place: Place) -> tuple[list[Shot], list[Shot]]:
    """Database and queries of a place of a benchmark city."""
    early = [shot for shot in place.shots if shot.moment.year < QUERIES_FROM_YEAR]
    return early, [shot for shot in place.shots if shot.moment.year >= QUERIES_FROM_YEAR]


def test_training_cities_have_240_places_and_1920_images(cities: dict[str, City]) -> None:
    training = [cities[name] for name in TRAINING_CITIES]
    assert sum(len(city.places) for city in training) == 240
    assert sum(city.num_images for city in training) == 1920
    assert {len(place.shots) for city in training for place in city.places} == {8}


@pytest.mark.parametrize(("name", "queries"), [(VALIDATION_CITY, 150), (TEST_CITY, 250)])
def test_a_benchmark_city_has_its_queries_distractors_and_database(
    cities: dict[str, City], name: str, queries: int
) -> None:
    sides = [split(place) for place in cities[name].places]
    assert sum(len(late) for _, late in sides) == queries
    assert len(sides) >= 100
    assert sum(len(early) for early, _ in sides) >= 300
    assert any(not late for _, late in sides)
    assert all(len(early) >= 2 for early, _ in sides)


def test_a_year_lies_between_database_and_queries(cities: dict[str, City]) -> None:
    for name in (VALIDATION_CITY, TEST_CITY):
        years = [shot.moment.year for place in cities[name].places for shot in place.shots]
        assert QUERIES_FROM_YEAR - 1 not in years
        assert min(years) >= 2008
        assert max(years) <= 2023


def test_images_of_a_place_are_near_each_other_and_far_from_all_others(cities: dict[str, City]) -> None:
    for city in cities.values():
        for place in city.places:
            distances = [metres(spot(one), spot(two)) for one, two in itertools.combinations(place.shots, 2)]
            assert max(distances, default=0.0) < 10
        for one, two in itertools.combinations(city.places, 2):
            assert metres(spot(one.shots[0]), spot(two.shots[0])) > 100


def test_neighbours_on_a_street_share_it(cities: dict[str, City]) -> None:
    streets = Counter(place.street for place in cities[TEST_CITY].places)
    assert max(streets.values()) >= 4
    by_street = {
        street: {place.bearing for place in cities[TEST_CITY].places if place.street == street} for street in streets
    }
    assert all(len(bearings) == 1 for bearings in by_street.values())


def test_names_have_the_published_form_and_are_unique(cities: dict[str, City]) -> None:
    form = re.compile(r"[A-Za-z]+_\d{7}_\d{4}_\d{2}_\d{3}_-?\d+\.\d+_-?\d+\.\d+_[\w-]{22}\.JPG")
    names = [shot.file_name(city.name) for city in cities.values() for place in city.places for shot in place.shots]
    assert all(form.fullmatch(name) for name in names)
    assert len(set(names)) == len(names)
    assert all(0 <= shot.northdeg < 360 for city in cities.values() for place in city.places for shot in place.shots)


def test_the_bearing_is_that_of_street_and_camera(cities: dict[str, City]) -> None:
    place = cities[TEST_CITY].places[3]
    for shot in place.shots:
        assert abs((shot.northdeg - place.bearing - shot.pose.yaw + 180) % 360 - 180) <= 0.5


def test_the_same_seed_plans_the_same_city_and_another_seed_another(cities: dict[str, City]) -> None:
    counts = [(3, 1)] * 5
    assert plan_city(TEST_CITY, counts, seed=1) == plan_city(TEST_CITY, counts, seed=1)
    assert plan_city(TEST_CITY, counts, seed=1) != plan_city(TEST_CITY, counts, seed=2)


@pytest.mark.parametrize("queries", [1, 2, 7, 50])
def test_small_benchmarks_keep_their_number_of_queries(queries: int) -> None:
    places = benchmark_places(queries, per_place=2.5)
    assert sum(late for _, late in places) == queries
    assert all(late <= 3 for _, late in places)
    assert any(late == 0 for _, late in places)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"places": 0}, "places is 0, expected a whole number from 1 to 100000"),
        ({"images": "8"}, "images is '8', expected a whole number from 1 to 100000"),
        ({"width": 31}, "width is 31, expected a whole number from 32 to 100000"),
        ({"height": 40.5}, "height is 40.5, expected a whole number from 32 to 100000"),
        ({"test_queries": -3}, "test_queries is -3, expected a whole number from 0 to 100000"),
        ({"cities": 0}, "cities is 0, expected a whole number from 1 to 40"),
        ({"cities": 41}, "cities is 41, expected a whole number from 1 to 40"),
        ({"cities": True}, "cities is True, expected a whole number from 1 to 40"),
    ],
)
def test_a_size_out_of_range_is_refused_with_its_name(sizes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=f"source 'demo': {words}"):
        Sizes(**sizes)


def test_forty_cities_have_names_of_their_own_and_lie_far_apart_in_both_hemispheres() -> None:
    found = plan_cities(Sizes(cities=40, places=1, images=1, validation_queries=1, test_queries=1), seed=1)
    assert tuple(city.name for city in found) == (*TRAINING, VALIDATION_CITY, TEST_CITY)
    assert TRAINING[:3] == TRAINING_CITIES
    assert len({city.name.lower() for city in found}) == 42
    assert all(city.name.isascii() and city.name.isalpha() for city in found)
    spots = [spot(city.places[0].shots[0]) for city in found]
    assert min(metres(one, two) for one, two in itertools.combinations(spots, 2)) > 100_000
    assert all(abs(lat) < 60 and abs(lon) < 180 for lat, lon in spots)
    further = spots[3:40]
    assert [lat < 0 for lat, _ in further] == [number % 2 == 0 for number in range(37)]


def test_more_cities_leave_the_first_ones_as_they_were(cities: dict[str, City]) -> None:
    more = {city.name: city for city in plan_cities(Sizes(cities=5), seed=1)}
    assert set(more) - set(cities) == set(TRAINING[3:5])
    assert {name: more[name] for name in cities} == cities


def test_a_benchmark_city_without_queries_is_left_out_and_so_is_a_training_city_beyond_the_number() -> None:
    few = {"places": 2, "images": 1}
    assert [
        city.name for city in plan_cities(Sizes(cities=1, validation_queries=0, test_queries=0, **few), seed=1)
    ] == [TRAINING[0]]
    without = plan_cities(Sizes(cities=2, validation_queries=0, test_queries=3, **few), seed=1)
    assert [city.name for city in without] == [*TRAINING[:2], TEST_CITY]
