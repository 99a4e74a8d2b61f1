"""The `demo` source: its arguments are those of Sizes, checked before anything is rendered."""

import inspect
from dataclasses import asdict

import pytest

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.sources import demo_source
from gsv_pipeline.sources.demo.plan import Sizes, plan_cities
from gsv_pipeline.tracking import NullTracker

TINY = {"places": 1, "images": 2, "width": 32, "height": 32}


WRONG = {"places": 0, "images": "8", "width": 0, "height": 2.5, "test_queries": -3, "cities": 41, "seed": "x"}


@pytest.mark.parametrize(("argument", "value"), [*WRONG.items(), ("seed", -1)])
def test_numbers_out_of_range_are_refused_before_anything_is_rendered(tmp_path, argument, value):
    with pytest.raises(ConfigError, match=f"source 'demo': {argument} is {value!r}, expected a whole number"):
        demo_source.fetch(tmp_path, tracker=NullTracker(), **{argument: value})
    assert list(tmp_path.iterdir()) == []


def test_every_size_is_an_argument_with_the_same_default():
    parameters = inspect.signature(demo_source.fetch).parameters
    defaults = {name: parameters[name].default for name in parameters if name not in ("target", "tracker", "seed")}
    assert defaults == asdict(Sizes())


def test_five_cities_in_two_hemispheres_are_rendered_as_planned(tmp_path):
    facts = demo_source.fetch(
        tmp_path, tracker=NullTracker(), seed=5, cities=5, validation_queries=0, test_queries=0, **TINY
    )
    planned = plan_cities(Sizes(cities=5, validation_queries=0, test_queries=0, **TINY), seed=5)
    assert facts == {"seed": 5, "cities": [city.name for city in planned]}
    assert len(planned) == 5
    names = {city.name: sorted(shot.file_name(city.name) for shot in city.places[0].shots) for city in planned}
    assert {
        folder.name: sorted(path.name for path in folder.iterdir()) for folder in (tmp_path / "Images").iterdir()
    } == names
    assert sorted(path.stem for path in (tmp_path / "Dataframes").iterdir()) == sorted(names)
    assert {shot.lat < 0 for city in planned[3:] for shot in city.places[0].shots} == {True, False}
