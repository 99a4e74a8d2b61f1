"""Convolutional backbones and Swin with real numbers: features of the published networks, weights files, statistics."""

import pytest
import timm
import torch
import torchvision

from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.models.aggregators import AGGREGATORS
from gsv_pipeline.models.backbones import BACKBONES
from gsv_pipeline.models.checkpoint import load_checkpoint, save_checkpoint
from gsv_pipeline.models.vpr_model import VPRModel, build_model

SWIN = {"image_size": 64}
SMALL = {
    "resnet18": {},
    "efficientnet_b0": {},
    "mobilenet_v3_large": {},
    "mobilenet_v3_small": {},
    "convnext_tiny": {},
    "swinv2_tiny": SWIN,
    "dinov2_vits14_reg": {},
}
WITH_STATISTICS = ["resnet18", "efficientnet_b0", "mobilenet_v3_small"]


def images(count=2, height=64, width=96):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def published(name):
    """The network as torchvision builds it, with all that a backbone drops."""
    torch.manual_seed(3)
    return torchvision.models.get_model(name, weights=None).eval()


def running(backbone, modules):
    names = {key for key, _ in backbone.model.named_buffers() if key.endswith(("running_mean", "running_var"))}
    return {
        key: value.clone()
        for key, value in backbone.model.named_buffers()
        if key in names and any(key.startswith(f"{module}.") for module in modules)
    }


@pytest.mark.parametrize("name", ["resnext50_32x4d", "efficientnet_b0", "mobilenet_v3_small", "convnext_tiny"])
def test_features_are_those_of_torchvision_before_pooling(name, tmp_path):
    whole = published(name)
    torch.save(whole.state_dict(), tmp_path / "whole.pth")
    headless = torch.nn.Sequential(*list(whole.children())[:-2]) if "resnext" in name else whole.features
    backbone = BACKBONES.build(name, weights=tmp_path / "whole.pth").eval()
    with torch.inference_mode():
        torch.testing.assert_close(backbone(images()), headless(images()), atol=1e-6, rtol=1e-5)


def test_swin_features_are_those_of_timm_before_pooling_under_either_naming(tmp_path):
    torch.manual_seed(3)
    whole = timm.create_model("swinv2_tiny_window16_256", drop_path_rate=0.0).eval()
    for name, value in whole.named_parameters():
        if "norm" in name:
            torch.nn.init.uniform_(value)  # they start at zero, which would hide every block
    torch.save(whole.state_dict(), tmp_path / "timm.pth")
    torch.save(as_microsoft(whole.state_dict()), tmp_path / "microsoft.pth")
    whole.set_input_size((64, 64))
    with torch.inference_mode():
        expected = whole.forward_features(images(2, 64, 64)).permute(0, 3, 1, 2)
        for file in ("timm.pth", "microsoft.pth"):
            backbone = BACKBONES.build("swinv2_tiny", weights=tmp_path / file, **SWIN).eval()
            torch.testing.assert_close(backbone(images(2, 64, 64)), expected, atol=1e-5, rtol=1e-5)


def as_microsoft(state):
    """Downsampling ends a stage there, the classifier is bare, and window tables are stored."""
    renamed = {
        "layers.0.blocks.1.attn_mask": torch.zeros(1),
        "layers.0.blocks.0.attn.relative_coords_table": torch.ones(1),
    }
    for name, value in state.items():
        parts = name.replace("head.fc.", "head.").split(".")
        if parts[2:3] == ["downsample"]:
            parts[1] = str(int(parts[1]) - 1)
        renamed[".".join(parts)] = value
    return renamed


def test_swin_takes_square_images_of_its_size_only():
    backbone = BACKBONES.build("swinv2_tiny", weights="none", **SWIN)
    for height, width in ((64, 96), (96, 96), (320, 320)):
        with pytest.raises(ConfigError, match=rf"images are {height} x {width} px .* square ones of 64 x 64 px"):
            backbone.check_size(height, width)
    with pytest.raises(ConfigError, match="square ones of 64 x 64 px"):
        backbone(images())


@pytest.mark.parametrize("side", [0, 100, "256", 48.0])
def test_a_side_that_windows_do_not_divide_is_refused(side):
    with pytest.raises(ConfigError, match="backbone 'swinv2_tiny': 'image_size' is"):
        BACKBONES.build("swinv2_tiny", weights="none", image_size=side)


@pytest.mark.parametrize("name", SMALL)
def test_a_seed_decides_all_weights_and_a_checkpoint_brings_them_back(name, tmp_path):
    def build(seed):
        arguments = {"weights": "none", **SMALL[name]}
        return build_model(
            backbone=name, backbone_args=arguments, aggregator="avg", aggregator_args={}, seed=seed
        ).eval()

    first, again, other = build(0), build(0), build(1)
    for key, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[key])
    side = 56 if name.startswith("dinov2") else 64
    with torch.inference_mode():
        expected = first(images(2, side, side))
        assert not torch.equal(other(images(2, side, side)), expected)
        save_checkpoint(tmp_path / "model.safetensors", first)
        load_checkpoint(tmp_path / "model.safetensors", other)
        assert torch.equal(other(images(2, side, side)), expected)


@pytest.mark.parametrize("name", WITH_STATISTICS)
@pytest.mark.parametrize("fixed", [False, True])
def test_statistics_of_frozen_stages_move_unless_they_are_frozen_too(name, fixed, tmp_path):
    torch.save(published(name).state_dict(), tmp_path / "whole.pth")
    backbone = BACKBONES.build(name, weights=tmp_path / "whole.pth", layers_to_freeze=2, freeze_statistics=fixed)
    model = VPRModel(backbone, AGGREGATORS.build("avg", in_channels=backbone.out_channels))
    model.eval()
    model.train()
    trained = [module for stage in backbone.stages[3:] for module in stage.modules]
    before, learning = running(backbone, backbone.frozen), running(backbone, trained)
    assert before
    assert learning
    model(images())
    after = running(backbone, backbone.frozen)
    assert all(torch.equal(after[key], value) == fixed for key, value in before.items())
    assert not any(torch.equal(running(backbone, trained)[key], value) for key, value in learning.items())


def test_frozen_statistics_give_training_and_evaluation_the_same_frozen_features(tmp_path):
    torch.save(published("resnet18").state_dict(), tmp_path / "whole.pth")
    backbone = BACKBONES.build(
        "resnet18", weights=tmp_path / "whole.pth", layers_to_freeze=2, layers_to_crop=[3, 4], freeze_statistics=True
    )
    assert torch.equal(backbone.train()(images()), backbone.eval()(images()))
    assert not backbone.model.layer2.training


@pytest.mark.parametrize("value", [1, "yes", None])
def test_freezing_of_statistics_is_yes_or_no(value):
    with pytest.raises(ConfigError, match="'freeze_statistics' is"):
        BACKBONES.build("resnet18", weights="none", freeze_statistics=value)


def test_an_image_that_wants_a_gradient_gets_it_through_frozen_stages(tmp_path):
    torch.save(published("resnet18").state_dict(), tmp_path / "whole.pth")
    backbone = BACKBONES.build("resnet18", weights=tmp_path / "whole.pth", layers_to_freeze=3).eval()
    seen = images().requires_grad_()
    backbone(seen).sum().backward()
    assert seen.grad.abs().sum() > 0
    assert backbone.model.conv1.weight.grad is None


def test_frozen_stages_save_their_share_of_memory(tmp_path):
    torch.save(published("resnet18").state_dict(), tmp_path / "whole.pth")

    def kept(level):
        backbone = BACKBONES.build("resnet18", weights=tmp_path / "whole.pth", layers_to_freeze=level).train()
        parameters = {value.data_ptr() for value in backbone.parameters()}
        sizes = {}

        def note(tensor):
            if tensor.data_ptr() not in parameters:
                sizes[tensor.data_ptr()] = tensor.nbytes
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            features = backbone(images())
        assert features.requires_grad
        return sum(sizes.values())

    everything, nothing_frozen, halfway = kept(-1), kept(0), kept(2)
    assert halfway < 0.25 * nothing_frozen < 0.25 * everything


def test_weights_of_another_size_are_refused(tmp_path):
    torch.save(published("efficientnet_b0").state_dict(), tmp_path / "b0.pth")
    with pytest.raises(DataError, match=r"efficientnet_b2 weights .*b0\.pth does not fit the model"):
        BACKBONES.build("efficientnet_b2", weights=tmp_path / "b0.pth")
    with pytest.raises(DataError, match="does not fit the model"):
        BACKBONES.build("mobilenet_v3_small", weights=tmp_path / "b0.pth")
