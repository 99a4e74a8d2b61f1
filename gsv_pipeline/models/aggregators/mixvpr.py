"""MixVPR: multilayer perceptrons over the cells of each channel, then two projections."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.models.aggregators.base import Aggregator, l2_normalize
from gsv_pipeline.models.arguments import require_number, require_whole


class FeatureMixer(nn.Module):
    """One residual block: each channel's cells, flattened, go through the same two layers.

    Args:
        cells: h * w.
        mlp_ratio: Width of the hidden layer over `cells`.
    """

    def __init__(self, cells: int, mlp_ratio: float) -> None:
        super().__init__()
        hidden = max(1, int(cells * mlp_ratio))
        self.mix = nn.Sequential(nn.LayerNorm(cells), nn.Linear(cells, hidden), nn.ReLU(), nn.Linear(hidden, cells))
        for layer in self.mix:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

    def forward(self, cells: Tensor) -> Tensor:
        """`[B, C, h*w] -> [B, C, h*w]`."""
        mixed: Tensor = cells + self.mix(cells)
        return mixed


class MixVPR(Aggregator):
    """MixVPR, Ali-bey et al. 2023 (arXiv 2303.02190). Takes maps of one size only.

    Published, 4096-D: ResNet50 without layer4 at 320 px (1024 channels, 20 x 20 cells), `out_channels` 1024,
    `mix_depth` 4. The defaults are that model.

    Args:
        in_channels: C of the backbone.
        in_h: Rows of the map.
        in_w: Columns of the map.
        out_channels: Channels after the projection.
        mix_depth: Number of mixers.
        mlp_ratio: Width of a mixer's hidden layer over its input.
        out_rows: Numbers that a channel's cells become. The descriptor holds `out_channels * out_rows` numbers.
    """

    def __init__(
        self,
        in_channels: int,
        in_h: int = 20,
        in_w: int = 20,
        out_channels: int = 1024,
        mix_depth: int = 4,
        mlp_ratio: float = 1.0,
        out_rows: int = 4,
    ) -> None:
        super().__init__()
        owner = "aggregator 'mixvpr'"
        require_whole(owner, in_channels=in_channels, in_h=in_h, in_w=in_w)
        require_whole(owner, out_channels=out_channels, mix_depth=mix_depth, out_rows=out_rows)
        require_number(owner, above=0.0, mlp_ratio=mlp_ratio)
        self.mix = nn.Sequential(*(FeatureMixer(in_h * in_w, mlp_ratio) for _ in range(mix_depth)))
        self.channel_proj = nn.Linear(in_channels, out_channels)
        self.row_proj = nn.Linear(in_h * in_w, out_rows)
        self.map_size = (in_h, in_w)
        self.out_dim = out_channels * out_rows

    def forward(self, features: Tensor) -> Tensor:
        """`[B, C, in_h, in_w] -> [B, out_channels * out_rows]`.

        Raises:
            ConfigError: A map of another size.
        """
        found = tuple(features.shape[2:])
        if found != self.map_size:
            raise ConfigError(
                f"mixvpr was built for maps of {self.map_size} cells (in_h, in_w); found {found}. "
                "Change the image size, or in_h and in_w for a training of your own."
            )
        return l2_normalize(self._project(self.mix(features.flatten(2))).flatten(1))

    def _project(self, cells: Tensor) -> Tensor:
        # The paper projects channels and then rows. Both are linear, so rows may go first, which leaves the channels'
        # product with out_rows columns in place of h*w; the channels' bias then counts once per row weight.
        rows = F.linear(cells, self.row_proj.weight)  # [B, C, out_rows]
        bias = torch.outer(self.channel_proj.bias, self.row_proj.weight.sum(dim=1)) + self.row_proj.bias
        projected = F.linear(rows.transpose(1, 2), self.channel_proj.weight)  # [B, out_rows, out_channels]
        return projected.transpose(1, 2) + bias  # [B, out_channels, out_rows]
