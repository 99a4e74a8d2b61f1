"""Opening images with Pillow: damaged ones raise with the reason, sound ones come out as Pillow makes them."""

import numpy as np
import pytest
from PIL import Image, ImageFile

from gsv_pipeline.errors import DataError
from gsv_pipeline.images import check_image, open_image, read_resized
from tests.published import save_photo


@pytest.fixture
def photo(tmp_path):
    return save_photo(tmp_path / "photo.jpg", 0, size=(64, 48))


def test_an_image_is_decoded_as_rgb(photo):
    assert open_image(photo).mode == "RGB"
    assert check_image(photo) == (64, 48)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "I;16"])
def test_other_modes_become_rgb(tmp_path, mode):
    Image.new(mode, (9, 7)).save(tmp_path / "image.png")
    assert open_image(tmp_path / "image.png").mode == "RGB"


def test_a_missing_image_is_named(tmp_path):
    with pytest.raises(DataError, match=r"absent\.jpg is missing"):
        open_image(tmp_path / "absent.jpg")


def test_an_empty_image_is_called_empty(tmp_path):
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(DataError, match=r"empty\.jpg is empty \(0 bytes\)"):
        open_image(tmp_path / "empty.jpg")


def test_a_file_that_is_no_image_shows_how_it_starts(tmp_path):
    (tmp_path / "page.jpg").write_text("<!DOCTYPE html> quota exceeded")
    with pytest.raises(DataError, match=r"page\.jpg is not an image: 30 bytes that start with b'<!DOCTYPE html> '"):
        open_image(tmp_path / "page.jpg")


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_image_is_called_damaged(photo, share):
    whole = photo.read_bytes()
    photo.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(DataError, match=r"photo\.jpg is damaged: .*truncated"):
        open_image(photo)


def test_truncated_files_are_not_let_through_for_the_whole_process():
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_a_folder_in_place_of_an_image_is_called_damaged(tmp_path):
    with pytest.raises(DataError, match="is damaged"):
        open_image(tmp_path)


def test_a_header_that_promises_a_giant_image_is_called_damaged(photo, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(DataError, match=r"damaged: Image size \(3072 pixels\) exceeds limit"):
        open_image(photo)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_resizing_is_pillows(photo, interpolation):
    found = read_resized(photo, height=20, width=31, interpolation=interpolation)
    method = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}[interpolation]
    with Image.open(photo) as image:
        expected = np.asarray(image.convert("RGB").resize((31, 20), method))
    assert found.shape == (20, 31, 3)
    assert found.dtype == np.uint8
    assert np.array_equal(found, expected)


def test_an_image_of_the_right_size_keeps_its_pixels(photo):
    with Image.open(photo) as image:
        expected = np.asarray(image.convert("RGB"))
    assert np.array_equal(read_resized(photo, height=48, width=64), expected)
