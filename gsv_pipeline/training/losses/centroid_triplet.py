"""Centroid triplet loss: an image against the centres of its own and of the other places."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gsv_pipeline.models.arguments import require_flag, require_number
from gsv_pipeline.training.losses.pair_loss import PairLoss
from gsv_pipeline.training.miners import Pairs


class CentroidTripletLoss(nn.Module):
    """Triplet loss on centroids, Wieczorek et al. 2021 (arXiv 2104.13643).

    For an image a of place p and another place n: `max(0, |a - c(p without a)| - |a - c(n)| + margin)`, where c is the
    mean of the place's descriptors in the batch, scaled to length one. The mean is over the terms that are not zero,
    like that of the triplet loss. Images that are alone in their place take no part as anchors.

    Args:
        margin: Wanted difference of the two distances.
        swap: Take the distance between the two centroids where that is smaller than the image's to the negative one.
        smooth_loss: Softplus in place of the hinge.
    """

    def __init__(self, margin: float, *, swap: bool, smooth_loss: bool) -> None:
        super().__init__()
        self.margin = margin
        self.swap = swap
        self.smooth_loss = smooth_loss

    def forward(self, descriptors: Tensor, labels: Tensor, pairs: Pairs | None) -> Tensor:
        """Compute the loss.

        Args:
            descriptors: `[B, D]` float32.
            labels: `[B]` int64.
            pairs: A mined negative pair (a, n) admits image a against the whole place of n; None admits all.

        Returns:
            A scalar.
        """
        unit = F.normalize(descriptors, dim=1)
        places, place_of = torch.unique(labels, return_inverse=True)
        members = F.one_hot(place_of, len(places)).to(unit.dtype)  # [B, P]
        sums = members.T @ unit  # [P, D]
        own = F.normalize(sums[place_of] - unit, dim=1)  # [B, D], each image's place without the image
        centroids = F.normalize(sums, dim=1)  # [P, D]
        to_own = torch.linalg.vector_norm(unit - own, dim=1, keepdim=True)  # [B, 1]
        to_others = torch.cdist(unit, centroids)  # [B, P]
        if self.swap:
            to_others = torch.minimum(to_others, torch.cdist(own, centroids))
        violation = to_own - to_others + self.margin
        terms = F.softplus(violation) if self.smooth_loss else F.relu(violation)
        terms = terms * _admitted(members, place_of, pairs)
        return terms.sum() / (terms > 0).sum().clamp(min=1)


def centroid_triplet(margin: float = 0.05, swap: bool = False, smooth_loss: bool = False) -> PairLoss:
    """Centroid triplet loss; pytorch-metric-learning has it no more. See `CentroidTripletLoss`.

    Raises:
        ConfigError: A value of the wrong kind.
    """
    require_number("loss 'centroid_triplet'", margin=margin)
    require_flag("loss 'centroid_triplet'", swap=swap, smooth_loss=smooth_loss)
    return PairLoss(CentroidTripletLoss(margin, swap=swap, smooth_loss=smooth_loss))


def _admitted(members: Tensor, place_of: Tensor, pairs: Pairs | None) -> Tensor:
    """Which image [B] is compared with which place [P]: 1 or 0."""
    has_company = members.sum(dim=0)[place_of] > 1  # [B]
    admitted = (1.0 - members) * has_company[:, None]  # [B, P]
    if pairs is None:
        return admitted
    mined = torch.zeros_like(members)
    anchors, negatives = pairs[-2:] if len(pairs) == 4 else (pairs[0], pairs[2])
    mined[anchors, place_of[negatives]] = 1.0
    return admitted * mined
