"""What every backbone, every aggregator and every pair of them promises. A new row is tested by being in its table."""

import inspect

import pytest
import torch

from gsv_pipeline.models.aggregators import AGGREGATORS
from gsv_pipeline.models.backbones import BACKBONES
from gsv_pipeline.models.checkpoint import load_checkpoint, save_checkpoint
from gsv_pipeline.models.vpr_model import build_model, check_model

# Small heads, so that the sweep stays quick; rows that are not named take their defaults.
HEADS = {
    "boq": {"proj_channels": 64, "num_queries": 4, "row_dim": 2},
    "convap": {"out_channels": 8},
    "cosplace": {"out_channels": 16},
    "mixvpr": {"out_channels": 8, "mix_depth": 2},
    "netvlad": {"clusters": 4},
    "salad": {"num_clusters": 3, "cluster_dim": 8, "token_dim": 16},
}
# The smallest backbone of each kind of output, with images that it takes and the map that they become.
TRUNKS = {"resnet18": ((64, 96), (2, 3)), "dinov2_vits14": ((42, 56), (3, 4))}
WITH_TOKEN = {"dinov2_vits14"}
PAIRS = [
    (backbone, aggregator)
    for backbone in TRUNKS
    for aggregator in sorted(AGGREGATORS)
    if backbone in WITH_TOKEN or not AGGREGATORS[aggregator].needs_class_token
]


def images(count=3, height=64, width=96):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def head_of(aggregator, map_size):
    """Arguments of a small head; one that takes maps of a single size is made for this one."""
    takes_one_size = "in_h" in inspect.signature(AGGREGATORS[aggregator]).parameters
    size = dict(zip(("in_h", "in_w"), map_size, strict=True)) if takes_one_size else {}
    return {**HEADS.get(aggregator, {}), **size}


def build(backbone, aggregator, seed=0):
    return build_model(
        backbone=backbone,
        backbone_args={"weights": "none"},
        aggregator=aggregator,
        aggregator_args=head_of(aggregator, TRUNKS[backbone][1]),
        seed=seed,
    )


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def pair(request):
    return request.param


@pytest.fixture(scope="module")
def model(pair):
    return build(*pair).eval()


@pytest.fixture
def inputs(pair):
    return images(3, *TRUNKS[pair[0]][0])


@pytest.fixture(params=sorted(BACKBONES))
def backbone(request):
    return request.param


def test_the_tables_are_not_empty():
    assert len(BACKBONES) > 0
    assert len(AGGREGATORS) > 0
    assert set(HEADS) <= set(AGGREGATORS)
    assert {aggregator for _, aggregator in PAIRS} == set(AGGREGATORS)


def test_descriptors_are_float32_rows_of_length_one(model, inputs):
    with torch.inference_mode():
        descriptors = model(inputs)
    assert descriptors.shape == (3, model.out_dim)
    assert descriptors.dtype == torch.float32
    torch.testing.assert_close(descriptors.norm(dim=1), torch.ones(3))


def test_mixed_precision_keeps_float32_rows_of_length_one(model, inputs):
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        descriptors = model(inputs)
    assert descriptors.dtype == torch.float32
    torch.testing.assert_close(descriptors.norm(dim=1), torch.ones(3), atol=1e-5, rtol=0)


def test_an_image_has_one_descriptor_whatever_stands_beside_it(model, inputs):
    with torch.inference_mode():
        together, again, alone = model(inputs), model(inputs), model(inputs[:1])
    assert torch.equal(together, again)
    torch.testing.assert_close(together[:1], alone, atol=1e-5, rtol=0)


def test_channels_last_gives_the_same_descriptors(model, inputs):
    with torch.inference_mode():
        plain = model(inputs)
        channels_last = model(inputs.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(plain, channels_last, atol=1e-5, rtol=0)


def test_every_parameter_gets_a_finite_gradient(pair, inputs):
    model = build(*pair).train()
    target = torch.randn(3, model.out_dim, generator=torch.Generator().manual_seed(1))
    (model(inputs) * target).sum().backward()
    without = [name for name, value in model.named_parameters() if value.grad is None]
    assert without == []
    assert all(value.grad.isfinite().all() for value in model.parameters())


def test_saved_and_loaded_weights_give_the_same_descriptors(pair, model, inputs, tmp_path):
    save_checkpoint(tmp_path / "model.safetensors", model)
    other = build(*pair, seed=1).eval()
    load_checkpoint(tmp_path / "model.safetensors", other)
    with torch.inference_mode():
        assert torch.equal(model(inputs), other(inputs))


def test_checking_accepts_what_building_accepts(pair):
    backbone, aggregator = pair
    image_size, map_size = TRUNKS[backbone]
    check_model(
        backbone=backbone,
        backbone_args={},
        aggregator=aggregator,
        aggregator_args=head_of(aggregator, map_size),
        image_size=image_size,
    )


@pytest.mark.parametrize("name", sorted(AGGREGATORS))
def test_an_aggregator_takes_its_channels_first_and_knows_its_size(name):
    assert next(iter(inspect.signature(AGGREGATORS[name]).parameters)) == "in_channels"
    aggregator = AGGREGATORS.build(name, in_channels=24, **head_of(name, (5, 7)))
    features = torch.randn(2, 24, 5, 7, generator=torch.Generator().manual_seed(0))
    token = [features[:, :, 0, 0]] if aggregator.needs_class_token else []
    assert aggregator(features, *token).shape == (2, aggregator.out_dim)


def test_a_backbone_takes_the_agreed_arguments(backbone):
    defaults = {name: spec.default for name, spec in inspect.signature(BACKBONES[backbone]).parameters.items()}
    assert defaults["weights"] == "imagenet"
    if "trained_blocks" in defaults:  # vision transformers count from their end
        assert defaults["trained_blocks"] == 4
    else:
        assert defaults["layers_to_freeze"] == 2
        assert list(defaults["layers_to_crop"]) == []


@pytest.mark.parametrize("name", TRUNKS)
def test_a_backbone_freezes_only_pretrained_weights(name, tmp_path):
    fresh = BACKBONES.build(name, weights="none")
    assert all(value.requires_grad for value in fresh.parameters())
    torch.save(fresh.model.state_dict(), tmp_path / "weights.pth")
    frozen = BACKBONES.build(name, weights=str(tmp_path / "weights.pth"))
    free = sum(value.requires_grad for value in frozen.parameters())
    assert 0 < free < len(list(frozen.parameters()))


def test_a_backbone_without_weights_downloads_nothing(backbone, monkeypatch):
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *args, **kwargs: pytest.fail("a download"))
    with torch.device("meta"):
        BACKBONES.build(backbone, weights="none")
