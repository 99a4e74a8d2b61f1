"""NetVLAD: residuals to learned cluster centres, summed by soft assignment."""

import math
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gsv_pipeline.errors import DataError
from gsv_pipeline.models.aggregators.base import Aggregator, full_precision, l2_normalize
from gsv_pipeline.models.aggregators.kmeans import kmeans, squared_distances
from gsv_pipeline.models.arguments import require_flag, require_whole

ASSIGNMENT_RATIO: Final = 100.0
"""Largest over second largest soft assignment at the start, on average (NetVLAD's appendix A)."""


class NetVLAD(Aggregator):
    """NetVLAD, Arandjelović et al. 2016 (arXiv 1511.07247).

    The paper starts from k-means of local descriptors: call `initialise` before the first step. Without it the centres
    are random directions.

    Args:
        in_channels: C of the backbone.
        clusters: K, two or more. The descriptor holds `K * C` numbers.
        normalise_input: Whether each cell's features are scaled to length one first, as in the paper's experiments.
    """

    def __init__(self, in_channels: int, clusters: int = 64, normalise_input: bool = True) -> None:
        super().__init__()
        require_whole("aggregator 'netvlad'", in_channels=in_channels)
        require_whole("aggregator 'netvlad'", least=2, clusters=clusters)
        require_flag("aggregator 'netvlad'", normalise_input=normalise_input)
        self.conv = nn.Conv2d(in_channels, clusters, kernel_size=1)
        self.centroids = nn.Parameter(F.normalize(torch.randn(clusters, in_channels), dim=1))
        self.normalise_input = normalise_input
        self.out_dim = clusters * in_channels

    def forward(self, features: Tensor) -> Tensor:
        """`[B, C, h, w] -> [B, K * C]`."""
        # In float32: a residual is the small difference of two large sums.
        with full_precision(features):
            cells = F.normalize(features.float(), dim=1) if self.normalise_input else features.float()
            assigned = self.conv(cells).softmax(dim=1).flatten(2)  # [B, K, h*w]
            sums = assigned @ cells.flatten(2).transpose(1, 2)  # [B, K, C]
            residuals = sums - assigned.sum(dim=2, keepdim=True) * self.centroids  # [B, K, C]
            return l2_normalize(F.normalize(residuals, dim=2).flatten(1))  # [B, K*C]

    @torch.no_grad()
    def initialise(self, local_descriptors: Tensor, *, seed: int) -> None:
        """Set the centres by k-means, and the assignment so that it starts nearly hard.

        With centres c the assignment is the softmax of `-alpha * |x - c|^2`, hence weights `2 * alpha * c` and biases
        `-alpha * |c|^2`; alpha makes the largest assignment 100 times the second largest, in the geometric mean.

        Args:
            local_descriptors: `[N, C]` cells of feature maps as the backbone gives them, for example by
                `sample_cells`; tens of thousands, from hundreds of images.
            seed: Of the k-means.

        Raises:
            DataError: Another number of channels, fewer different cells than clusters, or numbers that are not finite.
        """
        cells = self._checked(local_descriptors)
        cells = F.normalize(cells, dim=1) if self.normalise_input else cells
        with full_precision(cells):
            centres = kmeans(cells, len(self.centroids), seed=seed)
            nearest, second = squared_distances(cells, centres).topk(2, dim=1, largest=False).values.unbind(1)
        alpha = math.log(ASSIGNMENT_RATIO) / float((second - nearest).mean())
        self.centroids.copy_(centres)
        self.conv.weight.copy_((2 * alpha * centres)[:, :, None, None])
        assert self.conv.bias is not None  # built with one
        self.conv.bias.copy_(-alpha * centres.square().sum(dim=1))

    def _checked(self, cells: Tensor) -> Tensor:
        clusters, channels = self.centroids.shape
        if cells.ndim != 2 or cells.shape[1] != channels or len(cells) < clusters:
            raise DataError(
                f"netvlad starts from at least {clusters} local descriptors of {channels} numbers; "
                f"found {list(cells.shape)}. Take the cells of more images, from the model's own backbone."
            )
        cells = cells.detach().to(self.centroids.device, torch.float32)
        if not bool(cells.isfinite().all()):
            raise DataError("netvlad: local descriptors hold NaN or infinity. Check the backbone's weights and images.")
        return cells


def sample_cells(features: Tensor, *, per_image: int, generator: torch.Generator) -> Tensor:
    """Draw cells of each map without replacement, for `NetVLAD.initialise`.

    Args:
        features: `[B, C, h, w]`.
        per_image: Cells of each map; all of them if there are fewer.
        generator: On the CPU.

    Returns:
        `[B * per_image, C]`, image by image.
    """
    cells = features.flatten(2).transpose(1, 2)  # [B, h*w, C]
    order = torch.rand(cells.shape[:2], generator=generator).argsort(dim=1)[:, :per_image]
    chosen = cells.gather(1, order.to(cells.device).unsqueeze(2).expand(-1, -1, cells.shape[2]))
    return chosen.flatten(0, 1)  # [B*per_image, C]
