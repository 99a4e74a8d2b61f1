"""DINOv2: tokens, positions of any grid, what is trained, files under either naming."""

import math

import pytest
import timm
import torch

from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.models.backbones import BACKBONES
from gsv_pipeline.models.backbones.timm_dinov2 import GRID, MODELS

NAMES = ["dinov2_vits14", "dinov2_vits14_reg"]


def images(count, height, width):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module", params=NAMES)
def timm_model(request):
    """The network as timm builds it, with layer scales that let the blocks be seen."""
    torch.manual_seed(3)
    model = timm.create_model(MODELS[request.param], num_classes=0).eval()
    for name, value in model.named_parameters():
        if name.endswith("gamma"):
            torch.nn.init.constant_(value, 0.5)
        if name in {"pos_embed", "cls_token", "reg_token"}:
            torch.nn.init.normal_(value, std=0.3)
    return request.param, model


@pytest.fixture(scope="module")
def file(timm_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "timm.pth"
    torch.save(timm_model[1].state_dict(), path)
    return path


@pytest.fixture(scope="module")
def backbone(timm_model, file):
    return BACKBONES.build(timm_model[0], weights=file).eval()


def test_at_the_published_size_tokens_are_those_of_timm(timm_model, backbone):
    name, model = timm_model
    pixels = images(1, 518, 518)
    with torch.inference_mode():
        features, token = backbone(pixels)
        expected = model.forward_features(pixels)
    assert features.shape == (1, 384, GRID, GRID)
    torch.testing.assert_close(token, expected[:, 0], atol=1e-4, rtol=1e-4)
    first = 5 if name.endswith("_reg") else 1
    for row, column in ((0, 0), (0, 36), (7, 20), (36, 0)):
        torch.testing.assert_close(
            features[0, :, row, column], expected[0, first + row * GRID + column], atol=1e-4, rtol=1e-4
        )


def cubic(distance):
    """Keys' kernel with a = -0.75, which both OpenCV and torch take."""
    x, a = abs(distance), -0.75
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0


@pytest.mark.parametrize(("rows", "columns"), [(16, 23), (23, 16), (1, 40), (50, 37)])
def test_positions_are_scaled_as_published(rows, columns):
    # facebookresearch/dinov2 adds 0.1 to the wanted grid and does not antialias: each cell is a weighted sum of 4 x 4.
    backbone = BACKBONES.build("dinov2_vits14", weights="none")
    grid = torch.randn(GRID, GRID, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        backbone.model.pos_embed[0, 1:, 0] = grid.flatten()
        found = backbone._positions(rows, columns)[0, :, 0].reshape(rows, columns)

    def neighbours(cell, side):
        centre = (cell + 0.5) * GRID / (side + 0.1) - 0.5
        start = math.floor(centre) - 1
        return [(min(max(start + k, 0), GRID - 1), cubic(centre - start - k)) for k in range(4)]

    for row, column in ((0, 0), (rows - 1, columns - 1), (rows // 2, columns // 3), (rows // 3, columns - 1)):
        expected = sum(
            grid[y, x].item() * wy * wx for y, wy in neighbours(row, rows) for x, wx in neighbours(column, columns)
        )
        assert found[row, column].item() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_positions_know_rows_from_columns(name):
    backbone = BACKBONES.build(name, weights="none")
    down, across = torch.meshgrid(torch.arange(GRID), torch.arange(GRID), indexing="ij")
    with torch.no_grad():
        backbone.model.pos_embed[0, -GRID * GRID :, 0] = down.flatten().float()
        backbone.model.pos_embed[0, -GRID * GRID :, 1] = across.flatten().float()
        rows, columns = backbone._positions(9, 21)[0, :, :2].reshape(9, 21, 2).unbind(-1)
    assert (rows.diff(dim=0) > 3).all()
    torch.testing.assert_close(rows, rows[:, :1].expand(9, 21), atol=1e-4, rtol=0)
    assert (columns.diff(dim=1) > 1).all()
    torch.testing.assert_close(columns, columns[:1].expand(9, 21), atol=1e-4, rtol=0)


def test_height_and_width_are_not_swapped(backbone):
    # A network that is turned over with its image gives the same features, turned over.
    turned = BACKBONES.build(backbone.name, weights="none").eval()
    turned.load_state_dict(backbone.state_dict())
    with torch.no_grad():
        kernel, positions = turned.model.patch_embed.proj.weight, turned.model.pos_embed[0, -GRID * GRID :]
        kernel.copy_(kernel.transpose(2, 3).clone())
        positions.copy_(positions.reshape(GRID, GRID, -1).transpose(0, 1).flatten(0, 1).clone())
        pixels = images(2, 42, 98)
        features, token = backbone(pixels)
        features_turned, token_turned = turned(pixels.transpose(2, 3))
    assert features.shape == (2, 384, 3, 7)
    torch.testing.assert_close(features_turned.transpose(2, 3), features, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(token_turned, token, atol=1e-4, rtol=1e-4)


def test_a_file_of_facebookresearch_gives_the_same_features(timm_model, backbone, file, tmp_path):
    name, model = timm_model
    state = dict(model.state_dict())
    state["mask_token"] = torch.ones(1, 384)
    if name.endswith("_reg"):
        place = torch.randn(1, 1, 384, generator=torch.Generator().manual_seed(5))
        state["register_tokens"] = state.pop("reg_token")
        state["cls_token"] = state["cls_token"] - place
        state["pos_embed"] = torch.cat([place, state["pos_embed"]], dim=1)
    torch.save(state, tmp_path / "facebook.pth")
    other = BACKBONES.build(name, weights=tmp_path / "facebook.pth").eval()
    with torch.inference_mode():
        for found, expected in zip(other(images(1, 56, 42)), backbone(images(1, 56, 42)), strict=True):
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("trained", [0, 4, 12])
def test_the_last_blocks_and_the_final_norm_learn(timm_model, file, trained):
    backbone = BACKBONES.build(timm_model[0], weights=file, trained_blocks=trained)
    learns = {name.rsplit(".", 1)[0] for name, value in backbone.model.named_parameters() if value.requires_grad}
    blocks = {".".join(name.split(".")[:2]) for name in learns if name.startswith("blocks.")}
    assert blocks == {f"blocks.{number}" for number in range(12 - trained, 12)}
    assert {name for name in learns if not name.startswith("blocks.")} == ({"norm"} if trained else set())


@pytest.mark.parametrize("trained", [-1, 13, 1.5, True, "4"])
def test_other_numbers_of_blocks_are_refused(trained):
    with pytest.raises(ConfigError, match="backbone 'dinov2_vits14': 'trained_blocks' is"):
        BACKBONES.build("dinov2_vits14", weights="none", trained_blocks=trained)


def test_without_the_final_norm_features_are_those_before_it(timm_model, backbone, file):
    plain = BACKBONES.build(timm_model[0], weights=file, final_norm=False).eval()
    assert not any(name.startswith("model.norm.") for name in plain.state_dict())
    with torch.inference_mode():
        features, token = plain(images(1, 28, 42))
        expected, expected_token = backbone(images(1, 28, 42))
        norm = timm_model[1].norm
        torch.testing.assert_close(norm(token), expected_token, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(
            norm(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), expected, atol=1e-5, rtol=1e-5
        )


def test_files_of_the_other_variant_are_refused(timm_model, file):
    other = next(name for name in NAMES if name != timm_model[0])
    with pytest.raises(DataError, match=f"{other} weights .* does not fit the model"):
        BACKBONES.build(other, weights=file)


def test_other_sizes_are_refused_with_the_nearest_that_fits():
    backbone = BACKBONES.build("dinov2_vits14", weights="none")
    with pytest.raises(ConfigError, match=r"images are 320 x 322 px .* multiples of 14.* nearest is 322 x 322\."):
        backbone.check_size(320, 322)
    with pytest.raises(ConfigError, match="multiples of 14"):
        backbone(images(1, 30, 28))
    backbone.check_size(14, 700)


def test_mixed_precision_changes_features_only_a_little(backbone):
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        rough = backbone(images(1, 42, 28))
    with torch.inference_mode():
        exact = backbone(images(1, 42, 28))
    for found, expected in zip(rough, exact, strict=True):
        assert torch.cosine_similarity(found.float().flatten(), expected.flatten(), dim=0) > 0.999
