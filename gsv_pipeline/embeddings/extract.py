"""Images through a model, batch by batch."""

from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from gsv_pipeline.hardware import choose_device, choose_precision
from gsv_pipeline.images import ImageReader, prefetch
from gsv_pipeline.models.normalise import normalise, to_channels_first
from gsv_pipeline.tracking import Tracker

BATCH_SIZE: Final = 64
PRECISION: Final = "32-true"
"""Of every recall that is stated: in bf16 it would depend on which processors have it."""


def describe(
    model: nn.Module,
    reader: ImageReader,
    *,
    tracker: Tracker,
    description: str,
    precision: str = PRECISION,
    batch_size: int = BATCH_SIZE,
) -> npt.NDArray[np.float32]:
    """Descriptors of every image of `reader`, in its order.

    Batch-norm uses its running statistics, so a descriptor does not depend on what else is in the batch.

    Args:
        model: `[B, 3, H, W] -> [B, D]`; put into eval mode meanwhile, and back afterwards.
        reader: N images at the model's input size.
        tracker: Shows a bar.
        description: What the bar says.
        precision: See `hardware.choose_precision`.
        batch_size: Images at once.

    Returns:
        [N, D] float32, unit norm.

    Raises:
        DataError: A damaged image.
    """
    device = next(model.parameters()).device
    chosen = choose_precision(precision, device.type)
    half = torch.float16 if chosen == "16-mixed" else torch.bfloat16
    was_training = model.training
    model.eval()
    batches = [range(start, min(start + batch_size, len(reader))) for start in range(0, len(reader), batch_size)]
    parts = []
    try:
        with torch.inference_mode(), tracker.progress(description, total=len(reader)) as bar:
            for images in prefetch([lambda rows=rows: reader.batch(rows) for rows in batches]):  # type: ignore[misc]
                pixels = normalise(to_channels_first(torch.from_numpy(images).to(device)))
                with torch.autocast(device.type, dtype=half, enabled=chosen != "32-true"):
                    descriptors = model(pixels)
                parts.append(descriptors.float().cpu().numpy())
                bar.advance(len(images))
    finally:
        model.train(was_training)
    return np.concatenate(parts)


def prepare(model: nn.Module) -> nn.Module:
    """Put a model on the best device, in the memory format that convolutions are fast in."""
    return model.to(choose_device(), memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
