"""BoQ against its definition with attention written out, and the sizes of the published models."""

import math

import pytest
import torch
from torch.nn import functional as F

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.models.aggregators import AGGREGATORS
from gsv_pipeline.models.aggregators.boq import BoQ
from gsv_pipeline.models.vpr_model import build_model, check_model


def count(module):
    return sum(value.numel() for value in module.parameters())


def attend(module, queries, keys):
    """Multi-head attention, head by head."""
    width, parts = queries.shape[-1], []
    projected = [
        rows @ weight.T + bias
        for rows, weight, bias in zip(
            (queries, keys, keys), module.in_proj_weight.chunk(3), module.in_proj_bias.chunk(3), strict=True
        )
    ]
    for first in range(0, width, 64):
        query, key, value = (rows[..., first : first + 64] for rows in projected)
        parts.append((query @ key.transpose(-2, -1) / math.sqrt(64)).softmax(-1) @ value)
    return module.out_proj(torch.cat(parts, -1))


def plain(boq, features):
    """The definition, block by block, with the queries repeated for each image."""
    cells = F.layer_norm(boq.proj_c(features).flatten(2).permute(0, 2, 1), boq.norm_input.normalized_shape)
    bags = []
    for block in boq.boqs:
        layer = block.encoder
        cells = layer.norm1(cells + attend(layer.self_attn, cells, cells))
        cells = layer.norm2(cells + layer.linear2(layer.linear1(cells).clamp(min=0)))
        queries = block.queries.repeat(len(features), 1, 1)
        queries = block.norm_q(queries + attend(block.self_attn, queries, queries))
        bags.append(block.norm_out(attend(block.cross_attn, queries, cells)))
    rows = boq.fc(torch.cat(bags, 1).permute(0, 2, 1)).flatten(1)
    return rows / rows.norm(dim=1, keepdim=True)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_the_descriptor_follows_the_definition(training):
    boq = BoQ(7, proj_channels=128, num_queries=5, num_layers=2, row_dim=3).train(training)
    features = torch.randn(2, 7, 3, 4, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(boq(features), plain(boq, features), atol=1e-5, rtol=0)


def test_gradients_are_those_of_queries_repeated_for_each_image():
    boq = BoQ(7, proj_channels=64, num_queries=5, num_layers=2, row_dim=3)
    features = torch.randn(3, 7, 2, 2, generator=torch.Generator().manual_seed(0))
    target = torch.randn(3, 192, generator=torch.Generator().manual_seed(1))
    names = [name for name, _ in boq.named_parameters()]
    found, wanted = (
        torch.autograd.grad((descriptors * target).sum(), boq.parameters(), allow_unused=True)
        for descriptors in (boq(features), plain(boq, features))
    )
    for name, one, other in zip(names, found, wanted, strict=True):
        if not name.startswith("norm_input"):  # the oracle leaves its scale and shift at one and zero
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-3, msg=name)


@pytest.mark.parametrize(
    ("backbone", "backbone_args", "arguments", "size", "head", "total"),
    [
        ("resnet50", {"layers_to_crop": [4]}, {}, 16_384, 15_301_152, 23_844_448),
        ("dinov2_vitb14", {"final_norm": False}, {"proj_channels": 384}, 12_288, 8_626_080, 95_204_256),
    ],
)
def test_the_published_models_have_their_sizes(backbone, backbone_args, arguments, size, head, total):
    # Sizes: published (README of the repository). Parameters derived from the definition, for width p and C channels:
    # 9*C*p + p (3x3), 2p, and twice 12p^2 + 13p (encoder) + 64p + 2*(4p^2 + 4p) + 4p, and 128*32 + 32 (rows).
    width = arguments.get("proj_channels", 512)
    channels = 1024 if backbone == "resnet50" else 768
    block = 12 * width**2 + 13 * width + 64 * width + 2 * (4 * width**2 + 4 * width) + 4 * width
    assert head == 9 * channels * width + width + 2 * width + 2 * block + 128 * 32 + 32
    with torch.device("meta"):
        model = build_model(
            backbone=backbone,
            backbone_args={"weights": "none", **backbone_args},
            aggregator="boq",
            aggregator_args=arguments,
        )
    assert (model.out_dim, count(model.aggregator), count(model)) == (size, head, total)


def test_any_image_size_will_do():
    for size in ((384, 384), (320, 320), (480, 640)):
        check_model(backbone="resnet50", backbone_args={}, aggregator="boq", aggregator_args={}, image_size=size)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"proj_channels": 100}, "'proj_channels' is 100; expected a multiple of 64"),
        ({"proj_channels": 0}, "'proj_channels' is 0"),
        ({"num_layers": 0}, "'num_layers' is 0"),
        ({"row_dim": 2.5}, "'row_dim' is 2.5"),
    ],
)
def test_values_out_of_range_are_refused(arguments, named):
    with pytest.raises(ConfigError, match=f"aggregator 'boq': {named}"):
        AGGREGATORS.build("boq", in_channels=8, **arguments)
