"""Benchmarks that a person defines: two folders, and something that says what is correct."""

import numpy as np
import pytest
import yaml

from gsv_pipeline import compose, recipes, stages
from gsv_pipeline.benchmarks.data import load_benchmark
from gsv_pipeline.benchmarks.images import is_present
from gsv_pipeline.benchmarks.own import benchmark_problems, benchmark_row, benchmark_rows
from gsv_pipeline.errors import ConfigError, DataError, StaleInputError
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import why_stale
from gsv_pipeline.tracking import NullTracker
from tests.benchmarks.folders import lists, utm_name, write_photos


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "data")


@pytest.fixture
def walk(tmp_path):
    """Two folders with numbered photographs, one of them below a folder."""
    write_photos(tmp_path / "walk" / "then", ["1.jpg", "2.jpg", "10.jpg"])
    write_photos(tmp_path / "walk" / "now", ["1.jpg", "2.jpg", "old town/3.jpg"])
    return tmp_path / "walk"


def define(layout, name="walk", **values):
    layout.benchmarks().mkdir(parents=True, exist_ok=True)
    path = layout.benchmarks() / f"{name}.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def build(layout, name="walk", **more):
    return stages.build_benchmark(layout, name, tracker=NullTracker(), **more)


def positives(layout, name="walk"):
    return lists(load_benchmark(layout.benchmark(name)).positives)


def sides(walk, **more):
    return {"database": str(walk / "then"), "queries": str(walk / "now"), **more}


def test_two_folders_with_coordinates_in_their_names_need_no_more(layout, tmp_path):
    for side, points in (("then", [(0, 0), (30, 0)]), ("now", [(20, 0), (999, 0)])):
        write_photos(tmp_path / side, [utm_name(*point) for point in points])
    define(layout, database="../../then", queries=str(tmp_path / "now"))
    done = build(layout)
    assert positives(layout) == [[0, 1], []]
    assert done.metadata["queries_without_positives"] == 1
    assert done.metadata["protocol"] == "within 25 m, included; queries without a positive count as misses"
    assert compose.benchmark_paths(layout, "walk")["database"][0].parent == tmp_path / "then"
    define(layout, database="../../then", queries=str(tmp_path / "now"), radius_m=15)
    assert "radius_m" in str(why_stale(layout, recipes.benchmark(layout, "walk")))
    build(layout)
    assert positives(layout) == [[1], []]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"positives": "order"}, [[0], [1], [2]]),
        ({"positives": "folders"}, [[0, 1, 2], [0, 1, 2], []]),
        ({"frame_window": 1}, [[0, 1], [0, 1, 2], [1, 2]]),
        ({"positives": "order", "frame_window": 0}, [[0], [1], [2]]),
        ({"positives": "pairs.csv"}, [[2], [], [0]]),
        ({"positives": "rows.npy"}, [[1], [0], [2]]),
    ],
)
def test_other_ways_to_say_what_is_correct(layout, walk, settings, expected):
    define(layout, **sides(walk, **settings))
    (layout.benchmarks() / "pairs.csv").write_text("query,database\n1.jpg,10.jpg\n2.jpg,\nold town/3.jpg,1.jpg\n")
    np.save(layout.benchmarks() / "rows.npy", np.array([[1], [0], [2]]))
    build(layout)
    assert positives(layout) == expected


def test_a_list_of_positives_that_changes_makes_another_benchmark(layout, walk):
    define(layout, **sides(walk, positives="rows.npy"))
    np.save(layout.benchmarks() / "rows.npy", np.array([[1], [0], [2]]))
    build(layout)
    assert build(layout).cached
    np.save(layout.benchmarks() / "rows.npy", np.array([[2], [0], [2]]))
    assert not build(layout).cached
    assert positives(layout)[0] == [2]
    write_photos(walk / "now", ["1.jpg"], seed=50)
    assert not build(layout).cached


def test_images_keep_their_place_below_what_both_folders_share(layout, walk):
    define(layout, **sides(walk, positives="order"))
    build(layout)
    data = load_benchmark(layout.benchmark("walk"))
    assert data.database["image_id"].tolist() == ["then/1.jpg", "then/2.jpg", "then/10.jpg"]
    assert data.queries["image_id"].tolist()[2] == "now/old town/3.jpg"
    assert all(path.is_file() for paths in compose.benchmark_paths(layout, "walk").values() for path in paths)


def test_degrees_under_a_utm_zone_are_no_benchmark(layout, tmp_path):
    for side in ("then", "now"):
        write_photos(tmp_path / side, [f"@0000002.3{at}@0000048.8{at}@31@U@@@{side}@@@@@@@@.jpg" for at in range(4)])
    define(layout, **sides(tmp_path))
    with pytest.raises(
        DataError, match=r"^queries: 4 of 4 names state a UTM zone and an east outside it.* 2\.3 in zone 31"
    ):
        build(layout)
    define(layout, **sides(tmp_path, positives="order"))
    build(layout)  # a list needs no coordinates, so none of these is taken for metres
    assert not {"east", "north"} & set(load_benchmark(layout.benchmark("walk")).queries)


def test_coordinates_that_tell_no_place_apart_are_refused_where_they_may_be_degrees(layout, tmp_path):
    for side in ("then", "now"):
        write_photos(tmp_path / side, ["@2.30@48.80@.jpg", "@2.31@48.81@.jpg"])
    define(layout, **sides(tmp_path))
    with pytest.raises(DataError, match=r"so every recall would be 100 %, and all coordinates, such as 2\.3 and 48\.8"):
        build(layout)
    define(layout, **sides(tmp_path, radius_m=0.005))  # a desk, measured in metres
    build(layout)
    assert positives(layout) == [[0], [1]]
    write_photos(tmp_path / "now", ["@2.30@99.80@.jpg"])
    define(layout, **sides(tmp_path))
    build(layout)
    assert positives(layout) == [[0, 1], [], [0, 1]]
    (tmp_path / "now" / "@2.30@99.80@.jpg").unlink()
    (tmp_path / "then" / "@2.31@48.81@.jpg").unlink()
    build(layout)
    assert positives(layout) == [[0], [0]]  # one image is one place


def test_names_without_coordinates_say_what_else_there_is(layout, walk):
    define(layout, **sides(walk))
    with pytest.raises(DataError, match="Not every name holds coordinates.*'positives' in the YAML") as caught:
        build(layout)
    assert f"database: 3 of 3 hold none ({walk}/then/1.jpg" in str(caught.value)
    assert f"queries: 3 of 3 hold none ({walk}/now/1.jpg" in str(caught.value)


def test_a_query_that_the_pairs_leave_out_is_no_miss_but_an_error(layout, walk):
    define(layout, **sides(walk, positives="pairs.csv"))
    pairs = layout.benchmarks() / "pairs.csv"
    pairs.write_text("query,database\n1.jpg,10.jpg\n")
    with pytest.raises(
        DataError, match=r"2 of 3 queries have no line: 2\.jpg, old town/3\.jpg\. Expected one for each"
    ):
        build(layout)
    assert not layout.benchmark("walk").exists()
    pairs.write_text("query,database\n1.jpg,10.jpg\n2.jpg,\nold town/3.jpg,\n")
    assert build(layout).metadata["queries_without_positives"] == 2


def test_one_folder_for_both_sides_is_refused_however_it_is_spelt(layout, walk, tmp_path):
    (tmp_path / "link").symlink_to(walk / "now")
    for folder in (walk / "now", walk / "then" / ".." / "now", tmp_path / "link"):
        define(layout, **sides(walk, database=str(folder), positives="order"))
        with pytest.raises(
            ConfigError, match=r"walk\.yaml: database and queries are one folder, .*now, so every query"
        ):
            build(layout)
    assert list(benchmark_problems(layout)) == ["walk"]


def test_a_query_that_is_in_the_database_is_refused(layout, walk):
    define(layout, **sides(walk, database=str(walk), positives="folders"))
    with pytest.raises(DataError, match=r"3 of 3 queries are images of the database too, .*now/1\.jpg for one"):
        build(layout)
    (walk / "then" / "3.jpg").symlink_to(walk / "now" / "2.jpg")
    define(layout, **sides(walk, positives="folders"))
    with pytest.raises(DataError, match=r"1 of 3 queries are images of the database too, .*now/2\.jpg for one"):
        build(layout)


def test_folders_side_by_side_or_one_inside_the_other_may_share_names_but_no_file(layout, walk):
    write_photos(walk / "now" / "kept", ["7.jpg"])
    define(layout, **sides(walk, database=str(walk / "now" / "kept"), positives="folders"))
    with pytest.raises(DataError, match=r"1 of 4 queries are images of the database too, .*now/kept/7\.jpg"):
        build(layout)
    (walk / "then" / "7.jpg").write_bytes((walk / "now" / "1.jpg").read_bytes())
    define(layout, **sides(walk, positives="folders"))
    build(layout)


def test_sides_of_unequal_length_have_no_order(layout, walk):
    (walk / "now" / "2.jpg").unlink()
    for settings in ({"positives": "order"}, {"frame_window": 2}):
        define(layout, **sides(walk, **settings))
        with pytest.raises(DataError, match="Found 2 queries and 3 database images"):
            build(layout)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"positives": "coordinates"}, "positives is 'coordinates', expected names, folders, order, or a file"),
        ({"positives": "order", "radius_m": 5}, "radius_m is for coordinates in names"),
        ({"positives": "folders", "frame_window": 5}, "frame_window counts images in the order of their names"),
        ({"radius_m": 0}, "radius_m: found 0, expected more than 0"),
        ({"radius": 5}, "Unknown setting 'radius'. Did you mean 'radius_m'"),
        ({"queries": None}, "queries"),
    ],
)
def test_a_file_that_cannot_be_used_says_why_and_stops_nothing_else(layout, walk, settings, words):
    values = {key: value for key, value in sides(walk, **settings).items() if value is not None}
    define(layout, "broken", **values)
    define(layout, **sides(walk, positives="order"))
    with pytest.raises(ConfigError, match=rf"broken\.yaml does not define a benchmark:\n  .*{words}"):
        benchmark_row(layout, "broken")
    assert "walk" in benchmark_rows(layout)
    assert "broken" not in benchmark_rows(layout)
    assert list(benchmark_problems(layout)) == ["broken"]


@pytest.mark.parametrize(("name", "words"), [("sped", "has the name of a shipped one"), ("My-Walk", "cannot name")])
def test_a_name_that_cannot_be_used_is_refused(layout, walk, name, words):
    define(layout, name, **sides(walk, positives="order"))
    with pytest.raises(ConfigError, match=words):
        benchmark_row(layout, name)
    assert list(benchmark_problems(layout)) == [name]


def test_folders_that_are_gone_are_named(layout, walk, tmp_path):
    define(layout, **sides(walk, positives="order"))
    assert is_present(layout, benchmark_row(layout, "walk"))
    (walk / "now").rename(tmp_path / "later")
    assert not is_present(layout, benchmark_row(layout, "walk"))
    with pytest.raises(
        StaleInputError, match=r"needs .*now, and there is no such folder. It is defined in .*walk\.yaml"
    ):
        build(layout)


def test_an_unknown_benchmark_is_guessed_among_own_ones_too(layout, walk):
    define(layout, **sides(walk, positives="order"))
    with pytest.raises(ConfigError, match=r"Did you mean 'walk'.*Own ones go to .*benchmarks/"):
        recipes.benchmark(layout, "wolk")


def test_the_row_states_licence_and_protocol(layout, walk):
    define(layout, **sides(walk, frame_window=3, licence="mine", redistributable=True))
    row = benchmark_row(layout, "walk")
    assert (row.licence, row.redistributable, row.protocol.words.partition(";")[0]) == (
        "mine",
        True,
        "within ±3 frames",
    )
