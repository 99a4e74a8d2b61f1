"""Recall of a model in training, on images of which the answers are known."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from gsv_pipeline.benchmarks.data import BenchmarkData
from gsv_pipeline.evaluation.validator import RecallValidator, Validation
from gsv_pipeline.images import ImageReader
from gsv_pipeline.tracking import NullTracker

COLOURS = [(220, 40, 40), (40, 220, 40), (40, 40, 220), (220, 220, 40), (40, 220, 220), (220, 40, 220)]


class MeanColour(nn.Module):
    """Describes an image by its mean colour."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, images):
        return nn.functional.normalize(images.mean(dim=(2, 3)) * self.scale, dim=1)


@pytest.fixture
def validation(tmp_path):
    """Six database images of one colour each and three queries; the last one's positive is of the opposite colour."""
    paths = []
    for number, colour in enumerate([*COLOURS, *COLOURS[:3]]):
        paths.append(tmp_path / f"{number}.png")
        Image.new("RGB", (8, 8), colour).save(paths[-1])
    tables = [pd.DataFrame({"image_id": range(count)}) for count in (6, 3)]
    data = BenchmarkData(*tables, [np.array([0]), np.array([1]), np.array([3])])
    return Validation("colours", data, ImageReader(paths, height=8, width=8))


def test_recalls_are_named_by_benchmark_and_k(validation):
    recalls = RecallValidator([validation], precision="32-true")(MeanColour())
    assert recalls == {"colours/R@1": pytest.approx(2 / 3), "colours/R@5": pytest.approx(2 / 3), "colours/R@10": 1.0}


def test_the_first_benchmark_comes_first(validation):
    other = Validation("again", validation.data, validation.reader)
    recalls = RecallValidator([other, validation], precision="32-true")(MeanColour())
    assert next(iter(recalls)) == "again/R@1"
    assert len(recalls) == 6


def test_validation_leaves_a_model_in_training(validation):
    model = MeanColour().train()
    RecallValidator([validation], precision="32-true")(model)
    assert model.training


def test_images_decoded_beforehand_give_the_same_recalls(validation):
    first = RecallValidator([validation], precision="32-true")(MeanColour())
    validation.reader.decode_all(NullTracker(), "Decoding")
    assert RecallValidator([validation], precision="32-true")(MeanColour()) == first
