"""Average pooling: the plainest aggregator, without parameters."""

from torch import Tensor

from gsv_pipeline.models.aggregators.base import Aggregator, l2_normalize
from gsv_pipeline.models.arguments import require_whole


class Avg(Aggregator):
    """Mean of each channel over the map.

    Args:
        in_channels: C of the backbone; also the descriptor's size.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        require_whole("aggregator 'avg'", in_channels=in_channels)
        self.out_dim = in_channels

    def forward(self, features: Tensor) -> Tensor:
        """`[B, C, h, w] -> [B, C]`."""
        return l2_normalize(features.float().mean(dim=(2, 3)))
