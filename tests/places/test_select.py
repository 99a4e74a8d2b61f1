"""Which places training sees, and their labels."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_pipeline.benchmarks import BENCHMARKS, held_out_cities
from gsv_pipeline.catalog.schema import COLUMNS as CATALOG_COLUMNS
from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.places.select import COLUMNS, clauses_json, select_places
from gsv_pipeline.sources.demo import TRAINING_CITIES
from tests.published import place_key

SIZES = {"Rome": [4, 6, 3], "Osaka": [5, 4], "Boston": [4, 2, 7, 4]}


def catalog_of(sizes):
    rows = [
        {
            "image_id": f"Images/{city}/{place}_{image}.JPG",
            "city": city,
            "place_id": place_key(city, place),
            "year": 2015,
            "month": 1 + image,
            "northdeg": 370,
            "bearing": 10.0,
            "lat": 50.0 + place / 100,
            "lon": 3.0,
            "panoid": f"{city}{place}{image}",
            "width": 24,
            "height": 18,
            "bytes": 900,
            "content": f"{city}{place}{image}",
        }
        for city, counts in sizes.items()
        for place, count in enumerate(counts)
        for image in range(count)
    ]
    return pd.DataFrame(rows)[[column.name for column in CATALOG_COLUMNS]].astype(
        {column.name: column.dtype for column in CATALOG_COLUMNS}
    )


def select(catalog, cities=None, minimum=4, **rest):
    return select_places(catalog, cities=cities, min_images_per_place=minimum, **rest)


def test_labels_are_dense_from_zero_and_follow_the_sorted_places():
    table, _ = select(catalog_of(SIZES))
    assert list(table.columns) == list(COLUMNS)
    labels = table.groupby("place_id")["label"].unique()
    assert labels.index.is_monotonic_increasing
    assert [list(values) for values in labels] == [[number] for number in range(7)]
    assert table["label"].is_monotonic_increasing


def test_labels_do_not_depend_on_city_order_or_row_order():
    catalog = catalog_of(SIZES)
    first, _ = select(catalog, cities=("Rome", "Boston"))
    second, _ = select(catalog_of(dict(reversed(SIZES.items()))), cities=("Boston", "Rome"))
    shuffled, _ = select(catalog.sample(frac=1, random_state=3), cities=["Boston", "Rome"])
    pd.testing.assert_frame_equal(first, second)
    pd.testing.assert_frame_equal(first, shuffled)


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(st.sampled_from("ABCD"), st.lists(st.integers(1, 6), min_size=1, max_size=4), min_size=1),
    st.integers(2, 5),
)
def test_what_is_left_is_what_a_slow_filter_leaves(sizes, minimum):
    expected = {
        place_key(city, place): count
        for city, counts in sizes.items()
        for place, count in enumerate(counts)
        if count >= minimum
    }
    if not expected:
        with pytest.raises(DataError, match="No place is left"):
            select(catalog_of(sizes), minimum=minimum)
        return
    table, clauses = select(catalog_of(sizes), minimum=minimum)
    assert table.groupby("place_id").size().to_dict() == expected
    assert (clauses[-1].images, clauses[-1].places) == (sum(expected.values()), len(expected))


def test_each_clause_says_what_it_left():
    _, clauses = select(catalog_of(SIZES), cities=("Rome",))
    assert [(clause.name, clause.images, clause.places) for clause in clauses] == [
        ("catalog", 39, 9),
        ("city Rome", 13, 3),
        ("at least 4 images", 10, 2),
    ]


def test_the_clauses_as_plain_values_say_what_each_removed():
    _, clauses = select(catalog_of(SIZES), excluded=("Rome",))
    assert json.loads(json.dumps(clauses_json(clauses))) == [
        {"name": "catalog", "images": 39, "places": 9, "images_removed": 0, "places_removed": 0},
        {"name": "cities that are not tested on", "images": 26, "places": 6, "images_removed": 13, "places_removed": 3},
        {"name": "at least 4 images", "images": 24, "places": 5, "images_removed": 2, "places_removed": 1},
    ]


def test_a_city_goes_by_its_name_or_by_its_published_code():
    catalog = catalog_of({"PRS": [4], "OSL": [5], "Rome": [6]})
    by_name, clauses = select(catalog, cities=("Paris", "Rome"))
    by_code, _ = select(catalog, cities=("PRS", "Rome"))
    pd.testing.assert_frame_equal(by_name, by_code)
    assert set(by_name["city"]) == {"PRS", "Rome"}
    assert clauses[1].name == "cities PRS and Rome"
    left, clauses = select(catalog, exclude_cities=("Oslo",))
    assert set(left["city"]) == {"PRS", "Rome"}
    assert (clauses[1].name, clauses[1].images_removed) == ("without city OSL", 5)


def test_own_photographs_may_call_a_city_as_they_like():
    table, _ = select(catalog_of({"Paris": [4], "Rome": [6]}), cities=("Paris",))
    assert set(table["city"]) == {"Paris"}


def test_a_tested_city_is_refused_under_its_other_name_too():
    with pytest.raises(ConfigError, match="City 'PRS' is tested on"):
        select(catalog_of({"PRS": [4], "Rome": [6]}), cities=("Paris",), excluded={"PRS"})


def test_many_cities_are_counted_and_a_left_out_city_must_be_known():
    catalog = catalog_of({f"City{number}": [4] for number in range(8)})
    _, clauses = select(catalog, cities=[f"City{number}" for number in range(7)])
    assert clauses[1].name == "7 cities"
    with pytest.raises(ConfigError, match="Unknown city 'City9'. Did you mean"):
        select(catalog, exclude_cities=("City9",))


def test_no_test_city_is_in_training():
    tested = [city for row in BENCHMARKS.values() for city in row.cities]
    sizes = {city: [4, 5] for city in (*TRAINING_CITIES, *tested)}
    held_out = held_out_cities("demo")
    assert len(held_out) >= 2
    table, _ = select(catalog_of(sizes), excluded=held_out)
    assert set(table["city"]) == set(TRAINING_CITIES)


def test_a_test_city_cannot_be_asked_for():
    with pytest.raises(ConfigError, match="City 'Rome' is tested on, so it cannot be trained on"):
        select(catalog_of(SIZES), cities=("Osaka", "Rome"), excluded={"Rome"})


def test_an_unknown_city_raises_with_a_guess():
    with pytest.raises(ConfigError, match="^Unknown city 'Bostn'. Did you mean 'Boston'. Available: Boston, Osaka"):
        select(catalog_of(SIZES), cities=("Bostn",))


def test_places_with_too_few_images_are_counted_in_the_refusal():
    with pytest.raises(DataError) as caught:
        select(catalog_of(SIZES), cities=("Rome", "Osaka"), minimum=7)
    assert str(caught.value) == (
        "No place is left: 'at least 7 images' removed the last 5 places (22 images). The largest place has 6. "
        "Change places.min_images_per_place."
    )


def test_no_city_leaves_no_place():
    with pytest.raises(DataError, match="No place is left: 'no cities' removed .* The catalog has Boston, Osaka, Rome"):
        select(catalog_of(SIZES), cities=())


def test_all_cities_left_out_leave_no_place():
    with pytest.raises(DataError, match=r"'without cities Boston, Osaka and Rome' removed .* places.exclude_cities\."):
        select(catalog_of(SIZES), exclude_cities=tuple(SIZES))


def test_an_empty_catalog_has_no_place():
    with pytest.raises(DataError, match="No place is left: the catalog has no image"):
        select(catalog_of(SIZES).head(0))


def test_a_catalog_in_any_order_gives_images_in_order():
    """A sorted catalog is not sorted again; whether it is must be seen, inside a place too."""
    catalog = catalog_of(SIZES)
    expected, _ = select(catalog)
    inside = catalog.iloc[[1, 0, *range(2, len(catalog))]]
    for other in (inside, catalog[::-1], catalog.set_index(np.arange(len(catalog)) * 3 + 7)):
        pd.testing.assert_frame_equal(select(other)[0], expected)
