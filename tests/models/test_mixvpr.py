"""MixVPR against the paper's order of layers, its size, and the one map size that it takes."""

import pytest
import torch
from torch.nn import functional as F

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.models.aggregators import AGGREGATORS
from gsv_pipeline.models.aggregators.mixvpr import MixVPR
from gsv_pipeline.models.vpr_model import build_model, check_model

SMALL = {"in_h": 3, "in_w": 4, "out_channels": 6, "mix_depth": 2, "mlp_ratio": 1.5, "out_rows": 2}
PUBLISHED = {
    "backbone": "resnet50",
    "backbone_args": {"weights": "none", "layers_to_crop": [4]},
    "aggregator": "mixvpr",
    "aggregator_args": {},
}


def count(module):
    return sum(value.numel() for value in module.parameters())


def layer(cells, linear):
    return cells @ linear.weight.T + linear.bias


def test_the_descriptor_follows_the_paper_layer_by_layer():
    mixvpr = MixVPR(5, **SMALL).double()
    features = torch.randn(2, 5, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    cells = features.view(2, 5, 12)
    with torch.no_grad():
        for block in mixvpr.mix:
            norm, first, _, second = block.mix
            scaled = (cells - cells.mean(2, keepdim=True)) / (
                cells.var(2, keepdim=True, correction=0) + norm.eps
            ).sqrt()
            cells = cells + layer(layer(scaled * norm.weight + norm.bias, first).clamp(min=0), second)
        by_channel = layer(cells.transpose(1, 2), mixvpr.channel_proj).transpose(1, 2)  # channels first, as published
        rows = layer(by_channel, mixvpr.row_proj).flatten(1)
        torch.testing.assert_close(mixvpr(features).double(), rows / rows.norm(dim=1, keepdim=True), atol=1e-6, rtol=0)


def test_projecting_rows_first_changes_no_gradient():
    mixvpr = MixVPR(5, **SMALL).double()
    features = torch.randn(2, 5, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    target = torch.randn(2, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    plain = mixvpr.row_proj(mixvpr.channel_proj(mixvpr.mix(features.flatten(2)).transpose(1, 2)).transpose(1, 2))
    wanted = torch.autograd.grad((F.normalize(plain.flatten(1).float(), dim=1) * target).sum(), mixvpr.parameters())
    found = torch.autograd.grad((mixvpr(features) * target).sum(), mixvpr.parameters())
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


def test_the_published_model_has_4096_numbers_and_10_9_million_parameters():
    # Derived from the definition (h*w = 400): a mixer has 2*400 + 2*(400*400 + 400) = 321,600; four of them, and
    # 1024*1024 + 1024 for channels and 400*4 + 4 for rows, are 2,337,604; ResNet50 without layer4 has 8,543,296.
    with torch.device("meta"):
        model = build_model(**PUBLISHED)
    assert model.out_dim == 4096
    assert count(model.aggregator) == 2_337_604
    assert count(model) == 10_880_900


def test_it_has_less_than_half_the_parameters_of_cosplace():
    # Published in the abstract: "less than half the number of parameters compared to CosPlace and NetVLAD".
    with torch.device("meta"):
        arguments = {"backbone": "resnet50", "backbone_args": {"weights": "none"}}
        cosplace = build_model(**arguments, aggregator="cosplace", aggregator_args={"out_channels": 2048})
        mixvpr = build_model(**PUBLISHED)
    assert count(mixvpr) < count(cosplace) / 2


@pytest.mark.parametrize(("channels", "rows", "size"), [(1024, 4, 4096), (256, 2, 512), (64, 2, 128)])
def test_the_released_sizes_come_out(channels, rows, size):
    with torch.device("meta"):
        assert MixVPR(1024, out_channels=channels, out_rows=rows).out_dim == size


def test_published_images_fit_and_others_are_told_the_size_that_does():
    check_model(**PUBLISHED, image_size=(320, 320))
    with pytest.raises(ConfigError, match=r"20 x 20 cells, .* 224 x 300 px become 14 x 19\. .* to 320 x 320 px"):
        check_model(**PUBLISHED, image_size=(224, 300))
    tall = {**PUBLISHED, "backbone_args": {"weights": "none"}, "aggregator_args": {"in_h": 15, "in_w": 20}}
    with pytest.raises(ConfigError, match=r"Set the image size to 480 x 640 px \(height x width\)"):
        check_model(**tall, image_size=(320, 320))
    check_model(**tall, image_size=(480, 640))


def test_a_map_of_another_size_is_refused():
    with pytest.raises(ConfigError, match=r"maps of \(3, 4\) cells \(in_h, in_w\); found \(4, 3\)"):
        MixVPR(5, **SMALL)(torch.zeros(1, 5, 4, 3))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"in_h": 0}, "in_h"),
        ({"mix_depth": 0}, "mix_depth"),
        ({"mlp_ratio": 0}, "mlp_ratio"),
        ({"out_rows": 1.5}, "out_rows"),
    ],
)
def test_values_out_of_range_are_refused(arguments, named):
    with pytest.raises(ConfigError, match=f"aggregator 'mixvpr'.*'{named}'"):
        AGGREGATORS.build("mixvpr", in_channels=8, **arguments)
