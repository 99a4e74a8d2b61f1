"""A model made ready to describe: independent of the batch, of its mode, of a lack of memory, of a compiler."""

import numpy as np
import pytest
import torch
from torch import nn

from gsv_pipeline.embeddings import describer
from gsv_pipeline.embeddings.describer import Describer
from gsv_pipeline.errors import RunError
from gsv_pipeline.models.vpr_model import build_model
from gsv_pipeline.tracking import NullTracker
from tests.trackers import Heard


@pytest.fixture(scope="module")
def model():
    return build_model(
        backbone="resnet18",
        backbone_args={"weights": "none"},
        aggregator="convap",
        aggregator_args={"out_channels": 32},
        seed=1,
    )


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (9, 64, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize(("precision", "tolerance"), [("32-true", 1e-5), ("bf16-mixed", 2e-3)])
def test_a_descriptor_does_not_depend_on_what_else_is_in_the_batch(model, images, precision, tolerance):
    describe = Describer(model.train(), precision=precision, tracker=NullTracker())
    whole = describe(images)
    assert whole.dtype == np.float32
    assert np.linalg.norm(whole, axis=1) == pytest.approx(np.ones(9), abs=1e-5)
    for others in ([4], [4, 0, 1], [8, 7, 6, 5, 4], [4] * 9):
        place = others.index(4)
        assert np.abs(describe(images[others])[place] - whole[4]).max() <= tolerance


def test_precisions_agree_but_are_not_the_same(model, images):
    full = Describer(model, precision="32-true", tracker=NullTracker())(images)
    half = Describer(model, precision="bf16-mixed", tracker=NullTracker())(images)
    assert (full * half).sum(axis=1).min() >= 0.9999
    assert not np.array_equal(full, half)


def test_the_model_itself_is_left_as_it_is(model, images):
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    Describer(model, precision="bf16-mixed", tracker=NullTracker())(images)
    assert model.training
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())


def test_images_that_may_not_be_written_are_described(model, images):
    kept = images.copy()
    kept.setflags(write=False)
    describe = Describer(model, tracker=NullTracker())
    assert np.array_equal(describe(kept), describe(images))


class Hungry(nn.Module):
    """Takes three images at once and no more."""

    def __init__(self, most, words="CUDA out of memory. Tried to allocate 2 GiB"):
        super().__init__()
        self.most, self.words, self.weight, self.seen = most, words, nn.Parameter(torch.ones(1)), []

    def __deepcopy__(self, memo):
        return self

    def forward(self, images):
        if len(images) > self.most:
            raise torch.OutOfMemoryError(self.words) if "CUDA" in self.words else RuntimeError(self.words)
        self.seen.append(len(images))
        return nn.functional.normalize(images.mean(dim=(2, 3)), dim=1)


@pytest.mark.parametrize("words", ["CUDA out of memory.", "DefaultCPUAllocator: can't allocate memory: 9 bytes"])
def test_without_memory_the_batch_goes_in_halves_and_it_is_said(images, words):
    heard, hungry = Heard(), Hungry(3, words)
    describe = Describer(hungry, tracker=heard)
    expected = Describer(Hungry(9), tracker=NullTracker())(images)
    assert describe(images) == pytest.approx(expected, abs=1e-6)
    assert heard.said == [
        "Out of memory with 9 images at once; going on with 4.",
        "Out of memory with 4 images at once; going on with 2.",
    ]
    assert describe(images) == pytest.approx(expected, abs=1e-6)
    assert len(heard.said) == 2, "what fits is remembered"
    assert max(hungry.seen) == 2


def test_an_image_that_does_not_fit_alone_is_an_error(images):
    with pytest.raises(RunError, match="not enough memory on cpu to describe a single image"):
        Describer(Hungry(0), tracker=NullTracker())(images)


def test_another_failure_is_not_taken_for_a_lack_of_memory(images):
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        Describer(Hungry(0, "shapes do not fit"), tracker=NullTracker())(images)


def test_a_model_that_cannot_be_copied_describes_itself(images):
    class Session(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1))

        def __deepcopy__(self, memo):
            raise TypeError("cannot pickle a session")

        def forward(self, pixels):
            return nn.functional.normalize(pixels.mean(dim=(2, 3)), dim=1)

    assert Describer(Session(), tracker=NullTracker())(images).shape == (9, 3)


def test_a_compiled_model_sees_one_size_and_describes_alike(model, images, monkeypatch):
    sizes = []

    def compile_model(given, **options):
        assert options == {"dynamic": False}

        def call(pixels):
            sizes.append(len(pixels))
            return given(pixels)

        return call

    monkeypatch.setattr(describer.torch, "compile", compile_model)
    describe = Describer(model, tracker=NullTracker(), pad_to=6)
    expected = Describer(model, tracker=NullTracker())
    assert describe(images[:6]) == pytest.approx(expected(images[:6]), abs=1e-6)
    assert describe(images[6:]) == pytest.approx(expected(images[6:]), abs=1e-6)
    assert sizes == [6, 6]


@pytest.mark.parametrize("early", [True, False])
def test_where_nothing_can_be_compiled_it_goes_on_and_says_so(model, images, monkeypatch, early):
    def broken(given, **options):
        def call(pixels):
            raise torch._dynamo.exc.BackendCompilerFailed(None, ValueError("no compiler here"), None)

        if early:
            raise RuntimeError("no compiler here")
        return call

    monkeypatch.setattr(describer.torch, "compile", broken)
    heard = Heard()
    describe = Describer(model, tracker=heard, pad_to=9)
    assert np.array_equal(describe(images), Describer(model, tracker=NullTracker())(images))
    assert len(heard.said) == 1
    assert "torch.compile does not work here" in heard.said[0]
    assert "no compiler here" in heard.said[0]
