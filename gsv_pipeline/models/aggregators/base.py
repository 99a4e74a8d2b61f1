"""What every aggregator is: a feature map in, one unit-length descriptor out."""

from torch import Tensor, nn
from torch.nn import functional as F


class Aggregator(nn.Module):
    """A module `[B, C, h, w] -> [B, D]`; its rows are float32 and of length one.

    Attributes:
        out_dim: D, known as soon as the aggregator is built.
    """

    out_dim: int


def l2_normalize(descriptors: Tensor) -> Tensor:
    """Scale each row to length one, in float32 whatever the precision before.

    Args:
        descriptors: `[B, D]`, any floating type.

    Returns:
        `[B, D]` float32.
    """
    return F.normalize(descriptors.float(), dim=1)
