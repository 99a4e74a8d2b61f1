"""CosPlace's head: normalised features, GeM, one linear layer."""

from torch import Tensor, nn
from torch.nn import functional as F

from gsv_pipeline.models.aggregators.base import Aggregator, l2_normalize
from gsv_pipeline.models.aggregators.gem import GeM
from gsv_pipeline.models.arguments import require_whole


class CosPlace(Aggregator):
    """CosPlace, Berton et al. 2022 (arXiv 2204.02287).

    Args:
        in_channels: C of the backbone.
        out_channels: Size of the descriptor.
    """

    def __init__(self, in_channels: int, out_channels: int = 512) -> None:
        super().__init__()
        require_whole("aggregator 'cosplace'", in_channels=in_channels, out_channels=out_channels)
        self.gem = GeM(in_channels)
        self.fc = nn.Linear(in_channels, out_channels)
        self.out_dim = out_channels

    def forward(self, features: Tensor) -> Tensor:
        """`[B, C, h, w] -> [B, out_channels]`."""
        unit = F.normalize(features.float(), dim=1)  # length one over the channels of each cell
        return l2_normalize(self.fc(self.gem.pool(unit)))
