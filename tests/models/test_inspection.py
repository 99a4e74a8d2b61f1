"""Guesses for error messages: each architecture is recognised by its own state dict."""

import pickle
from fractions import Fraction

import pytest
import torch
import torchvision

from gsv_pipeline.models.inspection import guess_model, refused_names
from gsv_pipeline.models.vpr_model import build_model


@pytest.mark.parametrize("backbone", ["resnet18", "resnet50"])
@pytest.mark.parametrize(
    ("crop", "words"), [([], ""), ([4], " without layer4"), ([3, 4], " without layer3 and layer4")]
)
def test_backbones_are_recognised(backbone, crop, words):
    with torch.device("meta"):
        model = build_model(
            backbone=backbone,
            backbone_args={"weights": "none", "layers_to_crop": crop},
            aggregator="avg",
            aggregator_args={},
        )
    assert guess_model(model.state_dict()) == f"{backbone}{words} + avg"


@pytest.mark.parametrize(
    ("aggregator", "arguments", "words"),
    [
        ("convap", {"out_channels": 64}, "convap (out_channels 64)"),
        ("cosplace", {"out_channels": 32}, "cosplace (out_channels 32)"),
        ("gem", {}, "gem"),
        ("avg", {}, "avg"),
    ],
)
def test_aggregators_are_recognised(aggregator, arguments, words):
    with torch.device("meta"):
        model = build_model(
            backbone="resnet18", backbone_args={"weights": "none"}, aggregator=aggregator, aggregator_args=arguments
        )
    assert guess_model(model.state_dict()) == f"resnet18 + {words}"


@pytest.mark.parametrize(
    ("name", "words"), [("resnet34", "resnet34"), ("resnet101", "a deeper ResNet"), ("resnet152", "a deeper ResNet")]
)
def test_depths_without_a_row_are_told_apart(name, words):
    with torch.device("meta"):
        state = torchvision.models.get_model(name, weights=None).state_dict()
    assert words in guess_model(state)
    assert "of torchvision (for the backbone's 'weights')" in guess_model(state)


def test_an_unknown_aggregator_is_not_taken_for_average():
    state = {"backbone.model.conv1.weight": torch.zeros(1), "aggregator.mix.weight": torch.zeros(1)}
    assert guess_model(state).endswith("an unknown aggregator")


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_imports_of_a_pickle_are_found_without_running_it(tmp_path, protocol):
    (tmp_path / "file").write_bytes(pickle.dumps(Fraction(1, 3), protocol=protocol))
    assert refused_names(tmp_path / "file", "Unsupported operand 149") == ["fractions.Fraction"]


def test_a_file_that_is_no_pickle_names_nothing(tmp_path):
    (tmp_path / "file").write_bytes(b"\xff\xd8\xff\xe0JFIF")
    assert refused_names(tmp_path / "file", "Unsupported operand 255") == []


def test_a_pickle_cut_short_names_what_it_named_so_far(tmp_path):
    (tmp_path / "file").write_bytes(pickle.dumps([Fraction(1, 3), "x" * 99], protocol=4)[:-50])
    assert refused_names(tmp_path / "file", "") == ["fractions.Fraction"]
