"""Images through a model: in order, in eval mode, in the precision that was chosen."""

import numpy as np
import pytest
import torch
from torch import nn

from gsv_pipeline.embeddings import extract
from gsv_pipeline.embeddings.extract import describe, prepare
from gsv_pipeline.errors import DataError
from gsv_pipeline.images import ImageReader
from gsv_pipeline.tracking import NullTracker
from tests.published import save_photo


class Small(nn.Module):
    """A convolution, a batch norm and unit rows; it notes the type its features have."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.convolution, self.norm = nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6)
        self.dtypes = set()

    def forward(self, images):
        features = self.convolution(images)
        self.dtypes.add(features.dtype)
        return nn.functional.normalize(self.norm(features).float().mean(dim=(2, 3)), dim=1)


@pytest.fixture
def reader(tmp_path):
    return ImageReader([save_photo(tmp_path / f"{n}.jpg", n) for n in range(7)], height=12, width=16)


@pytest.fixture
def model():
    return Small()


def run(model, reader, precision="32-true", **options):
    return describe(model, reader, tracker=NullTracker(), description="Describing", precision=precision, **options)


def test_descriptors_come_in_the_order_of_the_images_whatever_the_batch(model, reader):
    whole = run(model, reader)
    assert whole.shape == (7, 6)
    assert whole.dtype == np.float32
    for size in (1, 3, 7):
        assert run(model, reader, batch_size=size) == pytest.approx(whole, abs=1e-6)


def test_a_model_in_training_is_put_back_and_its_statistics_do_not_move(model, reader):
    model.train()
    before = model.norm.running_mean.clone()
    run(model, reader)
    assert model.training
    assert torch.equal(model.norm.running_mean, before)
    model.eval()
    run(model, reader)
    assert not model.training


def test_a_model_is_put_back_when_an_image_is_damaged(model, reader):
    reader.paths[4].write_bytes(b"")
    model.train()
    with pytest.raises(DataError, match=r"4\.jpg is empty"):
        run(model, reader, batch_size=2)
    assert model.training


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16), ("16-mixed", torch.float16)],
)
def test_the_precision_that_was_chosen_is_used_and_descriptors_stay_float32(
    model, reader, monkeypatch, precision, dtype
):
    monkeypatch.setattr(extract, "choose_precision", lambda asked, device: asked)
    full = run(Small(), reader)
    found = run(model, reader, precision)
    assert model.dtypes == {dtype}
    assert found.dtype == np.float32
    assert found == pytest.approx(full, abs=0.02)


def test_the_bar_counts_every_image(model, reader):
    counted = []

    class Counting(NullTracker):
        def progress(self, description, total, unit="image"):
            counted.append(total)
            return super().progress(description, total, unit)

    describe(model, reader, tracker=Counting(), description="Describing", precision="32-true", batch_size=3)
    assert counted == [7]


def test_a_prepared_model_is_on_the_best_device_in_channels_last(model, monkeypatch):
    monkeypatch.setattr(extract, "choose_device", lambda: "cpu")
    prepared = prepare(model)
    assert prepared.convolution.weight.is_contiguous(memory_format=torch.channels_last)
