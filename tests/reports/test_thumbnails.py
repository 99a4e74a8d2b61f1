import base64
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from gsv_pipeline.errors import DataError
from gsv_pipeline.reports.thumbnails import Thumbnails, image_uri, read_small


def decode(uri: str) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(uri.partition("base64,")[2])))


def test_a_thumbnail_fits_its_side_and_keeps_its_shape(tmp_path: Path) -> None:
    Image.new("RGB", (1000, 500), "red").save(tmp_path / "large.png")
    thumbnail = Thumbnails(side=320)(tmp_path / "large.png")
    assert (thumbnail.width, thumbnail.height) == (320, 160)
    with decode(thumbnail.uri) as image:
        assert (image.format, image.size) == ("JPEG", (320, 160))


def test_a_small_image_is_not_enlarged(tmp_path: Path) -> None:
    Image.new("L", (40, 30), 90).save(tmp_path / "small.png")
    assert read_small(tmp_path / "small.png", side=320).size == (40, 30)


def test_a_turned_photograph_stands_upright_and_gives_nothing_away(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turned by 90 degrees
    exif[0x013B] = "somebody"  # artist
    Image.new("RGB", (60, 40), "blue").save(tmp_path / "turned.jpg", exif=exif)
    thumbnail = Thumbnails()(tmp_path / "turned.jpg")
    assert (thumbnail.width, thumbnail.height) == (40, 60)
    with decode(thumbnail.uri) as image:
        assert len(image.getexif()) == 0


def test_an_image_that_cannot_be_read_is_named_with_what_to_do(tmp_path: Path) -> None:
    whole = BytesIO()
    Image.effect_noise((64, 64), 50).save(whole, "JPEG")
    contents = {"missing.jpg": None, "empty.jpg": b"", "text.jpg": b"hello", "cut.jpg": whole.getvalue()[:600]}
    for name, content in contents.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=rf"{name}.*Restore the file") as caught:
            Thumbnails()(tmp_path / name)
        assert caught.value.details["path"] == str(tmp_path / name)


def test_a_file_is_read_once_however_often_it_is_shown(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    thumbnails = Thumbnails()
    first = thumbnails(tmp_path / "a.png")
    (tmp_path / "a.png").unlink()
    assert thumbnails(tmp_path / "a.png") is first


def test_media_types_are_read_from_the_bytes() -> None:
    starts = {b"\x89PNG....": "image/png", b"\xff\xd8....": "image/jpeg", b"<?xml ...": "image/svg+xml"}
    assert [image_uri(content).partition(";")[0] for content in starts] == [f"data:{kind}" for kind in starts.values()]
