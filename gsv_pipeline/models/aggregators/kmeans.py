"""k-means for the start of learned clusters: k-means++ seeds, then Lloyd's steps. No FAISS here."""

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from gsv_pipeline.errors import DataError

MAX_STEPS: Final = 100
"""Lloyd's steps at most; assignments of natural images settle earlier or hardly move any more."""


def kmeans(points: Tensor, clusters: int, *, seed: int) -> Tensor:
    """Centres of `clusters` groups of points; the same points and seed give the same centres.

    k-means++, Arthur and Vassilvitskii 2007, then Lloyd 1982 until no point changes its group.

    Args:
        points: `[N, C]` float.
        clusters: K, at most the number of distinct points.
        seed: Of the first centres.

    Returns:
        `[K, C]`.

    Raises:
        DataError: Fewer distinct points than clusters.
    """
    centres = _seeds(points, clusters, generator=torch.Generator().manual_seed(seed))
    nearest = squared_distances(points, centres).argmin(dim=1)
    for _ in range(MAX_STEPS):
        centres = _means(points, nearest, centres)
        moved = squared_distances(points, centres).argmin(dim=1)
        if torch.equal(moved, nearest):
            break
        nearest = moved
    return centres


def squared_distances(points: Tensor, centres: Tensor) -> Tensor:
    """`[N, C], [K, C] -> [N, K]`, by one matrix product."""
    products = points @ centres.T
    return (points.square().sum(1, keepdim=True) - 2 * products + centres.square().sum(1)).clamp(min=0)


def _seeds(points: Tensor, clusters: int, *, generator: torch.Generator) -> Tensor:
    chosen = [int(torch.randint(len(points), (1,), generator=generator))]
    # Exact differences, not the matrix product: a point has to be at distance zero from itself.
    distances = (points - points[chosen[0]]).square().sum(1)
    while len(chosen) < clusters:
        if not bool(distances.max() > 0):
            raise DataError(
                f"k-means: {len(points)} points hold only {len(chosen)} different ones, and {clusters} clusters need "
                "as many. Take the sample from more images, or ask for fewer clusters."
            )
        # On the CPU, so that every device draws the same ones.
        chosen.append(int(torch.multinomial(distances.double().cpu(), 1, generator=generator)))
        distances = torch.minimum(distances, (points - points[chosen[-1]]).square().sum(1))
    return points[chosen]


def _means(points: Tensor, nearest: Tensor, centres: Tensor) -> Tensor:
    # A product with ones and zeros, since scattered sums depend on the order of a GPU's threads.
    members = F.one_hot(nearest, len(centres)).to(points.dtype).T  # [K, N]
    sums, counts = members @ points, members.sum(dim=1, keepdim=True)
    # A group that has lost all its points keeps its centre.
    return torch.where(counts > 0, sums / counts.clamp(min=1), centres)
