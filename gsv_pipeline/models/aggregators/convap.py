"""Conv-AP: a 1x1 convolution, then averages over a coarse grid."""

from torch import Tensor, nn
from torch.nn import functional as F

from gsv_pipeline.models.aggregators.base import Aggregator, l2_normalize
from gsv_pipeline.models.arguments import require_whole


class ConvAP(Aggregator):
    """Conv-AP, Ali-bey et al. 2022 (arXiv 2210.10239).

    Args:
        in_channels: C of the backbone.
        out_channels: Channels after the convolution.
        s1: Rows of the pooling grid.
        s2: Columns of the pooling grid. The descriptor holds `out_channels * s1 * s2` numbers.
    """

    def __init__(self, in_channels: int, out_channels: int = 512, s1: int = 2, s2: int = 2) -> None:
        super().__init__()
        require_whole("aggregator 'convap'", in_channels=in_channels, out_channels=out_channels, s1=s1, s2=s2)
        self.channel_pool = nn.Conv2d(in_channels, out_channels, kernel_size=1)
        self.grid = (s1, s2)
        self.out_dim = out_channels * s1 * s2

    def forward(self, features: Tensor) -> Tensor:
        """`[B, C, h, w] -> [B, out_channels * s1 * s2]`."""
        cells = F.adaptive_avg_pool2d(self.channel_pool(features).float(), self.grid)  # [B, out_channels, s1, s2]
        return l2_normalize(cells.flatten(1))  # [B, out_channels * s1 * s2]
