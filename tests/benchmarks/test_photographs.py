"""Positives for any two folders: from a CSV of pairs, or from coordinates in the names."""

from pathlib import Path

import pytest

from gsv_pipeline.benchmarks.photographs import positives_from_csv, positives_from_names, unclear_names
from gsv_pipeline.errors import DataError

DATABASE = ["a.jpg", "b.jpg", "sub/c.jpg"]
QUERIES = ["q1.jpg", "q2.jpg"]


def lists(positives):
    return [rows.tolist() for rows in positives]


def published(lat, lon, panoid="x"):
    return Path(f"Rome_0000001_2015_06_406_{lat}_{lon}_{panoid}.JPG")


def utm(east, north):
    return Path(f"@{east:010.2f}@{north:010.2f}@17@T@@@pano_1@@@@@@201311_120000@@.jpg")


def test_published_names_give_positives_within_25_metres():
    queries = [published(51.0, 3.7), published(52.0, 3.7)]
    database = [published(51.0002, 3.7, "a_-b"), published(51.0003, 3.7), published(51.0, 3.7002)]
    assert lists(positives_from_names(queries, database)) == [[0, 2], []]


def test_names_at_the_origin_count_as_coordinates():
    assert lists(positives_from_names([published(0.0, 0.0)], [published(0.0, 0.0)])) == [[0]]


def test_names_in_utm_metres_give_positives_with_the_radius_included():
    queries = [utm(500_000, 4_180_000)]
    database = [utm(500_015, 4_180_020), utm(500_025.01, 4_180_000), utm(500_000, 4_180_000)]
    assert lists(positives_from_names(queries, database)) == [[0, 2]]


@pytest.mark.parametrize(
    "names",
    [
        ["db1.jpg"],
        ["Rome_0000001_2015_06_406_north_3.7_x.JPG"],
        ["@x@y@.jpg"],
        ["@5.jpg"],
    ],
)
def test_names_without_coordinates_give_nothing(names):
    assert positives_from_names([published(51.0, 3.7)], [Path(name) for name in names]) is None


def test_one_name_without_coordinates_among_others_gives_nothing():
    assert positives_from_names([published(51.0, 3.7)], [published(51.0, 3.7), Path("db1.jpg")]) is None
    assert positives_from_names([utm(1, 2)], [utm(1, 2), published(51.0, 3.7)]) is None


@pytest.mark.parametrize("side", ["queries", "database"])
def test_metres_and_degrees_in_each_others_place_name_the_side_and_the_image(side):
    good, bad = [utm(543_256.96, 4_178_906.7)], [Path("street/@-79.98721@40.44062@@@.jpg")]
    sides = {"queries": good, "database": good, side: bad}
    with pytest.raises(DataError, match=rf"^{side}: the coordinates look like degrees.*\(street/@-79\.98721@"):
        positives_from_names(**sides)
    degrees, metres = [published(51.0, 3.7)], [published(51.0, 3.7), published(4_178_906.7, 543_256.96)]
    sides = {"queries": degrees, "database": degrees, side: metres}
    with pytest.raises(DataError, match=rf"^{side}: 1 of 2 coordinates cannot be degrees.*\(Rome_.*_4178906\.7_"):
        positives_from_names(**sides)


@pytest.mark.parametrize("side", ["queries", "database"])
def test_degrees_under_a_utm_zone_name_the_side_and_the_image(side):
    good, bad = [utm(448_258.92, 5_411_932.68)], [utm(448_258.92, 5_411_932.68), utm(2.30, 48.80)]
    sides = {"queries": good, "database": good, side: bad}
    with pytest.raises(
        DataError, match=rf"^{side}: 1 of 2 names state a UTM zone and an east outside it.*@0000002\.30@"
    ):
        positives_from_names(**sides)


def test_names_that_say_no_position_are_counted_side_by_side():
    known, bare = published(51.0, 3.7), [Path(f"walk/{number}.jpg") for number in range(5)]
    assert unclear_names(bare, [known, *bare[:1]]) == (
        "database: 1 of 2 hold none (walk/0.jpg); "
        "queries: 5 of 5 hold none (walk/0.jpg, walk/1.jpg, walk/2.jpg and 2 more)"
    )
    assert unclear_names([known], bare[:1]) == "database: 1 of 1 hold none (walk/0.jpg)"
    mixed = unclear_names([known], [utm(1, 2), known])
    assert mixed.startswith("database: 1 in degrees, 1 in metres (@00")
    assert "queries: 1 in degrees, 0 in metres (Rome_" in mixed


@pytest.mark.parametrize("start", ["", "\ufeff"], ids=["plain", "byte order mark"])
def test_pairs_are_read_from_a_csv(tmp_path, start):
    text = "query,database\nq2.jpg,sub/c.jpg\nq2.jpg,a.jpg\n\nq1.jpg,\nq2.jpg,a.jpg\n"
    (tmp_path / "pairs.csv").write_text(start + text, encoding="utf-8")
    assert lists(positives_from_csv(tmp_path / "pairs.csv", queries=QUERIES, database=DATABASE)) == [[], [0, 2]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("query,image\nq1.jpg,a.jpg\n", "column database is missing. Found: query, image. Expected: query, database"),
        ("", "column query, database is missing. Found: nothing"),
        ("query,database\nq1.jpg,a.jpg\nq9.jpg,a.jpg\n", "line 3: no query image is called 'q9.jpg'"),
        ("query,database\nq1.jpg,c.jpg\n", "line 2: no database image is called 'c.jpg'. Names are relative"),
        ("query,database\n", "has a header and no pair"),
        ("query,database\nq1.jpg\n", "line 2 has one column. Expected query,database.*: q1.jpg,$"),
        (
            "query,database\nq1.jpg,a.jpg\n",
            r"1 of 2 queries have no line: q2\.jpg\. Expected one for each.*: q2\.jpg,$",
        ),
        ("query,database\nq1.jpg,a.jpg\nq1.jpg,\nq2.jpg,\n", "q1.jpg stands there with a database image, and with"),
    ],
)
def test_a_csv_that_does_not_fit_is_named(tmp_path, text, words):
    (tmp_path / "pairs.csv").write_text(text)
    with pytest.raises(DataError, match=words):
        positives_from_csv(tmp_path / "pairs.csv", queries=QUERIES, database=DATABASE)


def test_an_unreadable_csv_is_named(tmp_path):
    with pytest.raises(DataError, match="is not readable as a CSV"):
        positives_from_csv(tmp_path / "absent.csv", queries=QUERIES, database=DATABASE)
    (tmp_path / "pairs.csv").write_bytes(b"query,database\n\xff\xfe\n")
    with pytest.raises(DataError, match="is not readable as a CSV"):
        positives_from_csv(tmp_path / "pairs.csv", queries=QUERIES, database=DATABASE)
