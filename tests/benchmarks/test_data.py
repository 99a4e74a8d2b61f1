"""A benchmark in memory and on disk, and what cannot be scored."""

import numpy as np
import pandas as pd
import pytest

from gsv_pipeline.benchmarks import BENCHMARKS, held_out_cities
from gsv_pipeline.benchmarks.data import COLUMNS, BenchmarkData, check_benchmark, load_benchmark, save_benchmark
from gsv_pipeline.benchmarks.demo import load_test, load_validation
from gsv_pipeline.errors import DataError
from gsv_pipeline.registry import resolve
from gsv_pipeline.sources.demo import QUERIES_FROM_YEAR, TEST_CITY, VALIDATION_CITY


def images(count, year=2012, city=TEST_CITY, step=1e-3):
    return pd.DataFrame(
        {
            "image_id": [f"Images/{city}/{year}_{row}.JPG" for row in range(count)],
            "city": city,
            "place_id": [f"{city}/{row:07d}" for row in range(count)],
            "year": year,
            "month": 6,
            "bearing": 10.0,
            "lat": 51.0 + step * np.arange(count),
            "lon": 3.7,
            "content": [f"{city}{year}{row}" for row in range(count)],
        }
    )


def rows(*values):
    return np.array(values, dtype=np.int64)


@pytest.fixture
def data():
    return BenchmarkData(images(4)[list(COLUMNS)], images(3, 2019)[list(COLUMNS)], [rows(0, 3), rows(), rows(2)])


def test_a_benchmark_survives_the_disk(tmp_path, data):
    check_benchmark(data, name="mine")
    save_benchmark(tmp_path, data)
    found = load_benchmark(tmp_path)
    pd.testing.assert_frame_equal(found.database, data.database, check_dtype=False)
    pd.testing.assert_frame_equal(found.queries, data.queries, check_dtype=False)
    assert [item.tolist() for item in found.positives] == [[0, 3], [], [2]]


def test_the_same_benchmark_has_the_same_bytes(tmp_path, data):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        save_benchmark(tmp_path / name, data)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


@pytest.mark.parametrize(
    ("positives", "words"),
    [
        ([rows(0), rows(1)], "2 lists of positives for 3 queries"),
        ([rows(0), rows(4), rows()], "points outside the 4 database images"),
        ([rows(0), rows(-1), rows()], "points outside the 4 database images"),
        ([rows(), rows(), rows()], "no query has a positive, so every recall would be 0"),
    ],
)
def test_a_benchmark_that_cannot_be_scored_is_refused(data, positives, words):
    with pytest.raises(DataError, match=f"Benchmark 'mine'.*{words}"):
        check_benchmark(BenchmarkData(data.database, data.queries, positives), name="mine")


def test_a_benchmark_with_an_empty_side_is_refused(data):
    with pytest.raises(DataError, match="has 0 database images and 3 queries"):
        check_benchmark(BenchmarkData(data.database[:0], data.queries, data.positives), name="mine")
    with pytest.raises(DataError, match="has 4 database images and 0 queries"):
        check_benchmark(BenchmarkData(data.database, data.queries[:0], []), name="mine")


@pytest.mark.parametrize("file", ["database.parquet", "queries.parquet", "positives.npz"])
@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "foreign"])
def test_a_damaged_benchmark_says_which_stage_to_run(tmp_path, data, file, damage):
    save_benchmark(tmp_path, data)
    path = tmp_path / file
    whole = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes({"empty": b"", "truncated": whole[: len(whole) // 2], "foreign": b"PK not really"}[damage])
    with pytest.raises(DataError, match=r"holds no readable benchmark .*Run the benchmark stage again with --force"):
        load_benchmark(tmp_path)


@pytest.fixture
def catalog():
    """Both benchmark cities and one to train on; queries lie 11 m from the database, and one lies apart."""
    parts = []
    for city in (VALIDATION_CITY, TEST_CITY, "Brunnhaven"):
        database, queries = images(5, QUERIES_FROM_YEAR - 1, city), images(4, QUERIES_FROM_YEAR, city)
        queries["lat"] += 1e-4
        queries.loc[3, "lat"] = 60.0
        parts += [queries, database]
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=0)


@pytest.mark.parametrize(("load", "city"), [(load_validation, VALIDATION_CITY), (load_test, TEST_CITY)])
def test_later_photographs_are_looked_for_among_earlier_ones_of_one_city(catalog, load, city):
    data = load(catalog)
    check_benchmark(data, name="mine")
    assert (data.database["year"] < QUERIES_FROM_YEAR).all()
    assert (data.queries["year"] >= QUERIES_FROM_YEAR).all()
    assert {*data.database["city"], *data.queries["city"]} == {city}
    assert [item.tolist() for item in data.positives] == [[0], [1], [2], []]
    assert data.queries["image_id"].is_monotonic_increasing


def test_a_benchmark_without_its_city_says_what_to_fetch(catalog):
    with pytest.raises(DataError, match=f"no image of {TEST_CITY}. Fetch the demo data set again"):
        load_test(catalog[catalog["city"] != TEST_CITY])


def test_a_benchmark_does_not_depend_on_the_order_of_the_catalog(catalog):
    first, second = load_test(catalog), load_test(catalog.sort_values("image_id", ascending=False))
    pd.testing.assert_frame_equal(first.database, second.database)
    pd.testing.assert_frame_equal(first.queries, second.queries)


@pytest.mark.parametrize("name", ["demo_val", "demo_test"])
def test_the_cities_of_a_benchmark_are_held_out_of_training(name, catalog):
    row = BENCHMARKS[name]
    held_out = held_out_cities(row.dataset)
    assert all(held_out[city] == name for city in row.cities)
    data = resolve(row.load)(catalog)
    assert {*data.database["city"], *data.queries["city"]} == set(row.cities)


def test_a_data_set_without_benchmarks_holds_nothing_out():
    assert held_out_cities("gsv_cities") == {}


def test_what_names_tell_besides_survives_the_disk(tmp_path, data):
    known = data.database.assign(east=[1.0, 2.0, 3.0, 4.0], north=5.0, condition="night", unknown=1)
    save_benchmark(tmp_path, BenchmarkData(known, data.queries, data.positives))
    found = load_benchmark(tmp_path)
    assert found.database.columns.tolist() == [*COLUMNS, "east", "north", "condition"]
    assert found.queries.columns.tolist() == list(COLUMNS)


def test_positives_are_renumbered_when_images_are_left_out(data):
    left = data.keep(np.array([False, True, True, True]), np.array([True, False, True]))
    assert [item.tolist() for item in left.positives] == [[2], [1]]
    assert left.database["image_id"].tolist() == data.database["image_id"].tolist()[1:]
    assert left.queries.index.tolist() == [0, 1]


def test_hidden_answers_are_none_and_stated_ones_are_not_hidden(data):
    hidden = BenchmarkData(data.database, data.queries, [rows()] * 3)
    check_benchmark(hidden, name="mine", has_positives=False)
    with pytest.raises(DataError, match="its answers are hidden, but 3 positives are stated"):
        check_benchmark(data, name="mine", has_positives=False)
