"""The published layout: names, the note of where images lie, and the version of what lies there."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_pipeline.errors import DataError
from gsv_pipeline.sources.location import image_root, write_location
from gsv_pipeline.sources.published import ImageName, parse_name, read_listing
from tests.published import image_name, save_photo, shots_of, write_city

NUMBER = st.integers(0, 9_999_999)
PANOID = st.text(st.sampled_from("abzAZ019_-"), min_size=1, max_size=22)


@settings(deadline=None)
@given(st.sampled_from(["PRS", "MexicoCity"]), NUMBER, NUMBER, st.floats(-90, 90), st.floats(-180, 180), PANOID)
def test_a_name_is_read_back_whatever_its_panorama_is_called(city, place, northdeg, lat, lon, panoid):
    stem = f"{city}_{place:07d}_2015_06_{northdeg:03d}_{lat}_{lon}_{panoid}"
    assert parse_name(stem) == ImageName(city, place, 2015, 6, northdeg, lat, lon, panoid)


def test_panoids_keep_their_underscores_and_dashes():
    name = parse_name("OSL_0000013_2015_06_584_59.9_-10.7_-_a_B-c__")
    assert name.panoid == "-_a_B-c__"
    assert (name.northdeg, name.lon) == (584, -10.7)


@pytest.mark.parametrize(
    "stem",
    ["", "db1", "OSL_1_2015_06_090_59.9_10.7", "OSL_1_2015_06_090_59.9_10.7_", "OSL_x_2015_06_090_59.9_10.7_p"],
)
def test_names_of_another_form_are_none(stem):
    assert parse_name(stem) is None


def test_the_written_layout_of_the_tests_is_the_published_one():
    shot = shots_of(1, 1)[0]
    assert parse_name(image_name("Rome", shot).removesuffix(".JPG")).panoid == shot.panoid


def test_images_lie_in_the_artifact_unless_it_says_otherwise(tmp_path):
    assert image_root(tmp_path) == tmp_path
    write_location(tmp_path, tmp_path / "elsewhere")
    with pytest.raises(DataError, match="elsewhere is gone. Put it back"):
        image_root(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    assert image_root(tmp_path) == tmp_path / "elsewhere"


@pytest.fixture
def root(tmp_path):
    for city in ("Rome", "Osaka"):
        write_city(tmp_path, city, shots_of(2, 2))
    return tmp_path


def first_photo(root):
    return sorted((root / "Images" / "Rome").iterdir())[0]


def test_the_version_of_a_folder_stays_while_nothing_changes(root):
    (root / "notes.txt").touch()
    assert read_listing(root).version == read_listing(root).version
    assert len(read_listing(root).version) == 16


@pytest.mark.parametrize(
    "change",
    [
        lambda root: first_photo(root).unlink(),
        lambda root: save_photo(root / "Images" / "Rome" / "new.JPG", 1),
        lambda root: first_photo(root).rename(root / "Images" / "Osaka" / "moved.JPG"),
        lambda root: first_photo(root).write_bytes(b"other size"),
        lambda root: os.utime(first_photo(root), (1, 1)),
        lambda root: (root / "Dataframes" / "Rome.csv").write_text("other"),
        lambda root: (root / "Dataframes" / "Rome.csv").unlink(),
    ],
    ids=["removed", "added", "moved", "changed", "touched", "csv changed", "csv removed"],
)
def test_the_version_of_a_folder_follows_every_change(root, change):
    before = read_listing(root).version
    change(root)
    assert read_listing(root).version != before


def test_files_beside_the_cities_do_not_count(root):
    before = read_listing(root).version
    (root / "Images" / "readme.txt").touch()
    assert read_listing(root).version == before


def test_a_link_that_leads_nowhere_has_a_version_too(root):
    before = read_listing(root).version
    (root / "Images" / "Rome" / "link.JPG").symlink_to("gone.JPG")
    assert read_listing(root).version != before


def test_a_folder_that_is_gone_says_so(tmp_path):
    with pytest.raises(DataError, match=r"moved is gone. Put it back, or fetch the data set again"):
        read_listing(tmp_path / "moved")


def test_links_in_a_circle_end(root):
    before = read_listing(root).version
    (root / "Images" / "Rome" / "up").symlink_to(root / "Images", target_is_directory=True)
    (root / "Images" / "Rome" / "self.JPG").symlink_to("self.JPG")
    assert read_listing(root).version != before


def test_a_subfolder_called_images_does_not_hide_the_rest_of_another_layout(tmp_path):
    for name in ("Images/a.jpg", "walk/b.jpg"):
        save_photo(tmp_path / name, 1)
    before = read_listing(tmp_path, is_published=False)
    save_photo(tmp_path / "walk" / "c.jpg", 2)
    after = read_listing(tmp_path, is_published=False)
    assert (before.files, after.files) == (2, 3)
    assert before.version != after.version
