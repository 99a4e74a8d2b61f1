"""The whole model against the released checkpoint format, and how it is built and checked by name."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.models.checkpoint import load_checkpoint
from gsv_pipeline.models.vpr_model import build_model, check_model

PARITY = Path(__file__).parents[1] / "parity"
SMALL = {
    "backbone": "resnet18",
    "backbone_args": {"weights": "none", "layers_to_crop": [3, 4]},
    "aggregator": "convap",
    "aggregator_args": {"out_channels": 32},
}


def test_a_released_checkpoint_gives_the_reference_descriptors():
    model = build_model(**SMALL).eval()
    load_checkpoint(PARITY / "resnet18_crop34_convap_32_2x2.ckpt", model)
    with np.load(PARITY / "resnet18_crop34_convap_32_2x2.npz") as stored:
        images, expected = torch.tensor(stored["images"]), torch.tensor(stored["descriptors"])
    with torch.inference_mode():
        descriptors = model(images)
    torch.testing.assert_close(descriptors, expected, atol=1e-5, rtol=0)


def test_state_dict_has_the_keys_and_shapes_of_the_released_4096_d_model():
    released = json.loads((PARITY / "resnet50_ConvAP_1024_2x2.state_dict.json").read_text())
    with torch.device("meta"):
        model = build_model(
            backbone="resnet50",
            backbone_args={"weights": "none"},
            aggregator="convap",
            aggregator_args={"out_channels": 1024},
        )
    assert model.out_dim == 4096
    assert {name: list(value.shape) for name, value in model.state_dict().items()} == released


def test_the_published_convolution_has_2098176_parameters():
    with torch.device("meta"):
        arguments = {"weights": "none"}
        model = build_model(
            backbone="resnet50", backbone_args=arguments, aggregator="convap", aggregator_args={"out_channels": 1024}
        )
    assert sum(value.numel() for value in model.aggregator.parameters()) == 2_098_176


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    first, again, other = (build_model(**SMALL, seed=seed).state_dict() for seed in (7, 7, 8))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["aggregator.channel_pool.weight"], other["aggregator.channel_pool.weight"])
    assert not torch.equal(first["backbone.model.conv1.weight"], other["backbone.model.conv1.weight"])


def test_a_seed_leaves_the_global_generator_alone_and_does_not_depend_on_it():
    torch.manual_seed(1)
    first = build_model(**SMALL, seed=7)
    after_building = torch.rand(3)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(3), after_building)
    again = build_model(**SMALL, seed=7)
    assert torch.equal(first.aggregator.channel_pool.weight, again.aggregator.channel_pool.weight)


def test_without_a_seed_the_global_generator_decides():
    torch.manual_seed(1)
    first = build_model(**SMALL)
    second = build_model(**SMALL)
    assert not torch.equal(first.aggregator.channel_pool.weight, second.aggregator.channel_pool.weight)


def test_checking_builds_nothing_and_draws_nothing(monkeypatch):
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *args, **kwargs: pytest.fail("a download"))
    torch.manual_seed(1)
    check_model(backbone="resnet50", backbone_args={}, aggregator="convap", aggregator_args={})
    check_model(**SMALL)
    drawn = torch.rand(3)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(3), drawn)


BAD = [
    ({"backbone": "resnet19"}, r"Unknown backbone 'resnet19'\. Did you mean 'resnet1"),
    ({"aggregator": "convpa"}, r"Unknown aggregator 'convpa'\. Did you mean 'convap'\?"),
    ({"backbone_args": {"layers_to_crp": [4]}}, "unexpected argument 'layers_to_crp'"),
    ({"aggregator_args": {"out_chanels": 8}}, "unexpected argument 'out_chanels'. Did you mean 'out_channels'"),
    ({"aggregator_args": {"in_channels": 8}}, "unexpected argument 'in_channels'"),
    ({"aggregator_args": {"out_channels": -8}}, "'out_channels' is -8"),
    ({"backbone_args": {"weights": "none", "layers_to_crop": [3]}}, "'layers_to_crop' is"),
    ({"backbone_args": {"weights": None}}, "'weights' is None; expected imagenet, none or a file"),
    ({"backbone_args": {"weights": ""}}, "'weights' is ''; expected imagenet, none or a file"),
]


@pytest.mark.parametrize("step", [build_model, check_model], ids=["build", "check"])
@pytest.mark.parametrize(("change", "message"), BAD, ids=[message for _, message in BAD])
def test_a_bad_name_or_argument_is_refused(step, change, message):
    with pytest.raises(ConfigError, match=message):
        step(**{**SMALL, **change})
