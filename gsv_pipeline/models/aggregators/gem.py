"""GeM: the generalised mean of each channel, between average and maximum."""

import torch
from torch import Tensor, nn

from gsv_pipeline.models.aggregators.base import Aggregator, l2_normalize
from gsv_pipeline.models.arguments import require_number, require_whole


class GeM(Aggregator):
    """Generalised mean pooling, Radenović et al. 2018 (arXiv 1711.02512).

    Args:
        in_channels: C of the backbone; also the descriptor's size.
        p: Exponent at the start; one learnable number. 1 is the average, large values near the maximum.
        eps: Features are raised to this first, since a negative number has no real power.
    """

    def __init__(self, in_channels: int, p: float = 3.0, eps: float = 1e-6) -> None:
        super().__init__()
        require_whole("aggregator 'gem'", in_channels=in_channels)
        require_number("aggregator 'gem'", above=0.0, p=p, eps=eps)
        self.p = nn.Parameter(torch.ones(1) * p)
        self.eps = eps
        self.out_dim = in_channels

    def pool(self, features: Tensor) -> Tensor:
        """The generalised means, not normalised: `[B, C, h, w] -> [B, C]` float32."""
        # In float32: 1e-6 to the third power is zero in half precision.
        powers = features.float().clamp(min=self.eps).pow(self.p)
        return powers.mean(dim=(2, 3)).pow(1.0 / self.p)

    def forward(self, features: Tensor) -> Tensor:
        """`[B, C, h, w] -> [B, C]`."""
        return l2_normalize(self.pool(features))
