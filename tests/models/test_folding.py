"""Models made ready to describe: the same descriptors from fewer operations, and the model itself untouched."""

import pytest
import torch
from torch import nn

from gsv_pipeline.models.folding import fold_batch_norm, store_in_16_bits
from gsv_pipeline.models.vpr_model import build_model

SIDE = {"dinov2_vits14": 98, "swinv2_tiny": 128}
FAMILIES = ("resnet18", "resnet50", "efficientnet_b0", "mobilenet_v3_small", "convnext_tiny", *SIDE)
WITHOUT_BATCH_NORM = ("convnext_tiny", *SIDE)


def family(name):
    arguments = {"weights": "none", **({"image_size": SIDE[name]} if name == "swinv2_tiny" else {})}
    model = build_model(
        backbone=name, backbone_args=arguments, aggregator="convap", aggregator_args={"out_channels": 64}, seed=1
    )
    for module in model.modules():  # what training leaves: no batch norm is the identity
        if isinstance(module, nn.BatchNorm2d):
            generator = torch.Generator().manual_seed(module.num_features)
            module.running_mean.normal_(0, 0.2, generator=generator)
            module.running_var.uniform_(0.7, 1.4, generator=generator)
    return model.eval()


def norms(model):
    return [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]


def cosine(one, other):
    return float(nn.functional.cosine_similarity(one.double(), other.double()).min())


@pytest.mark.parametrize("name", FAMILIES)
@torch.inference_mode()
def test_a_folded_model_describes_alike_in_float32_and_in_16_bits(name):
    model, side = family(name), SIDE.get(name, 128)
    images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    expected = model(images)
    folded = fold_batch_norm(model).to(memory_format=torch.channels_last)
    assert norms(folded) == []
    assert bool(norms(model)) == (name not in WITHOUT_BATCH_NORM), "the model itself has lost its batch norms"
    assert cosine(folded(images), expected) >= 1 - 1e-6
    store_in_16_bits(folded, torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        assert cosine(folded(images), expected) >= 0.9999


@pytest.mark.parametrize("name", WITHOUT_BATCH_NORM)
def test_a_model_without_batch_norm_keeps_every_weight(name):
    model = family(name)
    folded = fold_batch_norm(model)
    found = folded.state_dict()
    assert found.keys() == model.state_dict().keys()
    assert all(torch.equal(found[key], value) for key, value in model.state_dict().items())
    assert all(one is not other for one, other in zip(folded.parameters(), model.parameters(), strict=True))


class Odd(nn.Module):
    """Batch norms that are no part of the convolution before them, among one that is."""

    def __init__(self):
        super().__init__()
        self.first, self.plain = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.second, self.used_twice = nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)
        self.third, self.also_elsewhere = nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)
        self.fourth, self.without_statistics = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4, track_running_stats=False)

    def forward(self, images):
        maps = self.plain(self.first(images))
        maps = self.used_twice(self.second(maps))
        maps = self.used_twice(maps)
        maps = self.third(maps)
        return self.without_statistics(self.fourth(maps + self.also_elsewhere(maps)))


class Branches(nn.Module):
    """Cannot be traced, as it looks at its input; its part can."""

    def __init__(self):
        super().__init__()
        self.part = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))

    def forward(self, images):
        return self.part(images) if float(images.sum()) > 0 else self.part(-images)


@torch.inference_mode()
def test_only_batch_norms_that_follow_one_convolution_alone_are_folded():
    model, images = Odd(), torch.randn(2, 3, 12, 12)
    for _ in range(3):
        model.train()(images)
    expected = model.eval()(images)
    folded = fold_batch_norm(model)
    assert isinstance(folded.plain, nn.Identity)
    assert len(norms(folded)) == 3
    assert torch.allclose(folded(images), expected, atol=1e-5)


@torch.inference_mode()
def test_what_cannot_be_traced_is_folded_in_its_parts():
    model, images = Branches(), torch.randn(2, 3, 12, 12)
    model.train()(images)
    expected = model.eval()(images)
    folded = fold_batch_norm(model)
    assert norms(folded) == []
    assert torch.allclose(folded(images), expected, atol=1e-6)


def test_aggregators_keep_their_weights_in_float32():
    model = family("resnet18")
    store_in_16_bits(model, torch.bfloat16)
    assert model.backbone.model.conv1.weight.dtype == torch.bfloat16
    assert model.aggregator.channel_pool.weight.dtype == torch.float32
    other = nn.Conv2d(3, 4, 3)
    assert store_in_16_bits(other, torch.bfloat16).weight.dtype == torch.float32
