"""Descriptors without learning, each against plain loops."""

import numpy as np
import pytest
from PIL import Image

from gsv_pipeline.embeddings.baselines import BASELINES, colour_histogram, describe_by, thumbnail
from gsv_pipeline.errors import DataError
from gsv_pipeline.tracking import NullTracker
from tests.published import save_photo


def save(path, pixels):
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def photos(tmp_path):
    return [save_photo(tmp_path / f"{seed}.png", seed) for seed in range(5)]


def test_a_histogram_counts_every_pixel_in_its_bin(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (7, 9, 3))
    counts = {}
    for red, green, blue in pixels.reshape(-1, 3):
        bin_ = (red // 32, green // 32, blue // 32)
        counts[bin_] = counts.get(bin_, 0) + 1
    found = colour_histogram(save(tmp_path / "image.png", pixels)).reshape(8, 8, 8)
    for bin_, count in counts.items():
        assert found[bin_] == pytest.approx(np.sqrt(count / 63))
    assert np.count_nonzero(found) == len(counts)


def test_a_histogram_does_not_know_where_a_colour_is(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3))
    straight = colour_histogram(save(tmp_path / "a.png", pixels))
    mirrored = colour_histogram(save(tmp_path / "b.png", pixels[:, ::-1]))
    assert np.array_equal(straight, mirrored)


def test_a_thumbnail_does_not_see_brightness_or_contrast(tmp_path):
    pixels = np.random.default_rng(0).integers(100, 150, (12, 16, 1)).repeat(3, axis=2)
    plain = thumbnail(save(tmp_path / "a.png", pixels))
    bright = thumbnail(save(tmp_path / "b.png", pixels + 50))
    strong = thumbnail(save(tmp_path / "c.png", (pixels - 100) * 3))
    assert plain == pytest.approx(bright, abs=1e-6)
    assert plain == pytest.approx(strong, abs=1e-6)
    assert plain.sum() == pytest.approx(0, abs=1e-4)


def test_the_table_is_not_empty():
    assert set(BASELINES) == {"colour_histogram", "thumbnail"}


@pytest.mark.parametrize("baseline", sorted(BASELINES))
def test_a_baseline_gives_one_unit_vector_per_image_in_order(photos, baseline):
    descriptors, broken = describe_by(baseline, photos, tracker=NullTracker())
    assert broken == []
    assert descriptors.dtype == np.float32
    assert np.linalg.norm(descriptors, axis=1) == pytest.approx(np.ones(5), abs=1e-6)
    for path, row in zip(photos, descriptors, strict=True):
        assert np.array_equal(BASELINES[baseline](path), row)


@pytest.mark.parametrize("baseline", sorted(BASELINES))
def test_a_baseline_is_finite_on_an_image_of_one_colour(tmp_path, baseline):
    image = save(tmp_path / "grey.png", np.full((9, 9, 3), 128))
    assert np.isfinite(BASELINES[baseline](image)).all()


def test_a_damaged_image_stops_a_baseline(photos):
    photos[2].write_bytes(b"")
    with pytest.raises(DataError, match=r"2\.png is empty"):
        describe_by("thumbnail", photos, tracker=NullTracker())


def test_a_damaged_image_that_may_be_left_out_has_zeros_and_is_named(photos):
    whole, _ = describe_by("thumbnail", photos, tracker=NullTracker())
    photos[2].write_bytes(b"")
    found, broken = describe_by("thumbnail", photos, tracker=NullTracker(), skip_broken=True)
    assert broken == [2]
    assert not found[2].any()
    assert np.array_equal(found[[0, 1, 3, 4]], whole[[0, 1, 3, 4]])
    for path in photos:
        path.write_bytes(b"")
    with pytest.raises(DataError, match="None of 5 images can be read"):
        describe_by("thumbnail", photos, tracker=NullTracker(), skip_broken=True)
