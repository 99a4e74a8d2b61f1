"""What every backbone, every aggregator and every pair of them promises. A new row is tested by being in its table."""

import inspect
import itertools

import pytest
import torch

from gsv_pipeline.models.aggregators import AGGREGATORS
from gsv_pipeline.models.backbones import BACKBONES
from gsv_pipeline.models.checkpoint import load_checkpoint, save_checkpoint
from gsv_pipeline.models.vpr_model import build_model, check_model

# Small heads, so that the sweep stays quick; rows that are not named take their defaults.
HEADS = {"convap": {"out_channels": 8}, "cosplace": {"out_channels": 16}}
PAIRS = list(itertools.product(sorted(BACKBONES), sorted(AGGREGATORS)))
STRIDE = 32


def images(count=3, height=64, width=96):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def build(backbone, aggregator, seed=0):
    return build_model(
        backbone=backbone,
        backbone_args={"weights": "none"},
        aggregator=aggregator,
        aggregator_args=HEADS.get(aggregator, {}),
        seed=seed,
    )


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def pair(request):
    return request.param


@pytest.fixture(scope="module")
def model(pair):
    return build(*pair).eval()


@pytest.fixture(params=sorted(BACKBONES))
def backbone(request):
    return request.param


def test_the_tables_are_not_empty():
    assert len(BACKBONES) > 0
    assert len(AGGREGATORS) > 0
    assert set(HEADS) <= set(AGGREGATORS)


def test_descriptors_are_float32_rows_of_length_one(model):
    with torch.inference_mode():
        descriptors = model(images())
    assert descriptors.shape == (3, model.out_dim)
    assert descriptors.dtype == torch.float32
    torch.testing.assert_close(descriptors.norm(dim=1), torch.ones(3))


def test_mixed_precision_keeps_float32_rows_of_length_one(model):
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        descriptors = model(images())
    assert descriptors.dtype == torch.float32
    torch.testing.assert_close(descriptors.norm(dim=1), torch.ones(3), atol=1e-5, rtol=0)


def test_an_image_has_one_descriptor_whatever_stands_beside_it(model):
    with torch.inference_mode():
        together, again, alone = model(images()), model(images()), model(images()[:1])
    assert torch.equal(together, again)
    torch.testing.assert_close(together[:1], alone, atol=1e-5, rtol=0)


def test_channels_last_gives_the_same_descriptors(model):
    with torch.inference_mode():
        plain = model(images())
        channels_last = model(images().contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(plain, channels_last, atol=1e-5, rtol=0)


def test_every_parameter_gets_a_finite_gradient(pair):
    model = build(*pair).train()
    target = torch.randn(3, model.out_dim, generator=torch.Generator().manual_seed(1))
    (model(images()) * target).sum().backward()
    without = [name for name, value in model.named_parameters() if value.grad is None]
    assert without == []
    assert all(value.grad.isfinite().all() for value in model.parameters())


def test_saved_and_loaded_weights_give_the_same_descriptors(pair, model, tmp_path):
    save_checkpoint(tmp_path / "model.safetensors", model)
    other = build(*pair, seed=1).eval()
    load_checkpoint(tmp_path / "model.safetensors", other)
    with torch.inference_mode():
        assert torch.equal(model(images()), other(images()))


def test_checking_accepts_what_building_accepts(pair):
    backbone, aggregator = pair
    check_model(
        backbone=backbone, backbone_args={}, aggregator=aggregator, aggregator_args=HEADS.get(aggregator, {}), seed=1
    )


@pytest.mark.parametrize("name", sorted(AGGREGATORS))
def test_an_aggregator_takes_its_channels_first_and_knows_its_size(name):
    assert next(iter(inspect.signature(AGGREGATORS[name]).parameters)) == "in_channels"
    aggregator = AGGREGATORS.build(name, in_channels=24, **HEADS.get(name, {}))
    features = torch.randn(2, 24, 5, 7, generator=torch.Generator().manual_seed(0))
    assert aggregator(features).shape == (2, aggregator.out_dim)


def test_a_backbone_has_the_stated_channels_and_stride(backbone):
    built = BACKBONES.build(backbone, weights="none").eval()
    with torch.inference_mode():
        assert built(images(1)).shape == (1, built.out_channels, 64 // STRIDE, 96 // STRIDE)


def test_a_backbone_takes_the_agreed_arguments(backbone):
    defaults = {name: spec.default for name, spec in inspect.signature(BACKBONES[backbone]).parameters.items()}
    assert defaults["weights"] == "imagenet"
    assert defaults["layers_to_freeze"] == 2
    assert list(defaults["layers_to_crop"]) == []


def test_a_backbone_freezes_only_pretrained_weights(backbone, tmp_path):
    fresh = BACKBONES.build(backbone, weights="none", layers_to_freeze=2)
    assert all(value.requires_grad for value in fresh.parameters())
    torch.save(fresh.model.state_dict(), tmp_path / "weights.pth")
    frozen = BACKBONES.build(backbone, weights=str(tmp_path / "weights.pth"), layers_to_freeze=2)
    free = sum(value.requires_grad for value in frozen.parameters())
    assert 0 < free < len(list(frozen.parameters()))


def test_a_backbone_without_weights_downloads_nothing(backbone, monkeypatch):
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *args, **kwargs: pytest.fail("a download"))
    BACKBONES.build(backbone, weights="none")
