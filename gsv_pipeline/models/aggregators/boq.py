"""BoQ: learned queries that look at the feature map through cross-attention."""

from typing import Final

import torch
from torch import Tensor, nn

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.models.aggregators.base import Aggregator, l2_normalize
from gsv_pipeline.models.arguments import require_whole

HEAD_WIDTH: Final = 64
"""Channels per attention head, in all published models."""


class QueryBlock(nn.Module):
    """One encoder layer over the cells, and one bag of queries that reads its output.

    Args:
        channels: Width, a multiple of 64.
        num_queries: Size of the bag.
    """

    def __init__(self, channels: int, num_queries: int) -> None:
        super().__init__()
        heads = channels // HEAD_WIDTH
        self.encoder = nn.TransformerEncoderLayer(
            channels, heads, dim_feedforward=4 * channels, dropout=0.0, batch_first=True
        )
        self.queries = nn.Parameter(torch.randn(1, num_queries, channels))
        self.self_attn = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.norm_q = nn.LayerNorm(channels)
        self.cross_attn = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.norm_out = nn.LayerNorm(channels)

    def forward(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, h*w, C] -> cells [B, h*w, C], answers [B, num_queries, C]`."""
        cells = self.encoder(cells)
        # The queries do not depend on the images: once for the batch is enough.
        context, _ = self.self_attn(self.queries, self.queries, self.queries, need_weights=False)
        queries = self.norm_q(self.queries + context).expand(cells.shape[0], -1, -1)  # [B, num_queries, C]
        answers, _ = self.cross_attn(queries, cells, cells, need_weights=False)
        return cells, self.norm_out(answers)


class BoQ(Aggregator):
    """Bag of learnable queries, Ali-bey et al. 2024 (arXiv 2405.07364).

    Published: ResNet50 without layer4 with the defaults, 16,384-D; DINOv2 with `proj_channels` 384, 12,288-D.

    Args:
        in_channels: C of the backbone.
        proj_channels: Width of the attention, a multiple of 64.
        num_queries: Queries of each block.
        num_layers: Number of blocks.
        row_dim: Numbers that each channel's answers become. The descriptor holds `proj_channels * row_dim` numbers.
    """

    def __init__(
        self,
        in_channels: int,
        proj_channels: int = 512,
        num_queries: int = 64,
        num_layers: int = 2,
        row_dim: int = 32,
    ) -> None:
        super().__init__()
        owner = "aggregator 'boq'"
        require_whole(owner, in_channels=in_channels, proj_channels=proj_channels, num_queries=num_queries)
        require_whole(owner, num_layers=num_layers, row_dim=row_dim)
        if proj_channels % HEAD_WIDTH:
            raise ConfigError(f"{owner}: 'proj_channels' is {proj_channels}; expected a multiple of {HEAD_WIDTH}.")
        self.proj_c = nn.Conv2d(in_channels, proj_channels, kernel_size=3, padding=1)
        self.norm_input = nn.LayerNorm(proj_channels)
        self.boqs = nn.ModuleList(QueryBlock(proj_channels, num_queries) for _ in range(num_layers))
        self.fc = nn.Linear(num_layers * num_queries, row_dim)
        self.out_dim = proj_channels * row_dim

    def forward(self, features: Tensor) -> Tensor:
        """`[B, C, h, w] -> [B, proj_channels * row_dim]`."""
        cells = self.norm_input(self.proj_c(features).flatten(2).transpose(1, 2))  # [B, h*w, proj_channels]
        bags = []
        for block in self.boqs:
            cells, answers = block(cells)
            bags.append(answers)
        answers = torch.cat(bags, dim=1).transpose(1, 2)  # [B, proj_channels, num_layers*num_queries]
        return l2_normalize(self.fc(answers).flatten(1))  # [B, proj_channels*row_dim]
