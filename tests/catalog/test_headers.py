"""The quick look: right about size, kind and end of a file from two small reads."""

import hashlib
import io
import os
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

from gsv_pipeline.catalog.headers import COVERED_BYTES, look_all, quick_look
from gsv_pipeline.catalog.report import RULES
from gsv_pipeline.tracking import NullTracker
from tests.published import save_photo

FORMATS = ["JPEG", "PNG", "WEBP", "BMP", "TIFF"]


def encoded(kind="JPEG", size=(160, 120), **options):
    """A photograph's bytes: a smooth picture with some noise in it."""
    columns, rows = np.meshgrid(np.linspace(0, 200, size[0]), np.linspace(0, 50, size[1]))
    noise = np.random.default_rng(0).normal(0, 8, (*columns.shape, 3))
    pixels = np.clip((columns + rows)[..., None] + noise, 0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


@pytest.fixture
def look(tmp_path):
    """The quick look at a file of these bytes."""

    def write_and_look(data):
        (tmp_path / "image.jpg").write_bytes(data)
        return quick_look(tmp_path / "image.jpg")

    return write_and_look


@pytest.mark.parametrize("kind", FORMATS)
def test_the_size_is_in_the_header_whatever_the_file_is_called(look, kind):
    data = encoded(kind)
    found = look(data)
    assert (found.width, found.height, found.bytes, found.problem) == (160, 120, len(data), "")


@pytest.mark.parametrize(
    "options", [{"progressive": True}, {"exif": b"Exif\0\0" + b"x" * 60_000}, {"comment": b"c" * 9000}]
)
def test_the_size_of_a_jpeg_is_found_behind_long_headers(look, options):
    found = look(encoded(size=(201, 97), **options))
    assert (found.width, found.height, found.problem) == (201, 97, "")


def test_two_small_reads_are_enough_for_a_sound_photograph(tmp_path, monkeypatch):
    photo = save_photo(tmp_path / "photo.jpg", 0, (400, 300))
    assert photo.stat().st_size > 4 * COVERED_BYTES
    reads = []
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda *where: reads.append(where[1]) or pread(*where))
    monkeypatch.setattr("pathlib.Path.read_bytes", None)
    assert quick_look(photo).width == 400
    assert len(reads) == 2
    assert sum(reads) <= 2 * COVERED_BYTES


@pytest.mark.parametrize("behind", [b"\0", b"\0" * 60, b"\0" * 5000, b"a film" * 3000])
def test_a_jpeg_with_something_behind_its_end_is_whole(look, behind):
    assert look(encoded() + behind).problem == ""


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("left", [0.5, 0.95])
def test_a_file_that_breaks_off_is_truncated(look, kind, left):
    data = encoded(kind, (400, 300))
    found = look(data[: int(left * len(data))])
    assert (found.problem, found.width, found.height) == ("truncated_image", 0, 0)
    assert found.detail == f"no end after {int(left * len(data))} bytes"


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_photograph(look):
    data = encoded(exif=b"Exif\0\0" + encoded(size=(32, 24)))
    assert look(data).problem == ""
    assert look(data[: len(data) // 2]).problem == "truncated_image"


def test_a_file_that_was_allocated_but_not_written_to_its_end_is_truncated(look):
    data = encoded(size=(400, 300))
    assert look(data[:9000] + bytes(len(data) - 9000)).problem == "truncated_image"


@pytest.mark.parametrize(
    "data",
    [
        b"<html>quota exceeded</html>",
        b"\xff\xd8\xff\xda\xff\xd9",  # begins and ends as a JPEG, and has no frame
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n",  # Pillow would start a program for it
        b"\0" * 20_000,
    ],
)
def test_foreign_files_are_no_images_and_their_beginning_is_told(look, data):
    found = look(data)
    assert found.problem == "not_an_image"
    assert found.detail == f"begins with {data[:16]!r}"
    assert found.bytes == len(data)


def test_what_is_no_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "link.jpg").symlink_to("gone.jpg")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    names = ("pipe", "folder", "empty", "link", "none", "empty.jpg/below", "loop")
    problems = {name: quick_look(tmp_path / f"{name}.jpg").problem for name in names}
    assert problems == {
        "pipe": "not_an_image",
        "folder": "not_an_image",
        "empty": "empty_image",
        "link": "missing_image",
        "none": "missing_image",
        "empty.jpg/below": "missing_image",
        "loop": "undecodable_image",
    }
    assert set(problems.values()) <= set(RULES)
    assert "cannot be read: " in quick_look(tmp_path / "loop.jpg").detail


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_header_that_promises_a_giant_image_is_no_image(look, monkeypatch, kind):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert look(encoded(kind)).problem == "not_an_image"


@pytest.mark.parametrize("size", [COVERED_BYTES - 1, COVERED_BYTES, COVERED_BYTES + 1, 3 * COVERED_BYTES])
def test_the_token_is_of_size_and_ends_and_of_every_byte_of_a_small_file(look, size):
    data = bytearray(np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8).tobytes())
    half = COVERED_BYTES // 2
    covered = bytes(data) if size <= COVERED_BYTES else bytes(data[:half] + data[-half:])
    token = look(data).content
    assert token == hashlib.blake2b(size.to_bytes(8, "little") + covered, digest_size=8).hexdigest()
    assert len(token) == 16
    for at in (0, half - 1, size - half, size - 1):
        changed = data.copy()
        changed[at] ^= 1
        assert look(changed).content != token
    middle = data.copy()
    middle[size // 2] ^= 1
    assert (look(middle).content == token) == (size > COVERED_BYTES)


class Counting(NullTracker):
    """Counts what its bar is told."""

    def __init__(self):
        self.total, self.done = 0, 0

    @contextmanager
    def progress(self, description, total, unit="image"):
        self.total = total
        yield self

    def advance(self, count=1, **shown):
        self.done += count


@pytest.mark.parametrize("count", [0, 1, 7, 1000])
@pytest.mark.parametrize("threads", [1, 3, None])
def test_many_files_are_looked_at_in_order_whatever_the_number_of_threads(tmp_path, count, threads):
    photos = [save_photo(tmp_path / f"{n}.jpg", n, (10 + n, 10)) for n in range(min(count, 7))]
    paths = [str(photos[n % 7]) for n in range(count)]
    tracker = Counting()
    looks = look_all(paths, look=quick_look, tracker=tracker, description="Looking", threads=threads)
    assert [found.width for found in looks] == [10 + n % 7 for n in range(count)]
    assert (tracker.done, tracker.total) == (count, count)


def test_an_interrupted_look_at_many_files_ends_soon():
    seen = []

    def look_at(path):
        seen.append(path)
        if path == "3":
            raise KeyboardInterrupt
        return quick_look(path)

    with pytest.raises(KeyboardInterrupt):
        look_all([str(n) for n in range(100_000)], look=look_at, tracker=NullTracker(), description="", threads=2)
    assert len(seen) < 50_000
