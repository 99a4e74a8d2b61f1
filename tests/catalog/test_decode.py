"""The full look: sound files of every kind pass, damage in the middle of a file is found."""

import hashlib
import io
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gsv_pipeline.catalog.decode import full_look
from gsv_pipeline.catalog.headers import quick_look
from gsv_pipeline.catalog.report import RULES
from gsv_pipeline.images import jpeg

PHOTOS = Path(__file__).resolve().parents[3] / "shared" / "data" / "toy_photos"


def picture(size=(160, 120)):
    columns, rows = np.meshgrid(np.linspace(0, 200, size[0]), np.linspace(0, 50, size[1]))
    noise = np.random.default_rng(0).normal(0, 12, (*columns.shape, 3))
    return Image.fromarray(np.clip((columns + rows)[..., None] + noise, 0, 255).astype(np.uint8))


def encoded(kind="JPEG", mode="RGB", size=(160, 120), **options):
    stream = io.BytesIO()
    picture(size).convert(mode).save(stream, kind, **options)
    return stream.getvalue()


PLAIN = encoded()
BIG = encoded(size=(400, 300), quality=85)
SOUND = {
    "plain": PLAIN,
    "progressive": encoded(progressive=True),
    "optimized": encoded(optimize=True),
    "grey": encoded(mode="L"),
    "cmyk": encoded(mode="CMYK"),
    "progressive cmyk": encoded(mode="CMYK", progressive=True),
    "rgb inside": encoded(keep_rgb=True),
    "full colour": encoded(subsampling=0),
    "4:2:2": encoded(subsampling=1),
    "4:1:1": encoded(subsampling="4:1:1"),
    "restart markers": encoded(restart_marker_blocks=3),
    "quality 1": encoded(quality=1),
    "quality 100": encoded(quality=100),
    "long exif": encoded(exif=b"Exif\0\0" + b"x" * 60_000),
    "thumbnail": encoded(exif=b"Exif\0\0" + encoded(size=(32, 24))),
    "long profile": encoded(icc_profile=b"q" * 200_000),
    "two pictures": encoded("MPO", save_all=True, append_images=[picture()]),
    "png": encoded("PNG"),
    "png with colour map": encoded("PNG", "P"),
    "webp": encoded("WEBP"),
    "lossless webp": encoded("WEBP", lossless=True),
    "bmp": encoded("BMP"),
    "tiff": encoded("TIFF"),
    "tiff of jpeg": encoded("TIFF", compression="jpeg"),
    # What cameras and programs do to sound pictures, and libjpeg complains of.
    "zeros behind the end": PLAIN + bytes(1000),
    "a film behind the end": PLAIN + b"ftypmp42" * 1000,
    "zeros before the end": PLAIN[:-2] + bytes(100) + PLAIN[-2:],
    "fill bytes before the end": PLAIN[:-2] + b"\xff" * 100 + PLAIN[-2:],
    "few bytes before the end": PLAIN[:-2] + b"\x12\x34\x56\x78\x9a" + PLAIN[-2:],
    "bytes between header segments": PLAIN[:20] + b"\0" * 608 + PLAIN[20:],
    "fill bytes between header segments": PLAIN[:20] + b"\xff\xff" + PLAIN[20:],
    "unknown version of JFIF": PLAIN[:11] + b"\x02\x01" + PLAIN[13:],
    "unknown transform of Adobe": PLAIN[:2] + b"\xff\xee\x00\x0eAdobe\0\x64\0\0\0\0\x07" + PLAIN[20:],
    "strange profile": PLAIN[:2] + b"\xff\xe2\x00\x16ICC_PROFILE\0\x05\x02abcdef" + PLAIN[2:],
}


@pytest.fixture
def look(tmp_path):
    """The full look at a file of these bytes."""

    def write_and_look(data):
        (tmp_path / "image.jpg").write_bytes(data)
        return full_look(tmp_path / "image.jpg")

    return write_and_look


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_file_of_any_kind_passes_both_looks_alike(tmp_path, look, name):
    data = SOUND[name]
    full, quick = look(data), quick_look(tmp_path / "image.jpg")
    assert (full.problem, quick.problem) == ("", "")
    assert (full.width, full.height, full.bytes) == (quick.width, quick.height, quick.bytes) == (160, 120, len(data))
    assert full.content == quick.content
    assert full.whole == hashlib.blake2b(data, digest_size=16).hexdigest()


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the toy photographs are not beside this repository")
def test_real_photographs_pass():
    paths = sorted(PHOTOS.rglob("*.jpg"))
    assert paths
    for path in paths:
        found = full_look(path)
        with Image.open(path) as image:
            assert (found.problem, found.width, found.height) == ("", *image.size)


def test_zeroed_sectors_in_the_middle_are_found_although_pillow_decodes_them(look):
    generator = random.Random(0)
    start = BIG.index(b"\xff\xda") + 14
    found, concealed = 0, 0
    for _ in range(40):
        at = generator.randrange(start, len(BIG) - 4096)
        damaged = BIG[:at] + bytes(2048) + BIG[at + 2048 :]
        seen = look(damaged)
        found += seen.problem == "undecodable_image"
        assert seen.problem in ("", "undecodable_image")
        assert not seen.problem or "Corrupt JPEG data" in seen.detail
        with Image.open(io.BytesIO(damaged)) as image:
            image.load()
            concealed += 1
    assert (found, concealed) == (40, 40)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 8}])
def test_a_scan_that_lost_its_middle_is_damaged(look, options):
    data = encoded(size=(400, 300), **options)
    at = len(data) // 2
    assert look(data[:at] + data[at + 700 :]).problem == "undecodable_image"


def test_damage_in_other_formats_is_what_pillow_cannot_decode(look):
    png, tiff = encoded("PNG"), encoded("TIFF")
    at = len(png) // 2
    assert look(png[:at] + bytes(500) + png[at + 500 :]).problem == "undecodable_image"
    assert look(tiff[: len(tiff) // 2]).problem in ("undecodable_image", "not_an_image")


@pytest.mark.parametrize("cut", [1, 2, 500, len(BIG) // 2])
def test_a_jpeg_without_its_end_is_truncated(look, cut):
    assert look(BIG[:-cut]).problem == "truncated_image"


def test_a_jpeg_that_was_cut_and_closed_again_is_damaged(look):
    assert look(BIG[:-5000] + b"\xff\xd9").problem == "undecodable_image"


def test_what_is_no_image_is_named_as_by_the_quick_look(tmp_path, look):
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "empty.jpg").touch()
    for name in ("folder.jpg", "empty.jpg", "gone.jpg"):
        assert full_look(tmp_path / name) == quick_look(tmp_path / name)
    assert look(b"<html>quota exceeded</html>").problem == "not_an_image"


def test_a_small_file_that_promises_a_giant_image_is_not_decoded(look, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    found = look(PLAIN)
    assert (found.problem, found.detail) == ("not_an_image", "its header promises 160 × 120 pixels")


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Pillow, about the tags of a damaged TIFF
@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([SOUND[name] for name in ("plain", "progressive", "cmyk", "png", "webp", "bmp", "tiff")]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=12),
    st.floats(0, 1),
)
def test_no_damage_whatever_makes_a_look_fail(tmp_path_factory, data, changes, kept):
    broken = bytearray(data)
    for at, value in changes:
        broken[int(at**3 * len(broken))] = value  # headers more than pixels
    path = tmp_path_factory.getbasetemp() / "broken.jpg"
    path.write_bytes(broken if kept > 0.5 else broken[: int(2 * kept * len(broken))])
    for look_at in (quick_look, full_look):
        found = look_at(path)
        assert found.problem in ("", *RULES)
        assert (found.width > 0) == (found.problem == "")


@pytest.mark.parametrize(
    ("complaint", "rule"),
    [
        ("Corrupt JPEG data: premature end of data segment", "undecodable_image"),
        ("Corrupt JPEG data: bad Huffman code", "undecodable_image"),
        ("Corrupt JPEG data: found marker 0xd3 instead of RST5", "undecodable_image"),
        ("Corrupt JPEG data: 46 extraneous bytes before marker 0xd9", "undecodable_image"),
        ("Corrupt JPEG data: 46 extraneous bytes before marker 0xd3", "undecodable_image"),
        ("Premature end of JPEG file", "truncated_image"),
        ("Corrupt JPEG data: 10 extraneous bytes before marker 0xd7", ""),  # a webcam's
        ("Corrupt JPEG data: 608 extraneous bytes before marker 0xfe", ""),  # in the header
        ("Warning: unknown JFIF revision number 2.01", ""),
        ("Unsupported marker type 0x04", ""),  # Pillow decides
    ],
)
def test_only_complaints_about_the_picture_itself_are_damage(complaint, rule):
    assert jpeg.damage(complaint, PLAIN) == rule
