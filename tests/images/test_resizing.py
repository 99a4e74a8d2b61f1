"""Quick resizing against Pillow's: one grey level at most, hardly ever that much."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gsv_pipeline.images import ImageReader, read_resized, resize
from gsv_pipeline.images.resize import resize_into
from tests.images.kinds import SOUND, picture

METHODS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
SIZES = [(400, 300), (300, 400), (640, 480), (480, 640), (1920, 1080), (1080, 1920), (2400, 600), (100, 75), (320, 480)]


def by_pillow(pixels, size, interpolation):
    return np.asarray(Image.fromarray(pixels).resize(size, METHODS[interpolation])).astype(int)


def by_us(pixels, size, interpolation):
    out = np.full((3, size[1], size[0], 3), 7, dtype=np.uint8)
    resize_into(out[1], pixels, interpolation=interpolation)
    assert (out[[0, 2]] == 7).all(), "its neighbours in the batch are not touched"
    return out[1].astype(int)


@pytest.mark.parametrize("interpolation", METHODS)
@pytest.mark.parametrize("target", [(320, 320), (322, 322), (224, 288)])
@pytest.mark.parametrize("size", SIZES)
def test_resizing_is_pillows_to_one_level(size, target, interpolation):
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    difference = np.abs(by_us(pixels, target, interpolation) - by_pillow(pixels, target, interpolation))
    assert difference.max() <= 1
    assert difference.mean() <= 0.05


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.tuples(*[st.integers(1, 300)] * 4), st.sampled_from(sorted(METHODS)), st.booleans())
def test_whatever_the_sizes_one_level_is_the_limit(sides, interpolation, is_harsh):
    pixels = np.array(picture((sides[1], sides[0])))
    if is_harsh:
        pixels = (pixels > 127).astype(np.uint8) * 255
    target = sides[2:]
    assert np.abs(by_us(pixels, target, interpolation) - by_pillow(pixels, target, interpolation)).max() <= 1


def test_an_image_of_the_right_size_keeps_its_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (32, 24, 3), dtype=np.uint8)
    for interpolation in METHODS:
        assert np.array_equal(by_us(pixels, (24, 32), interpolation), pixels)


@pytest.mark.parametrize("interpolation", METHODS)
def test_every_kind_of_file_is_read_as_pillow_reads_it(tmp_path, interpolation):
    paths = [tmp_path / f"{number}.jpg" for number in range(len(SOUND))]
    for path, data in zip(paths, SOUND.values(), strict=True):
        path.write_bytes(data)
    sizes = {"height": 96, "width": 128, "interpolation": interpolation}
    quick = ImageReader(paths, **sizes).batch(range(len(paths))).astype(int)
    plain = ImageReader(paths, **sizes, plain=True).batch(range(len(paths)))
    for kind, path, found, reference in zip(SOUND, paths, quick, plain, strict=True):
        assert np.array_equal(reference, read_resized(path, **sizes)), kind
        assert np.abs(found - reference).max() <= 1, kind
        assert np.abs(found - reference).mean() <= 0.05, kind


def test_resizing_one_image_is_the_same_on_any_number_of_threads():
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(by_us(pixels, (320, 320), "bilinear"))
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(*found)


def test_sizes_at_which_torch_rounds_otherwise_are_left_to_pillow(monkeypatch):
    ways = {sizes: resize._way(*sizes).name for sizes in [((300, 400), (320, 320)), ((400, 400), (320, 320))]}
    assert ways == {((300, 400), (320, 320)): "WIDTH_FIRST", ((400, 400), (320, 320)): "BY_PILLOW"}
    resize._way.cache_clear()
    monkeypatch.setattr(
        resize, "_by_torch", lambda pixels, size, way: np.zeros((*size, 3), np.uint8)
    )  # a Torch gone wrong
    pixels = np.array(picture((80, 60)))
    assert np.array_equal(by_us(pixels, (32, 32), "bilinear"), by_pillow(pixels, (32, 32), "bilinear"))
    resize._way.cache_clear()
