"""What every aggregator is: a feature map in, one unit-length descriptor out."""

from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Aggregator(nn.Module):
    """A module `[B, C, h, w] -> [B, D]`; its rows are float32 and of length one.

    Attributes:
        out_dim: D, known as soon as the aggregator is built.
        needs_class_token: Whether it takes the backbone's class token `[B, C]` as a second argument.
        map_size: The only (h, w) it takes, or None for any.
    """

    needs_class_token: ClassVar[bool] = False
    out_dim: int
    map_size: tuple[int, int] | None = None


def l2_normalize(descriptors: Tensor) -> Tensor:
    """Scale each row to length one, in float32 whatever the precision before.

    Args:
        descriptors: `[B, D]`, any floating type.

    Returns:
        `[B, D]` float32.
    """
    return F.normalize(descriptors.float(), dim=1)


def full_precision(tensor: Tensor) -> AbstractContextManager[object]:
    """Mixed precision switched off on the tensor's device, for sums that lose too much in 16 bits."""
    kind = tensor.device.type
    # Shapes are checked on the meta device, which knows no mixed precision.
    return torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext()
