"""Photographs: every weather and hour, repeatable, and recognisable across them."""

import random
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from gsv_pipeline.sources.demo import TEST_CITY
from gsv_pipeline.sources.demo.plan import Place, plan_city
from gsv_pipeline.sources.demo.render import render_shot
from gsv_pipeline.sources.demo.street import Scene, build_scene, design_street
from gsv_pipeline.sources.demo.traffic import Vehicle, draw_vehicle
from gsv_pipeline.sources.demo.weather import Conditions, draw_conditions, make_light

SIZE = (96, 72)


@pytest.fixture(scope="module")
def places() -> tuple[Place, ...]:
    return plan_city(TEST_CITY, [(2, 1)] * 6, seed=1).places


@pytest.fixture(scope="module")
def scene(places: tuple[Place, ...]) -> Scene:
    return build_scene(1, TEST_CITY, places[0])


def photograph(scene: Scene, place: Place, conditions: Conditions, *, number: int = 0) -> Image.Image:
    shot = replace(place.shots[number], conditions=conditions)
    return render_shot(scene, shot, bearing=place.bearing, size=SIZE)


@pytest.mark.parametrize("month", [1, 10])
@pytest.mark.parametrize(
    ("hour", "weather"),
    [
        ("day", "clear"),
        ("day", "fog"),
        ("day", "rain"),
        ("day", "snow"),
        ("golden", "cloudy"),
        ("night", "clear"),
        ("night", "rain"),
        ("night", "snow"),
    ],
)
def test_every_season_hour_and_weather_gives_a_picture(
    scene: Scene, places: tuple[Place, ...], month: int, hour: str, weather: str
) -> None:
    picture = np.asarray(photograph(scene, places[0], Conditions(month, hour, weather)), np.float32)
    assert picture.shape == (72, 96, 3)
    assert picture.std() > 12
    assert (12 if hour == "night" else 60) < picture.mean() < 225


def test_night_is_darker_than_day_and_snow_brighter_than_rain(scene: Scene, places: tuple[Place, ...]) -> None:
    means = {
        kind: np.mean(
            [np.asarray(photograph(scene, places[0], Conditions(1, *kind), number=n)).mean() for n in range(3)]
        )
        for kind in [("day", "clear"), ("night", "clear"), ("day", "rain"), ("day", "snow")]
    }
    assert means["night", "clear"] < 0.8 * means["day", "clear"]
    assert means["day", "rain"] < means["day", "snow"]


def test_the_same_shot_is_the_same_picture_from_a_scene_built_anew(scene: Scene, places: tuple[Place, ...]) -> None:
    conditions = Conditions(6, "day", "cloudy")
    again = build_scene(1, TEST_CITY, places[0])
    assert photograph(scene, places[0], conditions).tobytes() == photograph(again, places[0], conditions).tobytes()


def test_a_colour_histogram_does_not_find_the_place() -> None:
    def histogram(picture: Image.Image) -> np.ndarray:
        bins = (np.asarray(picture) // 32).reshape(-1, 3).astype(int) @ (64, 8, 1)
        root = np.sqrt(np.bincount(bins, minlength=512))
        return root / np.linalg.norm(root)

    database, queries = [], []
    for place in plan_city(TEST_CITY, [(1, 1)] * 15, seed=1).places:
        scene = build_scene(1, TEST_CITY, place)
        first, last = (histogram(render_shot(scene, shot, bearing=place.bearing, size=SIZE)) for shot in place.shots)
        database.append(first)
        queries.append(last)
    nearest = (np.stack(queries) @ np.stack(database).T).argmax(axis=1)
    assert np.mean(nearest == np.arange(15)) < 0.35


def test_places_of_a_street_share_its_style_and_differ_in_their_houses(places: tuple[Place, ...]) -> None:
    street = places[0].street
    neighbours = [build_scene(1, TEST_CITY, place) for place in places if place.street == street]
    assert len(neighbours) >= 2
    assert all(scene.common == design_street(1, TEST_CITY, street) for scene in neighbours)
    widths = [tuple(building.house.width for building in scene.buildings) for scene in neighbours]
    assert len(set(widths)) == len(widths)


def test_houses_of_a_row_do_not_overlap_and_leave_side_streets_open() -> None:
    places = plan_city(TEST_CITY, [(1, 0)] * 40, seed=3).places
    for place in places:
        scene = build_scene(3, TEST_CITY, place)
        for side, is_open in ((-1, lambda crossing: crossing.left), (1, lambda crossing: crossing.right)):
            row = sorted((b for b in scene.buildings if b.side == side), key=lambda building: building.start)
            assert all(one.end <= two.start + 1e-9 for one, two in pairwise(row))
            gaps = [(one.end, two.start) for one, two in pairwise(row) if two.start - one.end > 3]
            wanted = [crossing for crossing in scene.crossings if is_open(crossing)]
            assert len(gaps) == len(wanted)
            assert all(gap[1] == crossing.end for gap, crossing in zip(gaps, wanted, strict=True))


def test_conditions_cover_everything_but_keep_night_and_fog_rare() -> None:
    rng = random.Random(5)
    drawn = [draw_conditions(rng) for _ in range(4000)]
    hours = [one.hour for one in drawn]
    weathers = [one.weather for one in drawn]
    assert {"day", "golden", "night"} == set(hours)
    assert {"clear", "cloudy", "overcast", "fog", "rain", "snow"} == set(weathers)
    assert hours.count("night") / 4000 < 0.12
    assert weathers.count("fog") / 4000 < 0.1
    assert all(one.season == "winter" for one in drawn if one.weather == "snow")


def test_the_sun_stands_in_the_south_at_noon() -> None:
    lights = [make_light(Conditions(6, "day", "clear"), bearing=180.0, rng=random.Random(seed)) for seed in range(40)]
    assert all(light.sun_direction[2] > 0 for light in lights)
    assert all(np.linalg.norm(light.sun_direction) == pytest.approx(1) for light in lights)


def test_big_vehicles_keep_their_distance() -> None:
    rng = random.Random(2)
    near = [draw_vehicle(rng, across=2.0, along=8.0, oncoming=True) for _ in range(300)]
    assert {vehicle.kind for vehicle in near} == {"saloon", "hatchback"}
    assert isinstance(near[0], Vehicle)
    far = [draw_vehicle(rng, across=2.0, along=30.0, oncoming=False) for _ in range(300)]
    assert {vehicle.kind for vehicle in far} == {"saloon", "hatchback", "van", "bus"}
