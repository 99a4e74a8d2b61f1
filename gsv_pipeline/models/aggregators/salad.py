"""SALAD: cells are shared out among clusters by optimal transport, and a dustbin takes the rest."""

import math
from typing import ClassVar, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.models.aggregators.base import Aggregator, full_precision, l2_normalize
from gsv_pipeline.models.arguments import require_number, require_whole

HIDDEN: Final = 512
"""Width of the hidden layer of all three perceptrons, in all published models."""


class SALAD(Aggregator):
    """Optimal transport aggregation, Izquierdo and Civera 2024 (arXiv 2311.15937).

    Takes the class token beside the map, so the backbone has to give one (DINOv2). Published: DINOv2 ViT-B/14 with the
    defaults, 8192 + 256 = 8448-D.

    Args:
        in_channels: C of the backbone.
        num_clusters: m; a map needs more cells than that.
        cluster_dim: Numbers that a cell's features are reduced to.
        token_dim: Numbers that the class token is reduced to.
        iterations: Sinkhorn's, each over clusters and then over cells.
        dropout: Inside the perceptrons of cells, while training.
    """

    needs_class_token: ClassVar[bool] = True

    def __init__(
        self,
        in_channels: int,
        num_clusters: int = 64,
        cluster_dim: int = 128,
        token_dim: int = 256,
        iterations: int = 3,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        owner = "aggregator 'salad'"
        require_whole(owner, in_channels=in_channels, num_clusters=num_clusters, cluster_dim=cluster_dim)
        require_whole(owner, token_dim=token_dim, iterations=iterations)
        require_number(owner, least=0.0, below=1.0, dropout=dropout)
        self.token_features = nn.Sequential(nn.Linear(in_channels, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, token_dim))
        self.cluster_features = _cell_perceptron(in_channels, cluster_dim, dropout=dropout)
        self.score = _cell_perceptron(in_channels, num_clusters, dropout=dropout)
        self.dust_bin = nn.Parameter(torch.tensor(1.0))
        self.num_clusters = num_clusters
        self.iterations = iterations
        self.out_dim = num_clusters * cluster_dim + token_dim

    def forward(self, features: Tensor, token: Tensor) -> Tensor:
        """Descriptors of maps and class tokens.

        Args:
            features: `[B, C, h, w]`.
            token: `[B, C]`.

        Returns:
            `[B, token_dim + cluster_dim * num_clusters]`: the token's part, then the clusters'.

        Raises:
            ConfigError: A map with too few cells for its clusters.
        """
        self._check_cells(features)
        local = self.cluster_features(features).flatten(2)  # [B, cluster_dim, h*w]
        scores = self.score(features).flatten(2)  # [B, m, h*w]
        # In float32: three rounds of exponentials and logarithms.
        with full_precision(features):
            shares = transport(scores.float(), self.dust_bin, iterations=self.iterations)
            clusters = local.float() @ shares.transpose(1, 2)  # [B, cluster_dim, m]
        parts = (l2_normalize(self.token_features(token)), F.normalize(clusters, dim=1).flatten(1))
        return l2_normalize(torch.cat(parts, dim=1))  # [B, token_dim + cluster_dim*m]

    def _check_cells(self, features: Tensor) -> None:
        height, width = features.shape[2:]
        if height * width <= self.num_clusters:
            raise ConfigError(
                f"salad: a map of {height} x {width} cells is too small for {self.num_clusters} clusters, which need "
                "more cells than clusters. Use larger images, or fewer clusters (num_clusters)."
            )


def transport(scores: Tensor, dust_bin: Tensor, *, iterations: int) -> Tensor:
    """Share each cell out among clusters by Sinkhorn's algorithm (Cuturi 2013), in logarithms.

    Every cell hands out one unit; every cluster asks for one, and the dustbin for all that is left.

    Args:
        scores: `[B, m, n]` float32, with more cells n than clusters m.
        dust_bin: The dustbin's score for any cell, one number.
        iterations: Rounds; each ends with the cells, so their shares sum to one.

    Returns:
        `[B, m, n]`: shares of the clusters, without the dustbin's.
    """
    batch, clusters, cells = scores.shape
    plan = torch.cat((scores, dust_bin.expand(batch, 1, cells)), dim=1)  # [B, m+1, n], logarithms of shares
    wanted = F.pad(scores.new_zeros(clusters), (0, 1), value=math.log(cells - clusters)).unsqueeze(1)  # [m+1, 1]
    for _ in range(iterations):
        plan = plan - plan.logsumexp(dim=2, keepdim=True) + wanted
        plan = plan.log_softmax(dim=1)
    return plan[:, :-1].exp()


def _cell_perceptron(in_channels: int, out_channels: int, *, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, HIDDEN, kernel_size=1),
        nn.Dropout(dropout),
        nn.ReLU(),
        nn.Conv2d(HIDDEN, out_channels, kernel_size=1),
    )
