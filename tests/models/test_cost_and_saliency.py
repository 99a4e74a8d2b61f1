"""What a model costs, and where it looks."""

import pytest
import torch
from torch import Tensor

from gsv_pipeline.models.cost import model_cost
from gsv_pipeline.models.saliency import cell_importance
from gsv_pipeline.models.vpr_model import VPRModel, build_model


def _model(aggregator: str = "convap", backbone: str = "resnet18", **arguments: object) -> VPRModel:
    crop = {"layers_to_crop": [3, 4]} if backbone == "resnet18" else {}
    return build_model(
        backbone=backbone,
        backbone_args={"weights": "none", **crop},
        aggregator=aggregator,
        aggregator_args=arguments,
        seed=1,
    )


def test_the_arithmetic_of_resnet50_is_what_is_known_of_it() -> None:
    model = build_model(
        backbone="resnet50",
        backbone_args={"weights": "none"},
        aggregator="convap",
        aggregator_args={"out_channels": 1024},
        seed=1,
    )
    cost = model_cost(model, height=320, width=320)
    assert cost.gflops == pytest.approx(17.10, abs=0.05)  # counted apart for the same model at 320 px
    assert cost.descriptor_size == 4096
    assert cost.parameters == sum(weight.numel() for weight in model.parameters())
    assert next(model.parameters()).device.type == "cpu"


def test_four_times_the_pixels_are_four_times_the_arithmetic() -> None:
    model = _model("gem")
    small, large = (model_cost(model, height=side, width=side).gflops for side in (64, 128))
    assert large == pytest.approx(4 * small, rel=0.02)


@pytest.mark.parametrize(
    ("aggregator", "arguments"),
    [("convap", {"out_channels": 8}), ("gem", {}), ("netvlad", {"clusters": 4}), ("cosplace", {"out_channels": 16})],
)
def test_what_is_left_out_one_by_one_is_the_importance(aggregator: str, arguments: dict[str, object]) -> None:
    model = _model(aggregator, **arguments)
    images = torch.randn(2, 3, 80, 96, generator=torch.Generator().manual_seed(2))
    maps = cell_importance(model, images)
    assert maps.shape == (2, 10, 12)
    assert torch.equal(maps.amax((1, 2)), torch.ones(2))
    model.eval()
    with torch.no_grad():
        features = model.backbone(images)
        whole = model.aggregator(features)[1]
        slow = torch.zeros(10, 12)
        for row in range(10):
            for column in range(12):
                masked = features[1:].clone()
                masked[0, :, row, column] = features[1].mean((1, 2))
                slow[row, column] = 1 - model.aggregator(masked)[0].double() @ whole.double()
    assert torch.allclose(maps[1], slow / slow.max(), atol=2e-2)


def test_a_uniform_picture_has_no_place_to_look_at_and_the_mode_is_kept() -> None:
    class Flat(torch.nn.Module):
        needs_class_token = False

        def forward(self, features: Tensor) -> Tensor:
            return torch.ones(len(features), 4) / 2

    model = _model("gem")
    model.aggregator = Flat()  # type: ignore[assignment]
    model.train()
    maps = cell_importance(model, torch.zeros(1, 3, 64, 64))
    assert float(maps.abs().max()) == 0
    assert model.training


def test_a_class_token_stays_with_its_image() -> None:
    model = _model("salad", "dinov2_vits14", num_clusters=8, cluster_dim=8, token_dim=8)
    maps = cell_importance(model, torch.randn(2, 3, 112, 112, generator=torch.Generator().manual_seed(3)))
    alone = cell_importance(model, torch.randn(2, 3, 112, 112, generator=torch.Generator().manual_seed(3))[1:])
    assert maps.shape == (2, 8, 8)
    assert torch.allclose(maps[1], alone[0], atol=2e-2)
