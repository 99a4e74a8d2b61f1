"""`gsv_holdout`: made once for every city, used by an experiment for those that it does not train on."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gsv_pipeline import compose, stages
from gsv_pipeline.benchmarks import BENCHMARKS
from gsv_pipeline.benchmarks.data import check_benchmark, load_benchmark
from gsv_pipeline.benchmarks.holdout import city_of, load
from gsv_pipeline.benchmarks.seen import benchmark_of, trained_cities
from gsv_pipeline.config import load_experiment
from gsv_pipeline.errors import ConfigError, DataError, StaleInputError
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking import NullTracker
from tests.published import Shot, write_city

CITIES = ("London", "OSL", "Rome")


def shots(*, north_of, places=5, years=(2010, 2010, 2014, 2018)):
    """Places 200 m apart, each seen in several years from within 3 m."""
    return [
        Shot(place, f"p{place}_{take}", year=year, lat=f"{north_of + (200 * place + take) / 111_195:.7f}")
        for place in range(places)
        for take, year in enumerate(years)
    ]


def table(*, places=5, cities=CITIES, years=(2010, 2010, 2014, 2018)):
    rows = [
        {
            "image_id": f"Images/{city}/{place:03d}_{take}.jpg",
            "city": city,
            "place_id": f"{city}/{place:07d}",
            "year": year,
            "month": 1,
            "bearing": 0.0,
            "lat": 50.0 + number + (200 * place + take) / 111_195,
            "lon": 3.0,
            "content": f"{city}{place}{take}",
        }
        for number, city in enumerate(cities)
        for place in range(places)
        for take, year in enumerate(years)
    ]
    return pd.DataFrame(rows)


def test_the_latest_year_is_looked_for_in_the_earliest_one():
    data = load(table(), places_per_city=100)
    check_benchmark(data, name="mine")
    assert set(data.database["year"]) == {2010}
    assert set(data.queries["year"]) == {2018}
    assert (len(data.database), len(data.queries)) == (30, 15)
    for query, rows in zip(data.queries["place_id"], data.positives, strict=True):
        assert data.database["place_id"].iloc[rows].tolist() == [query] * 2


def test_places_of_one_year_are_left_out():
    single = table(cities=("Rome",), years=(2012, 2012, 2012))
    data = load(pd.concat([table(cities=("OSL",)), single]), places_per_city=100)
    assert set(city_of(data.database["place_id"])) == {"OSL"}
    with pytest.raises(DataError, match="no place that was photographed in two different years"):
        load(single, places_per_city=100)


def test_the_places_of_a_large_city_are_drawn_by_their_keys_alone():
    catalog = table(places=40)
    few, more = (load(catalog, places_per_city=count) for count in (5, 9))
    drawn = [set(data.queries["place_id"]) for data in (few, more)]
    assert drawn[0] < drawn[1]
    assert pd.Series(sorted(drawn[0])).pipe(city_of).value_counts().to_dict() == dict.fromkeys(CITIES, 5)
    shuffled = catalog.sample(frac=1, random_state=0)
    again = load(shuffled, places_per_city=5)
    pd.testing.assert_frame_equal(again.database, few.database)
    alone = load(catalog[catalog["city"] == "OSL"], places_per_city=5)
    assert set(alone.queries["place_id"]) == {place for place in drawn[0] if place.startswith("OSL/")}


def test_the_row_caps_the_places_of_a_city():
    assert BENCHMARKS["gsv_holdout"].arguments["places_per_city"] == 1_000


@pytest.fixture(scope="module")
def data_root(tmp_path_factory):
    """A tiny GSV-Cities of three cities with its catalog and the benchmark."""
    root = tmp_path_factory.mktemp("gsv")
    for number, city in enumerate(CITIES):
        write_city(root / "copy", city, shots(north_of=40.0 + number))
    layout = Layout(root / "data")
    arguments = {"path": str(root / "copy")}
    stages.fetch_dataset(layout, "gsv_cities", tracker=NullTracker(), source="folder", arguments=arguments)
    stages.build_catalog(layout, "gsv_cities", tracker=NullTracker())
    stages.build_benchmark(layout, "gsv_holdout", tracker=NullTracker())
    return layout


def experiment(layout, *overrides):
    return load_experiment(layout, "convap_resnet50", ["model.backbone.weights=none", *overrides])


def place(layout, *overrides):
    chosen = experiment(layout, *overrides)
    stages.build_places(layout, chosen, tracker=NullTracker())
    return chosen


def cities_of(data):
    return {side: set(city_of(found["place_id"])) for side, found in data.sides.items()}


def test_all_cities_are_made_and_an_experiment_sees_those_that_it_leaves_out(data_root):
    assert cities_of(load_benchmark(data_root.benchmark("gsv_holdout")))["queries"] == set(CITIES)
    for clause, left in (
        ("places.exclude_cities=[Oslo]", {"OSL"}),
        ("places.cities=[London]", {"OSL", "Rome"}),
        ("places.latitude=[41.5,50]", {"London", "OSL"}),
    ):
        chosen = place(data_root, clause)
        seen = benchmark_of(data_root, chosen, "gsv_holdout")
        check_benchmark(seen, name="gsv_holdout")
        assert cities_of(seen) == {"database": left, "queries": left}
        paths = compose.benchmark_paths(data_root, "gsv_holdout", chosen)
        assert [path.parent.name in left for side in paths.values() for path in side]
        assert len(paths["queries"]) == len(seen.queries)
        for query, rows in zip(seen.queries["place_id"], seen.positives, strict=True):
            assert set(seen.database["place_id"].iloc[rows]) == {query}


def test_what_is_shared_between_experiments_knows_which_cities_they_see(data_root):
    chosen = place(data_root, "places.exclude_cities=[Oslo]")
    assert compose.restriction(data_root, chosen, "gsv_holdout") == {"without_cities": ["London", "Rome"]}
    assert compose.restriction(data_root, chosen, "demo_test") == {}


def test_an_experiment_that_leaves_no_city_out_is_told_to(data_root):
    chosen = place(data_root)
    with pytest.raises(
        ConfigError, match=r"trains on all 3 cities of benchmark 'gsv_holdout'.*places\.exclude_cities=\["
    ):
        benchmark_of(data_root, chosen, "gsv_holdout")
    with pytest.raises(ConfigError, match=r"trains on every city, and 'gsv_holdout' tests on those.*exclude_cities"):
        compose.check_validation(data_root, chosen, "gsv_holdout")
    compose.check_validation(data_root, experiment(data_root, "places.exclude_cities=[Oslo]"), "gsv_holdout")


def test_weights_that_were_not_trained_here_see_every_city(data_root, tmp_path):
    (tmp_path / "weights.pth").touch()
    imported = experiment(data_root, "training=null", f"weights={tmp_path / 'weights.pth'}")
    assert trained_cities(data_root, imported, BENCHMARKS["gsv_holdout"]) == ()
    assert cities_of(benchmark_of(data_root, imported, "gsv_holdout"))["queries"] == set(CITIES)


def test_an_experiment_of_other_images_sees_every_city_and_one_of_the_same_does_not(data_root):
    place(data_root, "places.exclude_cities=[Oslo]")
    row = BENCHMARKS["gsv_holdout"]
    assert trained_cities(data_root, experiment(data_root, "dataset=demo"), row) == ()
    light = experiment(data_root, "dataset=gsv_cities_light")
    assert trained_cities(data_root, light, row) == ("London", "Rome")
    assert trained_cities(data_root, light, replace(row, relatives=())) == ()


def test_without_places_nobody_knows_what_is_trained_on(data_root):
    nameless = experiment(data_root).model_copy(update={"name": "unplaced"})
    with pytest.raises(StaleInputError, match="needed to tell which cities 'unplaced' leaves out.*gsv-pipeline places"):
        benchmark_of(data_root, nameless, "gsv_holdout")


def test_another_restriction_makes_the_descriptors_stale(data_root):
    from gsv_pipeline import recipes

    def inputs(recipe):
        return {item.path for item in recipe.inputs} | {path for item in recipe.inputs for path in inputs(item)}

    chosen = place(data_root, "places.exclude_cities=[Oslo]")
    recipe = recipes.embeddings_of(data_root, chosen, "gsv_holdout")
    assert data_root.places(chosen.name) in inputs(recipe)
    assert not np.array_equal(
        recipes.places_of(data_root, chosen).config, recipes.places_of(data_root, experiment(data_root)).config
    )
