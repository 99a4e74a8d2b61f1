"""Quick decoding gives Pillow's pixels for every kind of file, and never those of a damaged one."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gsv_pipeline.errors import DataError
from gsv_pipeline.images import decode, open_image
from gsv_pipeline.images.decode import Decoder
from tests.images.kinds import JPEGS, PLAIN, SOUND, encoded

BIG = encoded(size=(400, 300), quality=85)
PHOTOS = Path(__file__).resolve().parents[3] / "shared" / "data" / "toy_photos"


@pytest.fixture
def read(tmp_path):
    """Decodes a file of these bytes."""

    def write_and_decode(data):
        (tmp_path / "image.jpg").write_bytes(data)
        return Decoder().decode(tmp_path / "image.jpg")

    return write_and_decode


@pytest.mark.parametrize("kind", SOUND)
def test_every_kind_of_file_has_the_pixels_that_pillow_gives_it(tmp_path, read, kind):
    found = read(SOUND[kind])
    expected = np.asarray(open_image(tmp_path / "image.jpg"))
    assert found.shape == expected.shape
    assert found.flags.writeable
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_usual_jpegs_are_not_decoded_by_pillow(read, monkeypatch):
    monkeypatch.setattr(decode, "open_image", None)
    for kind in ("plain", "progressive", "grey", "rgb inside", "thumbnail", "on its side", "a film behind the end"):
        assert read(JPEGS[kind]).shape == (120, 160, 3)


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the toy photographs are not beside this repository")
def test_real_photographs_have_the_pixels_that_pillow_gives_them():
    paths = sorted(PHOTOS.rglob("*.jpg"))
    assert paths
    for path in paths:
        assert np.array_equal(Decoder().decode(path), np.asarray(open_image(path)))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"mode": "L"}, {"mode": "CMYK"}])
def test_wherever_a_jpeg_is_cut_it_raises_or_is_whole(read, options):
    whole = encoded(size=(96, 64), **options)
    pixels = read(whole).copy()
    refused = 0
    for kept in range(0, len(whole), 7):
        try:
            assert np.array_equal(read(whole[:kept]), pixels)  # all but the end marker is there
        except DataError:
            refused += 1
    assert refused >= len(range(0, len(whole), 7)) - 1


def test_a_cut_is_named_as_pillow_names_it(read):
    with pytest.raises(DataError, match=r"image\.jpg is damaged: image file is truncated \(\d+ bytes not processed\)"):
        read(BIG[: len(BIG) // 2])
    with pytest.raises(DataError, match=r"image\.jpg is damaged: image file is truncated"):
        read(BIG[:-900])


@pytest.mark.parametrize("at", range(3000, len(BIG) - 3000, 2500))
def test_damage_that_pillow_paints_over_is_refused(tmp_path, read, at):
    damaged = BIG[:at] + bytes(2048) + BIG[at + 2048 :]
    with pytest.raises(DataError, match=r"image\.jpg is damaged: Corrupt JPEG data: .*\. Restore the file"):
        read(damaged)
    open_image(tmp_path / "image.jpg")  # says nothing


def test_damage_in_a_jpeg_for_print_is_refused(read):
    data = encoded(mode="CMYK", size=(400, 300))
    with pytest.raises(DataError, match="damaged: Corrupt JPEG data"):
        read(data[: len(data) // 2] + data[len(data) // 2 + 700 :])


def test_what_is_no_image_is_named_as_when_it_is_opened(tmp_path, read):
    (tmp_path / "folder.jpg").mkdir()
    for path, match in ((tmp_path / "gone.jpg", "is missing"), (tmp_path / "folder.jpg", "damaged: .*directory")):
        with pytest.raises(DataError, match=match):
            Decoder().decode(path)
    for data, match in ((b"", "empty"), (b"<html>quota exceeded", "not an image"), (PLAIN[:3], "not an image")):
        with pytest.raises(DataError, match=match):
            read(data)


def test_a_header_that_promises_a_giant_image_is_not_believed(read, monkeypatch):
    at = PLAIN.index(b"\xff\xc0")
    giant = PLAIN[: at + 5] + b"\xff\xdc\xff\xdc" + PLAIN[at + 9 :]
    with pytest.raises(DataError, match="exceeds limit"):
        read(giant)


def test_threads_do_not_write_into_each_others_images(tmp_path):
    paths = []
    for grey in range(0, 240, 10):
        paths.append(tmp_path / f"{grey}.jpg")
        Image.new("RGB", (64 + grey, 48), (grey, grey, grey)).save(paths[-1])
    decoder, together = Decoder(), threading.Barrier(4)

    def look(first):
        together.wait()
        return [int(decoder.decode(path).mean()) for path in paths[first::4] * 20]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(look, range(4)))
    assert found == [[10 * number for number in range(first, 24, 4)] * 20 for first in range(4)]


def test_a_buffer_of_a_huge_image_is_given_back(read, tmp_path, monkeypatch):
    monkeypatch.setattr(decode, "_KEPT_BYTES", 3 * 160 * 120)
    decoder = Decoder()
    (tmp_path / "small.jpg").write_bytes(PLAIN)
    (tmp_path / "big.jpg").write_bytes(BIG)
    kept = decoder.decode(tmp_path / "small.jpg")
    assert np.shares_memory(kept, decoder.decode(tmp_path / "small.jpg"))
    assert not np.shares_memory(kept, decoder.decode(tmp_path / "big.jpg"))
    assert np.shares_memory(kept, decoder.decode(tmp_path / "small.jpg"))
