"""Released checkpoints by their published names and shapes: they load, and give the descriptors of the same weights."""

import json
from pathlib import Path

import pytest
import timm
import torch
from timm.models.vision_transformer import checkpoint_filter_fn

from gsv_pipeline.errors import DataError
from gsv_pipeline.models.checkpoint import load_checkpoint
from gsv_pipeline.models.inspection import guess_model
from gsv_pipeline.models.released import RELEASED, as_ours, from_dinov2
from gsv_pipeline.models.vpr_model import build_model

TABLES = Path(__file__).parent / "released"
CROPPED = {"backbone": "resnet50", "backbone_args": {"weights": "none", "layers_to_crop": [4]}}
DINO = {"backbone": "dinov2_vitb14"}
MODELS = {
    "mixvpr_resnet50_4096": {**CROPPED, "aggregator": "mixvpr", "aggregator_args": {}},
    "boq_resnet50_16384": {**CROPPED, "aggregator": "boq", "aggregator_args": {}},
    "boq_dinov2_12288": {
        **DINO,
        "backbone_args": {"weights": "none", "final_norm": False},
        "aggregator": "boq",
        "aggregator_args": {"proj_channels": 384},
    },
    "salad_dinov2_8448": {
        **DINO,
        "backbone_args": {"weights": "none"},
        "aggregator": "salad",
        "aggregator_args": {},
    },
    "openvprlab_resnet50_mixvpr": {**CROPPED, "aggregator": "mixvpr", "aggregator_args": {}},
}
WORDS = {
    "mixvpr_resnet50_4096": "resnet50 without layer4 + mixvpr (out_channels 1024, out_rows 4, mix_depth 4, 400 cells)",
    "boq_resnet50_16384": "resnet50 without layer4 + boq (proj_channels 512, num_queries 64, num_layers 2, row_dim 32)",
    "boq_dinov2_12288": "vision transformer (width 768, depth 12) + "
    "boq (proj_channels 384, num_queries 64, num_layers 2, row_dim 32)",
    "salad_dinov2_8448": "vision transformer (width 768, depth 12) + "
    "salad (num_clusters 64, cluster_dim 128, token_dim 256)",
    "openvprlab_resnet50_mixvpr": "resnet50 without layer4 + "
    "mixvpr (out_channels 1024, out_rows 4, mix_depth 4, 400 cells)",
}
STAGES = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")


def published(name):
    """Tensors of the published names and shapes, without numbers."""
    shapes = json.loads((TABLES / f"{name}.json").read_text())["shapes"]
    return {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}


def model_of(name):
    with torch.device("meta"):
        return build_model(**MODELS[name])


def in_sequence(name):
    """Our name of a ResNet's tensor -> the name inside `net`."""
    stage, _, rest = name.removeprefix("backbone.model.").partition(".")
    return f"backbone.net.{STAGES.index(stage)}.{rest}"


def in_halves(name, *, trained):
    """Our name -> the name with the last `trained` of stem, layer1, layer2 and layer3 apart from the others."""
    stage, _, rest = name.removeprefix("backbone.model.").partition(".")
    number = max(0, STAGES.index(stage) - 3)
    rest = rest if number else f"{STAGES.index(stage)}.{rest}"
    first = 4 - trained
    half, place = ("frozen", number) if number < first else ("unfrozen", number - first)
    return f"backbone.{half}_layers.{place}.{rest}"


def renamed(state, rename):
    return {rename(name) if name.startswith("backbone.") else name: value for name, value in state.items()}


def randomise(model, seed):
    """Numbers in every tensor, batch statistics and affine parameters included, that a fresh model has not."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                noise = torch.randn(value.shape, generator=generator)
                value.copy_(1 + 0.2 * noise.abs() if name.endswith("running_var") else value + 0.05 * noise)
    return model.eval()


def assert_loading_changes_the_descriptors_to(ours, loaded, *, path, images):
    with torch.inference_mode():
        wanted = ours(images)
        assert not torch.allclose(loaded(images), wanted, atol=1e-2)
        load_checkpoint(path, loaded)
        torch.testing.assert_close(loaded(images), wanted, atol=1e-6, rtol=0)


def test_every_table_has_a_model():
    assert {path.stem for path in TABLES.glob("*.json")} == set(MODELS) == set(WORDS)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_published_names_and_shapes_become_ours_to_the_last_tensor(name):
    wanted = model_of(name).state_dict()
    found = as_ours(published(name), wanted)
    assert {key: value.shape for key, value in found.items()} == {key: value.shape for key, value in wanted.items()}
    assert guess_model(found) == WORDS[name]


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_published_file_belongs_to_exactly_one_row(name):
    rows = [row for row, release in RELEASED.items() if any(release.marker.match(key) for key in published(name))]
    assert len(rows) == 1


def test_every_row_has_a_file():
    names = [key for name in MODELS for key in published(name)]
    assert [row for row, release in RELEASED.items() if not any(map(release.marker.match, names))] == []


@pytest.mark.parametrize(
    "rename",
    [
        in_sequence,
        *(lambda name, trained=trained: in_halves(name, trained=trained) for trained in range(5)),
    ],
    ids=["sequence", *(f"{trained} of 4 trained" for trained in range(5))],
)
def test_a_resnet_under_other_names_gives_the_same_descriptors(tmp_path, rename):
    parts = {
        "backbone": "resnet18",
        "backbone_args": {"weights": "none", "layers_to_crop": [4]},
        "aggregator": "boq",
        "aggregator_args": {"proj_channels": 64, "num_queries": 4, "row_dim": 2},
    }
    ours, loaded = randomise(build_model(**parts), 1), build_model(**parts, seed=2).eval()
    torch.save(renamed(ours.state_dict(), rename), tmp_path / "released.pth")
    images = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    assert_loading_changes_the_descriptors_to(ours, loaded, path=tmp_path / "released.pth", images=images)


@pytest.mark.parametrize(
    ("backbone", "norm", "prefix"),
    [
        ("dinov2_vits14", True, "backbone.model."),
        ("dinov2_vits14", False, "backbone.dino."),
        ("dinov2_vits14", True, "backbone.dino."),
        ("dinov2_vits14_reg", True, "backbone.model."),
    ],
    ids=["as SALAD", "as BoQ", "as BoQ with its norm applied", "with registers"],
)
def test_a_vision_transformer_under_the_names_of_its_authors_gives_the_same_descriptors(
    tmp_path, backbone, norm, prefix
):
    parts = {
        "backbone": backbone,
        "backbone_args": {"weights": "none", "final_norm": norm},
        "aggregator": "gem",
        "aggregator_args": {},
    }
    ours, loaded = randomise(build_model(**parts), 1), build_model(**parts, seed=2).eval()
    state = {name.replace("backbone.model.", prefix): value for name, value in ours.state_dict().items()}
    state[f"{prefix}mask_token"] = torch.zeros(1, 384)
    state |= {} if norm else {f"{prefix}norm.weight": torch.ones(384), f"{prefix}norm.bias": torch.zeros(384)}
    if f"{prefix}reg_token" in state:
        # Any split of the class token into itself and its position is the same model.
        state[f"{prefix}register_tokens"] = state.pop(f"{prefix}reg_token")
        position = torch.full((1, 1, 384), 0.25)
        state[f"{prefix}pos_embed"] = torch.cat([position, state[f"{prefix}pos_embed"]], dim=1)
        state[f"{prefix}cls_token"] = state[f"{prefix}cls_token"] - position
    torch.save(state, tmp_path / "released.pth")
    images = torch.rand(2, 3, 56, 70, generator=torch.Generator().manual_seed(0))
    assert_loading_changes_the_descriptors_to(ours, loaded, path=tmp_path / "released.pth", images=images)


@pytest.mark.parametrize("registers", [0, 4])
def test_names_of_dinov2_become_what_timm_makes_of_them(registers):
    model = timm.create_model(
        f"vit_small_patch14{'_reg4' if registers else ''}_dinov2", num_classes=0, depth=1, embed_dim=8, num_heads=1
    )
    state = {name: torch.rand_like(value) for name, value in model.state_dict().items()}
    state |= {"mask_token": torch.rand(1, 8), "pos_embed": torch.rand(1, 1370, 8)}
    if registers:
        state["register_tokens"] = state.pop("reg_token")
    found, wanted = from_dinov2(state), checkpoint_filter_fn(dict(state), model)
    assert sorted(found) == sorted(wanted)
    assert all(torch.equal(found[name], value) for name, value in wanted.items())


WRAPPERS = {
    "lightning": lambda state: {"state_dict": state, "epoch": 3},
    "lightning with a prefix": lambda state: {"state_dict": {f"model.{name}": value for name, value in state.items()}},
    "several processes": lambda state: {f"module.{name}": value for name, value in state.items()},
    "compiled": lambda state: {f"_orig_mod.{name}": value for name, value in state.items()},
    "parts compiled": lambda state: {name.replace(".", "._orig_mod.", 1): value for name, value in state.items()},
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
@pytest.mark.parametrize("rename", [str, in_sequence], ids=["our names", "sequence"])
def test_wrappers_are_taken_off(tmp_path, wrap, rename):
    parts = {"backbone": "resnet18", "backbone_args": {"weights": "none", "layers_to_crop": [3, 4]}}
    ours, loaded = (build_model(**parts, aggregator="gem", aggregator_args={}, seed=seed) for seed in (1, 2))
    torch.save(wrap(renamed(ours.state_dict(), rename)), tmp_path / "model.ckpt")
    load_checkpoint(tmp_path / "model.ckpt", loaded)
    assert all(torch.equal(loaded.state_dict()[name], value) for name, value in ours.state_dict().items())


def test_a_released_file_in_the_wrong_model_is_refused_with_its_own_description(tmp_path):
    parts = {"backbone": "resnet18", "backbone_args": {"weights": "none", "layers_to_crop": [4]}}
    boq = build_model(**parts, aggregator="boq", aggregator_args={"proj_channels": 64, "num_queries": 4, "row_dim": 2})
    torch.save(renamed(boq.state_dict(), in_sequence), tmp_path / "boq.pth")
    with pytest.raises(DataError, match=r"looks like resnet18 without layer4 \+ boq \(proj_channels 64, .* \+ gem\."):
        load_checkpoint(tmp_path / "boq.pth", build_model(**parts, aggregator="gem", aggregator_args={}))


@pytest.mark.parametrize("rename", [str, in_sequence, lambda name: in_halves(name, trained=1)])
@pytest.mark.parametrize("extra", ["register_tokens", "mask_token", "cls_token", "pos_embed"])
def test_a_file_that_mixes_conventions_is_refused_and_never_crashes(tmp_path, rename, extra):
    parts = {"backbone": "resnet18", "backbone_args": {"weights": "none", "layers_to_crop": [3, 4]}}
    model = build_model(**parts, aggregator="gem", aggregator_args={})
    odd = {f"backbone.{part}.{extra}": torch.tensor(1.0) for part in ("dino", "model")}
    odd |= {f"aggregator.{name}": torch.tensor(1.0) for name in ("boqs.0.queries", "fc.weight", "proj_c.weight")}
    torch.save(renamed(model.state_dict(), rename) | odd, tmp_path / "odd.pth")
    with pytest.raises(DataError, match="does not fit the model"):
        load_checkpoint(tmp_path / "odd.pth", model)


def test_what_nobody_knows_stays_as_it_is():
    state = {"encoder.0.weight": torch.zeros(1), "aggregated.model.weight": torch.zeros(2)}
    assert as_ours(state, ["backbone.model.conv1.weight"]) == state


def test_the_names_that_a_model_wants_are_never_touched():
    state = {"backbone.net.0.weight": torch.zeros(1), "model.aggregator.p": torch.zeros(1)}
    assert as_ours(state, list(state)) == state


@pytest.mark.parametrize(
    ("aggregator", "arguments", "words"),
    [("netvlad", {"clusters": 8}, "netvlad (clusters 8)"), ("boq", {"num_layers": 3}, "num_layers 3")],
)
def test_aggregators_are_recognised_by_their_own_names(aggregator, arguments, words):
    with torch.device("meta"):
        model = build_model(
            backbone="resnet18", backbone_args={"weights": "none"}, aggregator=aggregator, aggregator_args=arguments
        )
    assert words in guess_model(model.state_dict())


@pytest.mark.parametrize("backbone", ["convnext_tiny", "swinv2_tiny", "efficientnet_b0"])
def test_another_kind_of_backbone_is_not_taken_for_a_resnet(backbone):
    with torch.device("meta"):
        model = build_model(backbone=backbone, backbone_args={"weights": "none"}, aggregator="gem", aggregator_args={})
    assert guess_model(model.state_dict()) == "a backbone of another kind + gem"


def test_a_bare_vision_transformer_is_recognised():
    state = {"cls_token": torch.zeros(1, 1, 384), "register_tokens": torch.zeros(1, 4, 384)}
    state |= {f"blocks.{number}.norm1.weight": torch.zeros(384) for number in range(12)}
    assert guess_model(state).startswith("a bare vision transformer with registers (width 384, depth 12) (for the")
