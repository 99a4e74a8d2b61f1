"""What pretrained weights freeze is frozen alike where those weights come another way."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gsv_pipeline.models.backbones import BACKBONES

CASES: dict[str, dict[str, Any]] = {
    "resnet18": {"layers_to_freeze": 1, "freeze_statistics": True},
    "efficientnet_b0": {"layers_to_freeze": 2},
    "dinov2_vits14": {"trained_blocks": 2},
}


def learning(backbone: nn.Module) -> dict[str, bool]:
    return {name: value.requires_grad for name, value in backbone.named_parameters()}


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_backbone_that_is_told_to_freeze_learns_what_a_pretrained_one_does(name: str, tmp_path: Path) -> None:
    weights = tmp_path / "weights.pth"
    told = BACKBONES.build(name, **CASES[name], weights="none")
    torch.save(told.model.state_dict(), weights)
    pretrained = BACKBONES.build(name, **CASES[name], weights=str(weights))
    assert all(learning(told).values()), "without weights all of it learns"
    told.freeze()
    assert learning(told) == learning(pretrained)
    assert 0 < sum(learning(told).values()) < len(learning(told))
    modes = [
        {name: module.training for name, module in backbone.train().named_modules()} for backbone in (told, pretrained)
    ]
    assert modes[0] == modes[1]
