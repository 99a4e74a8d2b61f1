"""Freezing, cropping and pretrained weights of the ResNets. No test here needs a network."""

import pytest
import torch
import torchvision

from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.models.backbones import BACKBONES

STAGES = {"conv1": 0, "bn1": 0, "layer1": 1, "layer2": 2, "layer3": 3, "layer4": 9}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A file as torchvision publishes it: with its classifier."""
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(torchvision.models.resnet18(weights=None).state_dict(), path)
    return path


def frozen_stages(backbone):
    return {name.split(".")[0] for name, value in backbone.model.named_parameters() if not value.requires_grad}


@pytest.mark.parametrize("level", [-1, 0, 1, 2, 3])
def test_a_freeze_level_freezes_everything_up_to_its_layer(published, level):
    backbone = BACKBONES.build("resnet18", weights=published, layers_to_freeze=level)
    assert frozen_stages(backbone) == {name for name, first in STAGES.items() if first <= level}


def test_random_weights_are_never_frozen():
    assert frozen_stages(BACKBONES.build("resnet18", weights="none", layers_to_freeze=3)) == set()


def test_batch_norm_of_frozen_layers_goes_on_moving(published):
    backbone = BACKBONES.build("resnet18", weights=published, layers_to_freeze=2).train()
    before = backbone.model.bn1.running_mean.clone()
    backbone(torch.rand(2, 3, 32, 32))
    assert not torch.equal(backbone.model.bn1.running_mean, before)


@pytest.mark.parametrize(
    ("name", "crop", "channels", "side"),
    [
        ("resnet18", [], 512, 2),
        ("resnet18", [4], 256, 4),
        ("resnet18", [4, 3], 128, 8),
        ("resnet50", [], 2048, 2),
        ("resnet50", [4], 1024, 4),
        ("resnet50", (3, 4), 512, 8),
        ("resnet34", [4], 256, 4),
        ("resnext50_32x4d", [4], 1024, 4),
    ],
)
def test_cropping_halves_channels_and_doubles_the_map(name, crop, channels, side):
    backbone = BACKBONES.build(name, weights="none", layers_to_crop=crop).eval()
    with torch.inference_mode():
        features = backbone(torch.rand(1, 3, 64, 64))
    assert backbone.out_channels == channels
    assert features.shape == (1, channels, side, side)


def test_features_are_those_of_torchvision_before_pooling(published):
    whole = torchvision.models.resnet18(weights=None)
    whole.load_state_dict(torch.load(published, weights_only=True))
    headless = torch.nn.Sequential(*list(whole.children())[:-2]).eval()
    backbone = BACKBONES.build("resnet18", weights=published).eval()
    images = torch.rand(2, 3, 64, 48, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(backbone(images), headless(images), atol=0, rtol=0)


@pytest.mark.parametrize(
    "crop", [[3], [2], [2, 3, 4], [5], [4, "3"], "4", 4, None, [[3, 4]]], ids=lambda crop: f"crop_{crop!r}"
)
def test_other_crops_are_refused(crop):
    with pytest.raises(ConfigError, match="backbone 'resnet18': 'layers_to_crop'"):
        BACKBONES.build("resnet18", weights="none", layers_to_crop=crop)


@pytest.mark.parametrize("name", ["resnet18", "resnext101_32x4d"])
def test_names_are_those_of_released_checkpoints(name):
    with torch.device("meta"):
        names = list(BACKBONES.build(name, weights="none").state_dict())
    assert names[0] == "model.conv1.weight"
    assert {item.split(".")[1] for item in names} == {"conv1", "bn1", "layer1", "layer2", "layer3", "layer4"}


def test_cropping_only_layer3_says_why_not():
    with pytest.raises(ConfigError, match="3 goes only together with 4"):
        BACKBONES.build("resnet50", weights="none", layers_to_crop=[3])


@pytest.mark.parametrize("level", [-2, 4, 1.5, "2", True])
def test_other_freeze_levels_are_refused(level):
    with pytest.raises(ConfigError, match="backbone 'resnet18': 'layers_to_freeze'"):
        BACKBONES.build("resnet18", weights="none", layers_to_freeze=level)


def test_old_files_without_batch_norm_counters_load(published, tmp_path):
    state = torch.load(published, weights_only=True)
    old = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    assert len(old) < len(state)
    torch.save(old, tmp_path / "old.pth")
    backbone = BACKBONES.build("resnet18", weights=tmp_path / "old.pth", layers_to_crop=[4])
    assert torch.equal(backbone.model.layer3[0].bn1.running_var, state["layer3.0.bn1.running_var"])
    assert backbone.model.bn1.num_batches_tracked == 0


def test_weights_without_a_layer_are_refused(published, tmp_path):
    state = torch.load(published, weights_only=True)
    torch.save({name: value for name, value in state.items() if "layer4" not in name}, tmp_path / "part.pth")
    with pytest.raises(DataError, match=r"missing: layer4\.0\.conv1\.weight"):
        BACKBONES.build("resnet18", weights=tmp_path / "part.pth")


def test_weights_of_another_depth_are_refused(published):
    with pytest.raises(DataError, match=r"resnet50 weights .* does not fit .* looks like a bare resnet18"):
        BACKBONES.build("resnet50", weights=published)


def test_a_missing_weights_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"absent\.pth: found nothing"):
        BACKBONES.build("resnet18", weights=str(tmp_path / "absent.pth"))
