"""Benchmarks in the three forms that users have on their disks, and in the one that AmsterTime is published in."""

import re
from pathlib import Path

import numpy as np
import pytest

from gsv_pipeline.benchmarks import BENCHMARKS
from gsv_pipeline.benchmarks.data import check_benchmark
from gsv_pipeline.benchmarks.formats import numpy_lists, paired_folders, utm_folders, vpr_bench
from gsv_pipeline.benchmarks.formats.recognise import load
from gsv_pipeline.benchmarks.formats.sides import image_names, side_table
from gsv_pipeline.errors import DataError
from gsv_pipeline.reports.measures import measure, metrics_of
from tests.benchmarks.folders import (
    lists,
    numbered,
    ragged,
    utm_name,
    write_lists,
    write_photos,
    write_utm_side,
)

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "gsv_cities_ground_truth"
needs_lists = pytest.mark.skipif(not SHARED.is_dir(), reason="the published lists are not beside this repository")
STEM = {"database": "toy_dbImages.npy", "queries": "toy_qImages.npy", "positives": ("toy_gt.npy",)}
NAMES = {"dbImages": np.array(numbered("ref", 3)), "qImages": np.array(numbered("query", 2))}
STREET = [(500_000.0 + 20 * at, 4_180_000.0) for at in range(4)]


def ids(table):
    return table["image_id"].tolist()


# --- lists of gsv-cities ---


@pytest.mark.parametrize("below", [".", "datasets/Toy"])
@pytest.mark.parametrize("wrapped", ["", "Toy", "all/Toy"])
def test_lists_are_found_beside_the_images_and_in_a_folder_of_their_own(tmp_path, below, wrapped):
    images, own = tmp_path / "images", tmp_path / "gsv-cities"
    write_photos(images / wrapped, [*NAMES["dbImages"], *NAMES["qImages"]])
    write_lists(own / below, "toy", endings={**NAMES, "gt": ragged([[0], [1, 2]])})
    data = numpy_lists.find(images, own, **STEM)
    start = f"{wrapped}/" if wrapped else ""
    assert ids(data.database) == [f"{start}{name}" for name in NAMES["dbImages"]]
    assert ids(data.queries) == [f"{start}{name}" for name in NAMES["qImages"]]
    assert lists(data.positives) == [[0], [1, 2]]
    write_lists(images, "toy", endings={**NAMES, "gt": np.array([[2], [0]])})
    assert lists(numpy_lists.find(images, None, **STEM).positives) == [[2], [0]]


def test_queries_that_do_not_count_are_left_out_as_the_list_says(tmp_path):
    endings = {**NAMES, "qImages": np.array(numbered("query", 4)), "qIdx": np.array([0, 3]), "pIdx": ragged([[1], [2]])}
    write_lists(tmp_path, "toy", endings=endings)
    files = {**STEM, "positives": ("toy_pIdx.npy",), "chosen": "toy_qIdx.npy"}
    data = numpy_lists.find(tmp_path, None, **files)
    assert ids(data.queries) == ["query/0000000.jpg", "query/0000003.jpg"]
    write_lists(tmp_path, "toy", endings={"qIdx": np.array([0, 4])})
    with pytest.raises(DataError, match="names query 4, but there are 4 queries"):
        numpy_lists.find(tmp_path, None, **files)


def test_hidden_answers_are_no_positives(tmp_path):
    write_lists(tmp_path, "toy", endings=NAMES)
    data = numpy_lists.find(tmp_path, None, **{**STEM, "positives": ()})
    check_benchmark(data, name="toy", has_positives=False)
    assert lists(data.positives) == [[], []]


def test_lists_that_are_not_there_are_no_lists(tmp_path):
    assert numpy_lists.find(tmp_path, None, **STEM) is None


@pytest.mark.parametrize("missing", ["dbImages", "qImages", "gt"])
def test_a_list_that_is_missing_is_named(tmp_path, missing):
    endings = {ending: values for ending, values in {**NAMES, "gt": ragged([[0], [1]])}.items() if ending != missing}
    write_lists(tmp_path, "toy", endings=endings)
    with pytest.raises(DataError, match=rf"holds toy_.*but not toy_{missing}\.npy.*gsv-cities; say where .* lists="):
        numpy_lists.find(tmp_path, None, **STEM)


def test_lists_of_two_releases_are_refused(tmp_path):
    write_lists(tmp_path, "toy", endings={**NAMES, "gt": ragged([[0], [1], [2]])})
    with pytest.raises(DataError, match="positives of 3 queries, but there are 2 queries"):
        numpy_lists.find(tmp_path, None, **STEM)


@needs_lists
@pytest.mark.parametrize("name", ["nordland", "sped", "essex3in1", "cross_season", "inria_holidays"])
def test_published_lists_hold_what_the_row_says(tmp_path, name):
    row = BENCHMARKS[name]
    data = load(tmp_path, lists=SHARED, forms=row.forms, name=name)
    check_benchmark(data, name=name)
    found = (len(data.database), len(data.queries), sum(map(len, data.positives)))
    assert found == (row.expected.database, row.expected.queries, row.expected.positives)
    assert ids(data.database)[0] == "ref/0000000.jpg"


@needs_lists
def test_the_published_queries_of_msls_are_those_that_have_positives(tmp_path):
    (form,) = BENCHMARKS["msls_val"].forms
    with pytest.raises(DataError, match=r"but not msls_val_dbImages\.npy"):
        numpy_lists.find(tmp_path, SHARED, **form.arguments)
    names = [f"train_val/{'cph' if row < 12_556 else 'sf'}/database/images/{row}.jpg" for row in range(18_871)]
    write_lists(tmp_path, "msls_val", endings={"dbImages": np.array(names)})
    for path in (SHARED / "msls_val").glob("*.npy"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    data = numpy_lists.find(tmp_path, tmp_path, **form.arguments)
    assert (len(data.queries), sum(map(len, data.positives)), min(map(len, data.positives))) == (740, 7_955, 1)
    cities = data.queries["place_id"].str.partition("/")[0].value_counts()
    assert cities.to_dict() == {"cph": 498, "sf": 242}


@needs_lists
def test_crops_of_a_panorama_of_pittsburgh_are_one_place():
    names = np.load(SHARED / "Pittsburgh" / "pitts30k_test_dbImages.npy").tolist()
    table = side_table(names)
    assert table["place_id"].nunique() == 417
    assert table["place_id"].value_counts().max() == 24


# --- folders of VPR-datasets-downloader ---


@pytest.mark.parametrize("start", ["images/test", "test", "toy/images/test"])
@pytest.mark.parametrize("database", ["database", "gallery"])
def test_folders_of_the_downloader_are_found(tmp_path, start, database):
    write_utm_side(tmp_path / start / database, STREET)
    write_utm_side(tmp_path / start / "queries", [(STREET[1][0] + 3, STREET[1][1])], note="night_forward_cph")
    data = utm_folders.find(tmp_path, None, split="test", inside=("toy",))
    assert lists(data.positives) == [[0, 1, 2]]
    assert ids(data.queries)[0].startswith(f"{start}/queries/@")
    query = data.queries.iloc[0]
    assert (query["year"], query["month"], query["bearing"], query["lat"]) == (2013, 7, 90.0, 40.44)
    assert (query["east"], query["condition"]) == (500_023.0, "night_forward_cph")
    assert "condition" not in data.database


def test_the_folder_of_a_condition_is_chosen_and_noted(tmp_path):
    for folder in ("gallery", "queries_night", "queries_sun"):
        write_utm_side(tmp_path / "images" / "test" / folder, STREET[: 1 + len(folder) % 2])
    (form,) = BENCHMARKS["svox_night"].forms
    data = utm_folders.find(tmp_path, None, **form.arguments)
    assert set(data.queries["condition"]) == {"night"}
    assert all("/queries_night/" in name for name in ids(data.queries))


def test_without_both_sides_there_is_no_folder_of_the_downloader(tmp_path):
    write_utm_side(tmp_path / "images" / "test" / "database", STREET)
    assert utm_folders.find(tmp_path, None, split="test") is None
    assert utm_folders.find(tmp_path, None, split="val") is None


def test_names_without_coordinates_are_counted(tmp_path):
    write_utm_side(tmp_path / "test" / "database", STREET)
    write_photos(tmp_path / "test" / "queries", ["b.jpg", "a.jpg"])
    with pytest.raises(
        DataError, match=r"2 of 2 names in .*queries hold no coordinates: a\.jpg, b\.jpg. Expected @UTM"
    ):
        utm_folders.find(tmp_path, None, split="test")


def test_degrees_in_the_place_of_metres_are_refused(tmp_path):
    for side in ("database", "queries"):
        write_photos(tmp_path / "test" / side, [f"@-79.9872{at}@40.4406{at}@@@.jpg" for at in range(3)])
    with pytest.raises(DataError, match=r"^queries: the coordinates look like degrees.*\(@-79\.98720@40\.44060@"):
        utm_folders.find(tmp_path, None, split="test")


def test_a_window_of_frames_is_what_the_made_up_metres_mean(tmp_path):
    # VPR-datasets-downloader writes a frame every 25 / 10.5 m, so that ten frames are within 25 m and eleven are not.
    for side in ("database", "queries"):
        names = [f"@0@{int(at * 250 / 10.5) / 10:07.1f}@@@@@{at}@@@@@@@@.jpg" for at in range(40)]
        write_photos(tmp_path / "images" / "test" / side, names)
    by_metres = utm_folders.find(tmp_path, None, split="test")
    by_frames = utm_folders.find(tmp_path, None, split="test", frame_window=10)
    assert lists(by_metres.positives) == lists(by_frames.positives)
    assert lists(by_frames.positives)[20] == list(range(10, 31))
    (tmp_path / "images" / "test" / "queries" / names[0]).unlink()
    with pytest.raises(DataError, match="40 frames of one journey, 39 of the other"):
        utm_folders.find(tmp_path, None, split="test", frame_window=10)


def write_made_up(root, *, step):
    """Both sides of three images whose metres say which belong together, as the downloader makes them up."""
    for side in ("database", "queries"):
        names = [f"@0@{step * at:09.2f}@@@1.5@{at}@{at}@@@@@@@@.jpg" for at in range(3)]
        write_photos(root / "images" / "test" / side, names)


@pytest.mark.parametrize(("name", "step"), [("nordland_wide", 2.38), ("sped", 1000), ("amstertime", 1000)])
def test_made_up_metres_say_which_images_belong_together_and_not_where_they_are(tmp_path, name, step):
    write_made_up(tmp_path, step=step)
    data = load(tmp_path, lists=None, forms=BENCHMARKS[name].forms, name=name)
    assert lists(data.positives) == ([[0, 1, 2]] * 3 if name == "nordland_wide" else [[0], [1], [2]])
    for table in data.sides.values():
        assert not {"east", "north"} & set(table)
        assert table[["lat", "lon"]].isna().to_numpy().all()
    measures = measure(data, np.array([[0], [2], [1]]), np.ones((3, 1), np.float32))
    assert measures.localisation is None
    assert "median error, m" not in metrics_of(measures)


def test_coordinates_of_a_survey_are_kept(tmp_path):
    for side in ("database", "queries"):
        write_utm_side(tmp_path / "test" / side, STREET)
    (form,) = BENCHMARKS["st_lucia"].forms
    data = utm_folders.find(tmp_path, None, **form.arguments)
    measures = measure(data, np.array([[0], [1], [2], [2]]), np.ones((4, 1), np.float32))
    assert measures.localisation is not None
    assert measures.localisation.recall[:4] == [0.75, 0.75, 0.75, 1.0]


DEGREES = [(2.30, 48.80), (2.31, 48.81), (2.35, 48.86)]  # of Paris, with as many decimals as metres have


def write_degrees(folder, *, zone):
    for side in ("database", "queries"):
        write_photos(folder / side, [f"@{lon:010.2f}@{lat:010.2f}@{zone}@@@{side}@@@@@@@@.jpg" for lon, lat in DEGREES])


@pytest.mark.parametrize("side", ["queries", "database"])
def test_degrees_with_two_decimals_under_a_utm_zone_are_refused(tmp_path, side):
    write_degrees(tmp_path / "degrees", zone="31@U")
    for folder in ("queries", "database"):
        write_utm_side(tmp_path / "test" / folder, STREET)
    (tmp_path / "degrees" / side).rename(tmp_path / "away")
    for path in (tmp_path / "away").iterdir():
        path.rename(tmp_path / "test" / side / path.name)
    with pytest.raises(
        DataError,
        match=rf"^{side}: 3 of 7 names state a UTM zone and an east outside it, the first 2\.3 in zone 31 "
        r"\(@0000002\.30@.*Expected 100,000 to 1,000,000 m\. Convert degrees to UTM; if they are metres "
        r"from an origin of your own",
    ):
        utm_folders.find(tmp_path, None, split="test")


def test_degrees_with_two_decimals_and_no_zone_make_every_answer_right_and_are_refused(tmp_path):
    write_degrees(tmp_path / "test", zone="@")
    with pytest.raises(
        DataError,
        match=r"Each of the 3 database images is within 25 m of each of the 3 queries, so every recall would be 100 %.*"
        r"such as 2\.3 and 48\.8, could be degrees.*Convert degrees to UTM; if they are metres, take a smaller radius",
    ):
        utm_folders.find(tmp_path, None, split="test")


def test_a_zone_that_is_not_that_of_the_metres_keeps_them_out_of_distances():
    table = side_table(["@0000002.30@0000048.80@31@U@48.80@2.30@@@@@@@@@.jpg"])
    assert not {"east", "north"} & set(table)
    assert table[["lat", "lon"]].to_numpy().tolist() == [[48.8, 2.3]]
    assert {"east", "north"} <= set(side_table([utm_name(*STREET[0]), utm_name(3, 4)]))


def test_a_list_of_paths_takes_the_place_of_a_look_into_the_folder(tmp_path):
    names = write_utm_side(tmp_path / "test" / "database", STREET)
    write_utm_side(tmp_path / "test" / "queries", STREET[:1])
    listed = tmp_path / "test" / "database_images_paths.txt"
    listed.write_text("\n".join(names[2:]) + "\n")
    assert len(utm_folders.find(tmp_path, None, split="test").database) == 2
    listed.write_text("../up.jpg\n")
    with pytest.raises(DataError, match="which leads out of"):
        utm_folders.find(tmp_path, None, split="test")


def test_images_are_listed_in_the_order_of_their_paths_and_hidden_ones_are_not(tmp_path):
    write_photos(tmp_path, ["b/@2.jpg", "a.JPG", "b/@10.jpg", ".hidden.jpg", ".git/x.jpg"])
    (tmp_path / "notes.txt").touch()
    assert image_names(tmp_path) == ["a.JPG", "b/@10.jpg", "b/@2.jpg"]
    with pytest.raises(DataError, match="No image in"):
        image_names(tmp_path / ".git" / "nothing")


# --- folders of VPR-Bench ---


@pytest.fixture
def bench(tmp_path):
    write_photos(tmp_path / "Toy", [*numbered("ref", 3), *numbered("query", 2)])
    return tmp_path


def test_a_folder_of_vpr_bench_is_read_with_its_ground_truth(bench):
    truth = np.array([[0, [1]], [1, [0, 2]]], dtype=object)
    np.save(bench / "Toy" / "ground_truth_new.npy", truth, allow_pickle=True)
    data = vpr_bench.find(bench, None, names=("Toy",))
    assert lists(data.positives) == [[1], [0, 2]]
    assert ids(data.queries) == ["Toy/query/0000000.jpg", "Toy/query/0000001.jpg"]
    assert ids(vpr_bench.find(bench / "Toy", None).database) == numbered("ref", 3)


def test_images_are_in_the_order_of_their_numbers(tmp_path):
    write_photos(tmp_path, [f"{side}/{number}.jpg" for side in ("ref", "query") for number in (10, 2, 0)])
    data = vpr_bench.find(tmp_path, None, exact_pair=True)
    assert ids(data.database) == ["ref/0.jpg", "ref/2.jpg", "ref/10.jpg"]
    assert lists(data.positives) == [[0], [1], [2]]


def test_the_ground_truth_may_lie_elsewhere(bench, tmp_path):
    (tmp_path / "truth").mkdir()
    np.save(tmp_path / "truth" / "ground_truth_new.npy", np.array([[2], [1]]))
    assert lists(vpr_bench.find(bench, tmp_path / "truth", names=("Toy",)).positives) == [[2], [1]]


def test_without_a_ground_truth_the_protocol_says_what_is_correct(bench):
    with pytest.raises(DataError, match=r"but not ground_truth_new\.npy.*lists=FOLDER"):
        vpr_bench.find(bench, None, names=("Toy",))
    with pytest.raises(DataError, match="Found 2 queries and 3 database images, expected as many of each"):
        vpr_bench.find(bench, None, names=("Toy",), exact_pair=True)
    data = vpr_bench.find(bench, None, names=("Toy",), frames_per_query=2, frame_window=1)
    assert lists(data.positives) == [[0, 1], [1, 2]]
    assert vpr_bench.find(bench, None) is None


@needs_lists
def test_the_window_of_nordland_is_that_of_the_published_ground_truth():
    from gsv_pipeline.benchmarks.formats.arrays import read_positives
    from gsv_pipeline.benchmarks.ground_truth import positives_in_window

    path = SHARED / "Nordland" / "Nordland_gt.npy"
    published = read_positives(path, num_queries=2_760, num_database=27_592)
    assert lists(positives_in_window(np.arange(2_760) * 10, np.arange(27_592), 1)) == lists(published)


# --- pairs of AmsterTime ---


def test_pairs_are_found_by_their_name_whatever_the_ending(tmp_path):
    write_photos(tmp_path / "AmsterTime-v1.0", ["new/00001.png", "new/00002.png", "new/7.png", "old/00002.jpg"])
    data = paired_folders.find(tmp_path, None, database="new", queries="old")
    assert lists(data.positives) == [[1]]
    assert ids(data.queries) == ["AmsterTime-v1.0/old/00002.jpg"]
    write_photos(tmp_path / "AmsterTime-v1.0", ["old/9.jpg"])
    with pytest.raises(DataError, match=r"1 of 2 images in .*old have no counterpart in .*new: 9\."):
        paired_folders.find(tmp_path, None, database="new", queries="old")
    assert paired_folders.find(tmp_path, None, database="new", queries="older") is None


# --- which of them it is ---


def test_what_is_in_no_form_says_what_was_looked_for_and_found(tmp_path):
    write_photos(tmp_path, ["a.jpg", "sub/b.jpg"])
    forms = BENCHMARKS["sped"].forms
    expected = "; or ".join(re.escape(form.looks_like) for form in forms)
    with pytest.raises(DataError, match=rf"'sped' is not in .*found: a\.jpg, sub/\)\. Expected {expected}\. Fetch"):
        load(tmp_path, lists=None, forms=forms, name="sped")


def test_a_form_that_is_there_and_broken_is_named_and_no_other_is_tried(tmp_path):
    write_photos(tmp_path, [*numbered("ref", 2), *numbered("query", 2)])
    write_lists(tmp_path, "SPED", endings={"dbImages": np.array(numbered("ref", 2))})
    with pytest.raises(DataError, match=r"'sped', read as the lists of gsv-cities .*but not SPED_qImages\.npy"):
        load(tmp_path, lists=None, forms=BENCHMARKS["sped"].forms, name="sped")


@pytest.mark.parametrize("form", ["lists", "folders of the downloader", "folder of VPR-Bench"])
def test_one_benchmark_is_the_same_in_all_its_forms(tmp_path, form):
    if form == "folders of the downloader":
        for side in ("database", "queries"):
            write_photos(
                tmp_path / "images" / "test" / side, [f"@0@{1000 * at}@@@@@{at}@@@@@@@@.jpg" for at in range(3)]
            )
    else:
        write_photos(tmp_path / "SPEDTEST", [*numbered("ref", 3), *numbered("query", 3)])
    if form == "lists":
        names = {"dbImages": np.array(numbered("ref", 3)), "qImages": np.array(numbered("query", 3))}
        write_lists(tmp_path, "SPED", endings={**names, "gt": np.arange(3)[:, None]})
    data = load(tmp_path, lists=None, forms=BENCHMARKS["sped"].forms, name="sped")
    assert lists(data.positives) == [[0], [1], [2]]
    assert all((tmp_path / name).is_file() for name in [*ids(data.database), *ids(data.queries)])


def test_names_that_say_nothing_leave_everything_unknown():
    table = side_table(["walk/IMG_1.jpg", "walk/IMG_2.jpg"])
    assert table["place_id"].tolist() == ["walk/IMG_1", "walk/IMG_2"]
    assert table[["year", "month"]].to_numpy().tolist() == [[0, 0], [0, 0]]
    assert table[["bearing", "lat", "lon"]].isna().to_numpy().all()
    assert not {"east", "north", "condition"} & set(table)


def test_a_place_of_utm_names_is_a_position():
    names = [utm_name(1.5, 2, number=1), utm_name(1.5, 2, number=2), utm_name(1.5, 3)]
    assert side_table(names)["place_id"].tolist() == ["E1.50N2.00", "E1.50N2.00", "E1.50N3.00"]
