"""Somebody's callable that gives no direction for some images: which ones, where to look, how to go on."""

import numpy as np
import pytest
import torch
from PIL import Image

from gsv_pipeline import cli
from gsv_pipeline.embeddings.describer import Describer
from gsv_pipeline.embeddings.unusable import RUN_AGAIN, WHERE_TO_LOOK
from gsv_pipeline.errors import RunError
from gsv_pipeline.models.external import ExternalModel
from gsv_pipeline.tracking import NullTracker
from tests.published import save_photo

NAMES = [f"street/{number}.jpg" for number in range(9)]
DARK = """import torch.nn.functional as F

def bright_parts(images):
    return F.relu(F.adaptive_avg_pool2d(images, 2) + 1.5).flatten(1)
"""


def describe(function, images):
    return Describer(ExternalModel("their:model", function), tracker=NullTracker())(images, NAMES)


def by_mean(images):
    """Not a number where an image is black, since that has no mean to divide by."""
    means = images.flatten(1).mean(1, keepdim=True)
    return images.flatten(1)[:, :8] / (means > means.new_tensor(-1.9))


@pytest.fixture
def images():
    found = np.full((9, 16, 16, 3), 200, dtype=np.uint8)
    found[[2, 6]] = 0
    return found


def test_the_images_without_a_descriptor_are_named_and_no_others(images):
    with pytest.raises(RunError) as caught:
        describe(by_mean, images)
    text = str(caught.value)
    assert text.startswith("callable 'their:model': 2 of 9 descriptors are not finite, or zero.")
    assert "Images: street/2.jpg, street/6.jpg. Expected finite numbers" in text
    assert text.endswith(f"{WHERE_TO_LOOK} {RUN_AGAIN}")


def test_numbers_that_depend_on_the_batch_are_told_from_those_of_an_image(images):
    def by_deviation(given):
        flat = given.flatten(1)[:, :8]
        return flat / (1.0 if len(flat) == 1 else 0.0)

    with pytest.raises(RunError, match=r"Each image alone has a descriptor, so .*street/0\.jpg, .* and 4 more\. Exp"):
        describe(by_deviation, images)


def test_images_whose_names_nobody_knows_are_counted(images):
    with pytest.raises(RunError, match="2 of 9 descriptors are not finite, or zero. Expected finite numbers"):
        Describer(ExternalModel("their:model", by_mean), tracker=NullTracker())(images)


def test_a_lack_of_memory_stays_one(images):
    def hungry(given):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(RunError, match="not enough memory on cpu to describe a single image.*to go on.$"):
        describe(hungry, images)


def test_a_command_names_the_image_and_exits_as_other_failures_at_run_time(tiny_layout, tmp_path, capsys):
    tiny_layout.experiments().mkdir(parents=True)
    (tiny_layout.experiments() / "dark_model.py").write_text(DARK)
    (tiny_layout.experiments() / "dark.yaml").write_text(
        "callable: dark_model:bright_parts\nimage: {height: 24, width: 32}\n"
    )
    for side in ("database", "queries"):
        save_photo(tmp_path / side / "1.jpg", 1)
    night = tmp_path / "queries" / "night.jpg"
    Image.new("RGB", (64, 48)).save(night)
    root = ["--data-root", str(tiny_layout.root)]
    assert cli.run([*root, "train", "dark"]) == 0
    capsys.readouterr()
    assert cli.run([*root, "match", str(tmp_path / "database"), str(tmp_path / "queries"), "-e", "dark"]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert f"1 of 2 descriptors are not finite, or zero. Images: {night}. Expected" in said
    assert RUN_AGAIN in said
