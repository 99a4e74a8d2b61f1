"""Where a model looks: how much a descriptor changes when one cell of the feature map is left out. No gradients."""

from typing import Final

import torch
from torch import Tensor

from gsv_pipeline.models.vpr_model import VPRModel

MASKED_AT_ONCE: Final = 64
"""Maps of which one cell is left out that go through the aggregator together; 64 maps of 1024 × 20 × 20 are 105 MB."""


def cell_importance(model: VPRModel, images: Tensor) -> Tensor:
    """Importance of each cell of the aggregator's input for the image's own descriptor.

    A cell's features are replaced by the mean of the map, and what the descriptor loses of its direction is its
    importance: `1 - cos(d, d without the cell)`. That asks nothing of the aggregator but to be called, so maps of
    different aggregators can be compared.

    Args:
        model: In any mode; evaluated in eval mode, and put back.
        images: `[B, 3, H, W]`, normalised, on the model's device.

    Returns:
        `[B, h, w]` float32, at least 0; the largest of an image is 1 unless every cell is without importance.
    """
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            parts = model.backbone(images)
            features, *token = parts if isinstance(parts, tuple) else (parts,)
            tokens = token if model.aggregator.needs_class_token else []
            maps = [_of_one(model, features[row : row + 1], [item[row : row + 1] for item in tokens])
                    for row in range(len(features))]  # fmt: skip
    finally:
        model.train(was_training)
    return torch.stack(maps)


def _of_one(model: VPRModel, features: Tensor, tokens: list[Tensor]) -> Tensor:
    """[h, w] importance of the cells of `features` [1, C, h, w]."""
    _, channels, height, width = features.shape
    whole = model.aggregator(features, *tokens)  # [1, D]
    mean = features.mean((2, 3))  # [1, C]
    losses = []
    for cells in torch.split(torch.arange(height * width, device=features.device), MASKED_AT_ONCE):
        masked = features.reshape(1, channels, -1).repeat(len(cells), 1, 1)  # [cells, C, h*w]
        masked[torch.arange(len(cells)), :, cells] = mean
        maps = masked.reshape(-1, channels, height, width)
        without = model.aggregator(maps, *(item.expand(len(cells), *item.shape[1:]) for item in tokens))  # [cells, D]
        losses.append((without - whole).square().sum(1) / 2)  # 1 - cosine, without its cancellation
    importance = torch.cat(losses).float().reshape(height, width)
    return importance / importance.max().clamp_min(torch.finfo(torch.float32).tiny)
