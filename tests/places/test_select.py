"""Which places training sees, and their labels."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_pipeline.benchmarks import BENCHMARKS, held_out_cities
from gsv_pipeline.catalog.schema import COLUMNS as CATALOG_COLUMNS
from gsv_pipeline.catalog.schema import place_key
from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.places.dataset import load_places
from gsv_pipeline.places.select import COLUMNS, PLACES_FILE, select_places
from gsv_pipeline.sources.demo import TRAINING_CITIES

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


def select(catalog, cities=None, minimum=4, excluded=()):
    return select_places(catalog, cities=cities, min_images_per_place=minimum, excluded=excluded)


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
        ("cities", 13, 3),
        ("at least 4 images", 10, 2),
    ]


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
        "No place is left: none of the 5 places in Osaka, Rome has 7 images (the most is 6). "
        "Lower places.min_images_per_place."
    )


def test_no_city_leaves_no_place():
    with pytest.raises(DataError, match="No place is left: none of the 0 places"):
        select(catalog_of(SIZES), cities=())


def test_places_come_back_from_disk_as_arrays(tmp_path):
    table, _ = select(catalog_of(SIZES))
    table.to_parquet(tmp_path / PLACES_FILE, index=False)
    places = load_places(tmp_path / PLACES_FILE, image_root=tmp_path)
    assert places.num_places == 7
    assert places.counts.tolist() == [4, 7, 4, 5, 4, 4, 6]  # Boston, Osaka, Rome
    assert places.cities.tolist() == [0, 0, 0, 1, 1, 2, 2]
    for label in range(places.num_places):
        rows = places.paths[places.offsets[label] : places.offsets[label + 1]]
        expected = table.loc[table["label"] == label, "image_id"]
        assert [path.relative_to(tmp_path).as_posix() for path in rows] == expected.tolist()
    assert places.offsets.dtype == np.int64
