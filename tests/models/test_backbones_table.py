"""What every backbone promises, checked on the meta device: shapes, sizes, published parameter counts, what learns."""

import functools
import itertools

import pytest
import torch
import torchvision
from torch import nn

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.models.backbones import BACKBONES, staged, timm_dinov2
from gsv_pipeline.models.backbones.published import published_weights

# (channels, stride); the field's tables for EfficientNet, the papers' otherwise.
STATED = {
    "resnet18": (512, 32),
    "resnet34": (512, 32),
    "resnet50": (2048, 32),
    "resnet101": (2048, 32),
    "resnet152": (2048, 32),
    "resnext50_32x4d": (2048, 32),
    "resnext101_32x4d": (2048, 32),
    "resnext101_32x8d": (2048, 32),
    "efficientnet_b0": (1280, 32),
    "efficientnet_b1": (1280, 32),
    "efficientnet_b2": (1408, 32),
    "efficientnet_b3": (1536, 32),
    "efficientnet_b4": (1792, 32),
    "mobilenet_v3_large": (960, 32),
    "mobilenet_v3_small": (576, 32),
    "convnext_tiny": (768, 32),
    "convnext_small": (768, 32),
    "convnext_base": (1024, 32),
    "swinv2_tiny": (768, 32),
    "swinv2_small": (768, 32),
    "swinv2_base": (1024, 32),
    "dinov2_vits14": (384, 14),
    "dinov2_vitb14": (768, 14),
    "dinov2_vits14_reg": (384, 14),
    "dinov2_vitb14_reg": (768, 14),
}

# Millions with the classifier of 1000 classes, as in timm's published results; DINOv2 has no classifier.
MILLIONS = {
    "resnext101_32x4d": 44.18,
    "swinv2_tiny": 28.35,
    "swinv2_small": 49.73,
    "swinv2_base": 87.92,
    "dinov2_vits14": 22.06,
    "dinov2_vitb14": 86.58,
    "dinov2_vits14_reg": 22.06,
    "dinov2_vitb14_reg": 86.58,
}
CLASSES = 1000
HIDDEN = {"mobilenet_v3_large": 1280, "mobilenet_v3_small": 1024}
DINOV2 = [name for name in sorted(BACKBONES) if name.startswith("dinov2")]
# Stages are cut in one place for each family, except for the MobileNets.
FAMILIES = ["resnet18", "efficientnet_b0", "mobilenet_v3_large", "mobilenet_v3_small", "convnext_tiny", "swinv2_tiny"]


def takes(name):
    """A size, (height, width), that the backbone takes; not square where it may."""
    return (64, 64) if name.startswith("swinv2") else (56, 84) if name in DINOV2 else (64, 96)


def build(name, **arguments):
    small = {"image_size": 64} if name.startswith("swinv2") else {}
    with torch.device("meta"):
        return BACKBONES.build(name, **{"weights": "none", **small, **arguments})


@functools.cache
def whole(name):
    """A backbone with nothing cropped, for looking at only."""
    return build(name)


def run(backbone, height, width):
    return backbone(torch.empty(2, 3, height, width, device="meta"))


def features_of(backbone, height, width):
    result = run(backbone, height, width)
    return result[0] if backbone.gives_class_token else result


def count(module):
    return sum(value.numel() for value in module.parameters())


def classifier(name, channels):
    """Parameters between the feature map and the 1000 classes."""
    if name in HIDDEN:
        return (channels + 1) * HIDDEN[name] + (HIDDEN[name] + 1) * CLASSES
    norm = 2 * channels if name.startswith("convnext") else 0
    return norm + (0 if name in DINOV2 else (channels + 1) * CLASSES)


@pytest.fixture
def pretrained(monkeypatch):
    """Builds a backbone with the weights of another one of its kind, as if they came from a file."""

    def with_weights(name, **arguments):
        state = whole(name).model.state_dict()
        for module in (staged, timm_dinov2):
            monkeypatch.setattr(module, "read_pretrained", lambda backbone, weights: (state, f"{backbone} {weights}"))
        return build(name, weights="imagenet", **arguments)

    return with_weights


def test_every_row_is_stated_here():
    assert set(STATED) == set(BACKBONES)


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_a_backbone_and_all_its_stages_have_the_stated_channels_and_strides(name):
    backbone, (height, width), seen = whole(name), takes(name), []
    assert (backbone.out_channels, backbone.stride) == STATED[name]
    assert backbone.name == name
    assert backbone.gives_class_token == (name in DINOV2)
    ends = [] if name in DINOV2 else [backbone.model.get_submodule(stage.modules[-1]) for stage in backbone.stages]
    hooks = [end.register_forward_hook(lambda *passed: seen.append(passed[2].shape)) for end in ends]
    with torch.no_grad():
        result = run(backbone, height, width)
    for hook in hooks:
        hook.remove()
    features, *token = result if backbone.gives_class_token else (result,)
    assert features.shape == (2, backbone.out_channels, height // backbone.stride, width // backbone.stride)
    assert [item.shape for item in token] == [(2, backbone.out_channels)] * backbone.gives_class_token
    channels_last = name.startswith("swinv2")
    for shape, stage in zip(seen, backbone.stages if ends else (), strict=True):
        sides = (height // stage.stride, width // stage.stride)
        assert shape == ((2, *sides, stage.channels) if channels_last else (2, stage.channels, *sides))


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_a_backbone_has_the_published_number_of_parameters(name):
    parameters = count(whole(name)) + classifier(name, whole(name).out_channels)
    if name in MILLIONS:
        assert round(parameters / 1e6, 2) == MILLIONS[name]
    else:
        assert parameters == torchvision.models.get_model_weights(name)["IMAGENET1K_V1"].meta["num_params"]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_backbone_can_be_cropped_to_stride_8_and_no_further(name):
    last, height = len(whole(name).stages) - 1, takes(name)[0]
    crop = []
    for first in range(last, 1, -1):
        crop = [first, *crop]
        kept = whole(name).stages[first - 1]
        if kept.stride < 8:
            break
        backbone = build(name, layers_to_crop=crop)
        assert (backbone.out_channels, backbone.stride) == (kept.channels, kept.stride)
        assert features_of(backbone, height, height).shape == (2, kept.channels, *[height // kept.stride] * 2)
        assert count(backbone) < count(whole(name))
    with pytest.raises(ConfigError, match=f"backbone '{name}': 'layers_to_crop' is"):
        build(name, layers_to_crop=crop)


@pytest.mark.parametrize("name", FAMILIES)
def test_freeze_levels_end_before_the_last_stage(name, pretrained):
    deepest = len(whole(name).stages) - 2
    for level in (-1, 0, deepest):
        backbone = pretrained(name, layers_to_freeze=level)
        frozen = {key for key, value in backbone.model.named_parameters() if not value.requires_grad}
        modules = [module for stage in backbone.stages[: level + 1] for module in stage.modules]
        assert frozen == {
            key for key, _ in backbone.model.named_parameters() if any(key.startswith(f"{part}.") for part in modules)
        }
    with pytest.raises(ConfigError, match=rf"'layers_to_freeze' is {deepest + 1}; .* up to {deepest} of"):
        build(name, layers_to_freeze=deepest + 1)


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_gradients_reach_what_is_trained_and_nothing_of_the_rest_is_kept_for_them(name, pretrained):
    backbone = pretrained(name).train()
    saved, after_frozen = [], []
    frozen = list(itertools.takewhile(lambda module: not learns(module), chain_of(backbone)))
    frozen[-1].register_forward_hook(lambda *passed: after_frozen.append((len(saved), passed[2].requires_grad)))
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: (saved.append(1), tensor)[1], lambda tensor: tensor):
        features = features_of(backbone, *takes(name))
    assert after_frozen == [(0, False)]
    assert len(saved) > 0
    features.sum().backward()
    trained = {key for key, value in backbone.named_parameters() if value.requires_grad}
    assert {key for key, value in backbone.named_parameters() if value.grad is not None} == trained
    assert 0 < len(trained) < len(list(backbone.parameters()))


def learns(module):
    return any(value.requires_grad for value in module.parameters())


def chain_of(backbone):
    """The modules that run one after the other."""
    if backbone.name in DINOV2:
        return list(backbone.model.blocks)
    return [backbone.model.get_submodule(module) for stage in backbone.stages for module in stage.modules]


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_random_weights_all_learn_and_two_passes_of_one_image_would_agree(name):
    assert all(value.requires_grad for value in whole(name).parameters())
    # Gradient caching runs an image twice: no dropout, no stochastic depth.
    random = (nn.Dropout, nn.Dropout2d, torchvision.ops.StochasticDepth)
    for module in whole(name).modules():
        rate = getattr(module, "p", 0.0) if isinstance(module, random) else getattr(module, "drop_prob", 0.0)
        assert not rate


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_a_size_that_the_backbone_takes_is_accepted_and_a_tiny_one_refused(name):
    whole(name).check_size(*takes(name))
    with pytest.raises(ConfigError, match=rf"backbone '{name}': images are 8 x 640 px"):
        whole(name).check_size(8, 640)


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_every_backbone_has_published_weights_with_a_licence(name):
    known = published_weights(name)
    assert "imagenet" in known
    assert "none" not in known
    for item in known.values():
        assert item.url.startswith("https://")
        assert item.licence
        assert item.file_name.endswith((".pth", ".safetensors"))


def test_no_two_published_weights_share_a_file():
    files = [item.file_name for name in BACKBONES for item in published_weights(name).values()]
    assert len(set(files)) == len(files)


def test_an_unknown_backbone_is_guessed():
    with pytest.raises(ConfigError, match=r"Unknown backbone 'wide_resnet50_2'\. Did you mean 'resnet50'\?"):
        BACKBONES.build("wide_resnet50_2")


def test_an_option_of_another_family_is_refused():
    with pytest.raises(ConfigError, match=r"'dinov2_vits14': unexpected argument 'layers_to_freeze'"):
        BACKBONES.build("dinov2_vits14", layers_to_freeze=2)
    with pytest.raises(ConfigError, match=r"'convnext_tiny': unexpected argument 'freeze_statistics'"):
        BACKBONES.build("convnext_tiny", freeze_statistics=True)
