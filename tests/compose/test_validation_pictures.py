"""A gallery is drawn when the recalls of its validation are logged, and never ends a training."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gsv_pipeline.compose.gallery import ValidationGallery
from gsv_pipeline.tracking import NullTracker


class Recording(NullTracker):
    def __init__(self):
        self.pictures, self.messages = [], []

    def picture(self, name, path, step):
        self.pictures.append((name, path, step))

    def message(self, text):
        self.messages.append(text)


@pytest.fixture
def validation(tmp_path):
    """12 database images, then 6 queries."""
    paths = [tmp_path / f"{number}.jpg" for number in range(18)]
    for number, path in enumerate(paths):
        Image.new("RGB", (40, 30), (10 * number, 0, 0)).save(path)
    table = pd.DataFrame({"lat": 48.0, "lon": 2.0}, index=range(12))
    data = SimpleNamespace(database=table, queries=table[:6], positives=[np.array([query]) for query in range(6)])
    return SimpleNamespace(data=data, reader=SimpleNamespace(paths=paths))


def predictions():
    return np.tile(np.arange(10), (6, 1))


def test_a_picture_comes_with_the_step_of_its_recalls(validation, tmp_path):
    told = Recording()
    gallery = ValidationGallery(tmp_path / "gallery", told)
    gallery.keep("demo_val", predictions(), validation)
    gallery.keep("other_val", predictions(), validation)
    gallery.log({"train/loss": 0.5}, 39)
    assert told.pictures == []
    gallery.log({"demo_val/R@1": 0.5, "demo_val/R@5": 0.7}, 40)
    gallery.log({"demo_val/R@1": 0.5}, 41)  # of a validation that kept nothing
    target = tmp_path / "gallery" / "demo_val-0000040.jpg"
    assert told.pictures == [("demo_val/retrievals", target, 40)]
    gallery.log({"other_val/R@1": 0.5}, 40)
    assert len(told.pictures) == 2
    with Image.open(target) as picture:
        assert picture.format == "JPEG"


def test_a_picture_that_cannot_be_drawn_is_said_once(validation, tmp_path):
    told = Recording()
    validation.reader.paths[0].write_bytes(b"no photograph")
    gallery = ValidationGallery(tmp_path / "gallery", told)
    for step in (1, 2):
        gallery.keep("demo_val", predictions(), validation)
        gallery.log({"demo_val/R@1": 0.5}, step)
    assert told.pictures == []
    assert len(told.messages) == 1
    assert told.messages[0].startswith("No gallery of retrievals: ")
