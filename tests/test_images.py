"""Reading images: damaged ones raise with the reason, sound ones come out as Pillow makes them."""

import threading
import time

import numpy as np
import pytest
from PIL import Image, ImageFile

from gsv_pipeline import images
from gsv_pipeline.errors import DataError
from gsv_pipeline.images import ImageReader, check_image, list_images, open_image, prefetch, read_resized
from gsv_pipeline.tracking import NullTracker
from tests.published import save_photo


@pytest.fixture
def photo(tmp_path):
    return save_photo(tmp_path / "photo.jpg", 0, size=(64, 48))


@pytest.fixture
def photos(tmp_path):
    return [save_photo(tmp_path / f"{number}.jpg", number, size=(40, 30)) for number in range(7)]


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


def test_a_batch_has_the_order_of_its_rows(photos):
    reader = ImageReader(photos, height=12, width=16)
    batch = reader.batch([5, 0, 5])
    assert batch.shape == (3, 12, 16, 3)
    for found, row in zip(batch, [5, 0, 5], strict=True):
        assert np.array_equal(found, read_resized(photos[row], height=12, width=16))


def test_images_decoded_beforehand_are_those_decoded_as_they_come(photos):
    lazy = ImageReader(photos, height=12, width=16, threads=2)
    eager = ImageReader(photos, height=12, width=16, threads=2)
    eager.decode_all(NullTracker(), "Decoding")
    for path in photos:
        path.unlink()  # nothing is read again
    rows = np.array([6, 1, 1], dtype=np.int64)
    assert len(eager) == len(lazy) == 7
    with pytest.raises(DataError):
        lazy.batch(rows)
    assert eager.batch(rows).shape == (3, 12, 16, 3)
    assert np.array_equal(eager.batch(range(1, 2))[0], eager.batch(rows)[1])


def test_a_damaged_image_stops_decoding(photos):
    photos[3].write_bytes(b"")
    with pytest.raises(DataError, match=r"3\.jpg is empty"):
        ImageReader(photos, height=12, width=16).decode_all(NullTracker(), "Decoding")


def test_whether_images_fit_in_memory_depends_on_their_size_and_number(photos, monkeypatch):
    monkeypatch.setattr(images, "DECODED_LIMIT_BYTES", 7 * 12 * 16 * 3)
    assert ImageReader(photos, height=12, width=16).fits_in_memory
    assert not ImageReader(photos, height=12, width=17).fits_in_memory


def test_prefetching_keeps_the_order_and_runs_one_ahead():
    started = []
    second = threading.Event()

    def job(number):
        def run():
            started.append(number)
            if number == 1:
                second.set()
            return number

        return run

    results = prefetch(job(number) for number in range(4))
    assert next(results) == 0
    assert second.wait(5)
    assert list(results) == [1, 2, 3]
    assert started == [0, 1, 2, 3]


def test_prefetching_nothing_gives_nothing():
    assert list(prefetch([])) == []


def test_prefetching_hands_on_what_a_job_raises():
    def fail():
        raise DataError("image 2 is empty")

    results = prefetch([lambda: 1, fail, lambda: time.sleep(0)])
    assert next(results) == 1
    with pytest.raises(DataError, match="image 2"):
        next(results)
