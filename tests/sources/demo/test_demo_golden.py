"""The output of seed 1, in numbers: who changes it on purpose bumps `gsv_pipeline.sources.demo.VERSION` and these."""

import numpy as np
import pytest
from PIL import Image

from gsv_pipeline.sources.demo import TEST_CITY, TRAINING_CITIES, VERSION
from gsv_pipeline.sources.demo.plan import City, plan_city
from gsv_pipeline.sources.demo.render import render_shot
from gsv_pipeline.sources.demo.street import build_scene

COUNTS = [(2, 1)] * 3


def coarse(city: City, number: int) -> list[list[int]]:
    """A photograph of a place as 4 × 3 mean grey values; coarse, so that another version of Pillow gives the same."""
    place = city.places[number]
    photo = render_shot(build_scene(1, city.name, place), place.shots[0], bearing=place.bearing, size=(96, 72))
    return np.asarray(photo.convert("L").resize((4, 3), Image.Resampling.BOX)).astype(int).tolist()


def test_the_version_is_the_one_these_numbers_belong_to() -> None:
    assert VERSION == 1


def test_seed_1_plans_the_same_names_as_ever() -> None:
    shots = [shot for place in plan_city(TEST_CITY, COUNTS, seed=1).places for shot in place.shots]
    assert [shot.file_name(TEST_CITY) for shot in shots[:2]] == [
        "Marwick_0000000_2015_11_253_55.2091305_-3.3781064_JCvjKLikq-CYHHCMqF7oCQ.JPG",
        "Marwick_0000000_2016_05_254_55.2091214_-3.3780971_k-30GezylxZQZx9y_zmWGw.JPG",
    ]


@pytest.mark.parametrize(
    ("name", "number", "expected"),
    [
        (TEST_CITY, 0, [[119, 154, 195, 152], [101, 127, 152, 157], [103, 94, 95, 126]]),
        (TEST_CITY, 1, [[94, 141, 111, 97], [82, 109, 99, 95], [86, 83, 90, 91]]),
        (TRAINING_CITIES[0], 2, [[114, 136, 149, 112], [111, 109, 125, 117], [96, 101, 108, 102]]),
    ],
)
def test_seed_1_renders_the_same_scenes_as_ever(name: str, number: int, expected: list[list[int]]) -> None:
    found = coarse(plan_city(name, COUNTS, seed=1), number)
    assert np.abs(np.subtract(found, expected)).max() <= 3
