"""A city's CSV: read exactly when it is sound, value by value with reasons when it is not."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_pipeline.catalog.csvs import read_city_csv
from gsv_pipeline.errors import DataError
from tests.published import HEADER, Shot, shots_of, write_csv

CITY = "Bobville"


@pytest.fixture
def path(tmp_path):
    return write_csv(tmp_path, CITY, shots_of(3, 4))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.floats(-90, 90), st.floats(-180, 180)), min_size=1, max_size=20))
def test_coordinates_are_read_to_the_last_bit(tmp_path_factory, latlon):
    shots = [Shot(place, f"p{place}", lat=repr(lat), lon=repr(lon)) for place, (lat, lon) in enumerate(latlon)]
    table, _ = read_city_csv(write_csv(tmp_path_factory.mktemp("csv"), CITY, shots))
    assert list(zip(table.lat.tolist(), table.lon.tolist(), strict=True)) == latlon


def test_words_that_pandas_takes_for_nothing_are_panoramas(tmp_path):
    words = ["NA", "nan", "null", "None", "", "-", "1e5"]
    table, _ = read_city_csv(write_csv(tmp_path, CITY, [Shot(0, word) for word in words]))
    assert table.panoid == words
    assert [reason for reason in table.problem if reason] == ["wrong_type"]
    assert table.detail[words.index("")] == "panoid is empty"


@pytest.mark.parametrize("column", [name for name in HEADER if name != "city_id"])
def test_a_missing_column_is_named_with_those_there_are(tmp_path, column):
    header = [name if name != column else "other" for name in HEADER]
    path = write_csv(tmp_path, CITY, shots_of(1, 4), header=header)
    with pytest.raises(DataError, match=rf"column {column} is missing. Found: .*other.*Expected: place_id"):
        read_city_csv(path)


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("year", "twenty", "wrong_type"),
        ("year", "2015.5", "wrong_type"),
        ("month", "", "wrong_type"),
        ("place_id", "nan", "wrong_type"),
        ("place_id", "1e300", "wrong_type"),
        ("northdeg", "99999999999", "wrong_type"),
        ("lat", "51,5", "wrong_type"),
        ("lon", "inf", "wrong_type"),
        ("lon", "west", "wrong_type"),
        ("panoid", "../../outside", "leaves_root"),
        ("panoid", "a\\b", "leaves_root"),
        ("city_id", "../Elsewhere", "leaves_root"),
    ],
)
def test_a_wrong_value_is_named_and_the_other_rows_stay(path, column, value, rule):
    text = pd.read_csv(path, dtype=str)
    text.loc[[3, 8], column] = value
    text.to_csv(path, index=False)
    table, _ = read_city_csv(path)
    wrong = np.flatnonzero(table.problem)
    assert wrong.tolist() == [3, 8]
    assert set(table.problem[wrong]) == {rule}
    assert value in table.detail[3] if rule == "wrong_type" and value else table.detail[3]
    assert table.origin[3] == f"{CITY}.csv:5"
    assert table.place.tolist() == [0] * 4 + [1] * 4 + [2] * 4 if column != "place_id" else table.place[0] == 0


def test_a_missing_coordinate_is_not_a_wrong_one(path):
    text = pd.read_csv(path, dtype=str)
    text.loc[2, "lat"] = ""
    text.to_csv(path, index=False)
    table, _ = read_city_csv(path)
    assert np.flatnonzero(np.isnan(table.lat)).tolist() == [2]
    assert not any(table.problem)  # the rules over values say so, for sound and damaged files alike


def test_whole_numbers_may_be_written_with_a_point(tmp_path):
    table, _ = read_city_csv(write_csv(tmp_path, CITY, [replace(shots_of(1, 1)[0], year="2015.0")]))
    assert table.year.tolist() == [2015]


@pytest.mark.parametrize(
    ("encoding", "named"), [("utf-8", ""), ("utf-8-sig", ""), ("utf-16", "utf-16"), ("cp1252", "cp1252")]
)
def test_a_csv_of_another_encoding_is_read_and_the_encoding_named(path, encoding, named):
    expected, _ = read_city_csv(path)
    text = path.read_text().replace(f",{CITY},", ",Bøbville,")
    path.write_bytes(text.encode(encoding))
    table, found = read_city_csv(path)
    assert found == named
    assert table.panoid == expected.panoid
    assert table.lat.tolist() == expected.lat.tolist()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not readable as a CSV: it is empty"),
        (b"\xff\xfe\x00\x01", "is not readable as a CSV|is missing"),
        (b"<html><body>quota</body></html>\n", "is missing"),
        (b'place_id,year\n"1,2\n', "is not readable as a CSV|is missing"),
        ((",".join(HEADER) + "\n").encode(), "has a header and no row"),
    ],
)
def test_an_unreadable_csv_is_named(tmp_path, content, words):
    path = tmp_path / "Bobville.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_city_csv(path)


def test_a_folder_called_like_a_csv_is_named(tmp_path):
    (tmp_path / "Bobville.csv").mkdir()
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_city_csv(tmp_path / "Bobville.csv")


def test_a_row_that_breaks_off_is_the_only_one_lost(path):
    path.write_text(path.read_text().rsplit(",", 3)[0])
    table, _ = read_city_csv(path)
    assert np.flatnonzero(table.problem).tolist() == [11]


def test_lines_with_too_many_fields_do_not_take_the_others_with_them(path):
    lines = path.read_text().splitlines()
    lines[4] += ",one,two"
    path.write_text("\n".join(lines) + "\n")
    table, _ = read_city_csv(path)
    assert len(table.place) == 12
    assert np.flatnonzero(table.problem).tolist() == [3]
    assert (table.origin[3], table.detail[3]) == (f"{CITY}.csv:5", "more values than columns")


def test_rows_that_are_all_too_long_are_all_named(path):
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *(f"{row},extra" for row in rows)]) + "\n")
    table, _ = read_city_csv(path)
    assert set(table.detail) == {"more values than columns"}


def test_lines_keep_their_numbers_beside_empty_and_broken_ones(path):
    lines = path.read_text().splitlines()
    lines[3] = ""
    lines[5] = lines[5].replace(",2011,", ",?,").replace(",2010,", ",?,")
    path.write_text("\n".join(lines) + "\n")
    table, _ = read_city_csv(path)
    assert table.origin[2] == f"{CITY}.csv:5"
    assert [table.origin[row] for row in np.flatnonzero(table.problem)] == [f"{CITY}.csv:6"]
