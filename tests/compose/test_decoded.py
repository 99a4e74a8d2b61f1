"""Validation images are decoded once: in memory where they fit, else on disk, a file for each process that trains."""

import numpy as np
import pytest

from gsv_pipeline.compose.decoded import keep_decoded
from gsv_pipeline.compose.extraction import image_reader
from gsv_pipeline.config import ImageInput
from gsv_pipeline.images import reader as images_reader
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking import NullTracker
from gsv_pipeline.training.processes import Processes
from tests.published import save_photo

IMAGE = ImageInput(height=16, width=24)


@pytest.fixture
def photos(tmp_path):
    return [save_photo(tmp_path / "photos" / f"{number}.jpg", number, size=(40, 30)) for number in range(5)]


def keep(layout, photos, *, plain=False, processes=None):
    reader = image_reader(photos, IMAGE, plain=plain)
    keep_decoded(
        layout, "val", reader, image=IMAGE, plain=plain, processes=processes or Processes(), tracker=NullTracker()
    )
    return reader


def test_few_images_stay_in_memory(tmp_path, photos):
    reader, expected = keep(Layout(tmp_path / "data"), photos), image_reader(photos, IMAGE).batch(range(5))
    assert not (tmp_path / "data").exists()
    for path in photos:
        path.unlink()
    assert np.array_equal(reader.batch(range(5)), expected)


def test_many_images_go_to_disk_once_for_each_way_of_reading(tmp_path, photos, monkeypatch):
    monkeypatch.setattr(images_reader, "DECODED_LIMIT_BYTES", 0)
    layout = Layout(tmp_path / "data")
    for _ in range(2):
        for plain in (False, True):
            reader = keep(layout, photos, plain=plain)
            assert np.array_equal(reader.batch(range(5)), image_reader(photos, IMAGE, plain=plain).batch(range(5)))
    for rank, share in enumerate((photos[:3], photos[3:], [])):
        reader = keep(layout, share, processes=Processes(rank=rank, size=3))
        assert np.array_equal(reader.batch(range(len(share))), image_reader(share, IMAGE).batch(range(len(share))))
    found = sorted(path.name for path in (layout.root / ".decoded").iterdir())
    assert found == [
        "val-24x16-bilinear-1of3.uint8",
        "val-24x16-bilinear-2of3.uint8",
        "val-24x16-bilinear-plain.uint8",
        "val-24x16-bilinear.uint8",
    ]
