"""Listing images of a folder."""

import pytest

from gsv_pipeline.errors import DataError
from gsv_pipeline.images import list_images


def test_images_are_listed_in_natural_order_from_every_depth(tmp_path):
    names = ["db10.jpg", "db2.JPG", "db1.png", "a/3.jpeg", "a/20.webp", "a/b/1.tif"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "folder.jpg").mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path)]
    assert found == ["a/3.jpeg", "a/20.webp", "a/b/1.tif", "db1.png", "db2.JPG", "db10.jpg"]


def test_names_of_equal_numbers_have_one_order(tmp_path):
    for name in ("01.jpg", "1.jpg", "001.jpg"):
        (tmp_path / name).touch()
    assert [path.name for path in list_images(tmp_path)] == ["001.jpg", "01.jpg", "1.jpg"]


def test_digits_that_are_no_numbers_are_letters(tmp_path):
    for name in ("m².jpg", "٣.jpg", "m10.jpg"):
        (tmp_path / name).touch()
    assert [path.name for path in list_images(tmp_path)] == ["٣.jpg", "m10.jpg", "m².jpg"]


def test_a_missing_folder_and_one_without_images_are_refused(tmp_path):
    with pytest.raises(DataError, match="is no folder"):
        list_images(tmp_path / "absent")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match=r"No image in .*\.jpg"):
        list_images(tmp_path)
