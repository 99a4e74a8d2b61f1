"""The losses that pytorch-metric-learning computes, with the reference's numbers as defaults (arXiv 2210.10239)."""

from typing import Final

import torch
from pytorch_metric_learning import distances, losses
from torch import Tensor, nn

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.models.arguments import require_flag, require_number, require_whole
from gsv_pipeline.training.losses.pair_loss import PairLoss
from gsv_pipeline.training.miners import Pairs

EVERY_TRIPLET: Final = "all"


def multi_similarity(alpha: float = 1.0, beta: float = 50.0, base: float = 0.0) -> PairLoss:
    """Multi-similarity loss, Wang et al. 2019 (arXiv 1904.06627). The mean is over all images, mined or not.

    Args:
        alpha: Weight in the exponent of positive pairs.
        beta: Weight in the exponent of negative pairs.
        base: Similarity from which both are counted.

    Raises:
        ConfigError: A weight is not positive, or a value is no number.
    """
    require_number("loss 'multi_similarity'", above=0.0, alpha=alpha, beta=beta)
    require_number("loss 'multi_similarity'", base=base)
    return PairLoss(
        losses.MultiSimilarityLoss(alpha=alpha, beta=beta, base=base, distance=distances.DotProductSimilarity())
    )


def contrastive(pos_margin: float = 0.0, neg_margin: float = 1.0) -> PairLoss:
    """Contrastive loss, Hadsell et al. 2006, on Euclidean distances.

    Args:
        pos_margin: Positives nearer than this cost nothing.
        neg_margin: Negatives farther than this cost nothing.

    Raises:
        ConfigError: A margin is no number.
    """
    require_number("loss 'contrastive'", pos_margin=pos_margin, neg_margin=neg_margin)
    return PairLoss(losses.ContrastiveLoss(pos_margin=pos_margin, neg_margin=neg_margin))


def triplet(
    margin: float = 0.1, swap: bool = False, smooth_loss: bool = False, triplets_per_anchor: int | str = EVERY_TRIPLET
) -> PairLoss:
    """Triplet margin loss, Schroff et al. 2015 (arXiv 1503.03832), on Euclidean distances.

    Args:
        margin: Wanted difference between the distances to the negative and to the positive.
        swap: Take the distance from the positive to the negative where that is smaller.
        smooth_loss: Softplus in place of the hinge.
        triplets_per_anchor: "all", or how many are drawn for each image where no miner chooses.

    Raises:
        ConfigError: A value of the wrong kind.
    """
    require_number("loss 'triplet'", margin=margin)
    require_flag("loss 'triplet'", swap=swap, smooth_loss=smooth_loss)
    _require_count(triplets_per_anchor)
    compute = losses.TripletMarginLoss(
        margin=margin, swap=swap, smooth_loss=smooth_loss, triplets_per_anchor=triplets_per_anchor
    )
    return PairLoss(compute if triplets_per_anchor == EVERY_TRIPLET else _SameDraws(compute))


def supcon(temperature: float = 0.07) -> PairLoss:
    """Supervised contrastive loss, Khosla et al. 2020 (arXiv 2004.11362).

    Args:
        temperature: Divides the cosine similarity.

    Raises:
        ConfigError: `temperature` is not positive.
    """
    require_number("loss 'supcon'", above=0.0, temperature=temperature)
    return PairLoss(losses.SupConLoss(temperature=temperature))


def ntxent(temperature: float = 0.07) -> PairLoss:
    """Normalised temperature-scaled cross entropy, Chen et al. 2020 (arXiv 2002.05709).

    Without a miner it holds a row of all negatives for each positive pair: memory grows with the cube of the batch.

    Args:
        temperature: Divides the cosine similarity.

    Raises:
        ConfigError: `temperature` is not positive.
    """
    require_number("loss 'ntxent'", above=0.0, temperature=temperature)
    return PairLoss(losses.NTXentLoss(temperature=temperature))


def circle(m: float = 0.4, gamma: float = 80.0) -> PairLoss:
    """Circle loss, Sun et al. 2020 (arXiv 2002.10857).

    Args:
        m: Relaxation of the decision boundary.
        gamma: Scale of the similarities.

    Raises:
        ConfigError: `gamma` is not positive, or a value is no number.
    """
    require_number("loss 'circle'", m=m)
    require_number("loss 'circle'", above=0.0, gamma=gamma)
    return PairLoss(losses.CircleLoss(m=m, gamma=gamma))


def fastap(num_bins: int = 30) -> PairLoss:
    """FastAP, Cakir et al. 2019: average precision over a histogram of distances.

    Args:
        num_bins: Bins of the histogram.

    Raises:
        ConfigError: `num_bins` is no whole number.
    """
    require_whole("loss 'fastap'", num_bins=num_bins)
    return PairLoss(losses.FastAPLoss(num_bins=num_bins))


def lifted(neg_margin: float = 0.0, pos_margin: float = 1.0) -> PairLoss:
    """Generalised lifted structure loss, Hermans et al. 2017 (arXiv 1703.07737), on dot products.

    Args:
        neg_margin: Similarity above which a negative costs.
        pos_margin: Similarity below which a positive costs.

    Raises:
        ConfigError: A margin is no number.
    """
    require_number("loss 'lifted'", neg_margin=neg_margin, pos_margin=pos_margin)
    return PairLoss(
        losses.GeneralizedLiftedStructureLoss(
            neg_margin=neg_margin, pos_margin=pos_margin, distance=distances.DotProductSimilarity()
        )
    )


class _SameDraws(nn.Module):
    """A loss that draws from torch's global generator, seeded for each batch.

    So a resumed run repeats what an uninterrupted one draws. Batches are in random order, so no image gains by it.
    """

    def __init__(self, compute: nn.Module) -> None:
        super().__init__()
        self.compute = compute

    def forward(self, descriptors: Tensor, labels: Tensor, pairs: Pairs | None) -> Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            loss: Tensor = self.compute(descriptors, labels, pairs)
        return loss


def _require_count(triplets_per_anchor: int | str) -> None:
    if isinstance(triplets_per_anchor, str) and triplets_per_anchor != EVERY_TRIPLET:
        raise ConfigError(
            f"loss 'triplet': 'triplets_per_anchor' is {triplets_per_anchor!r}; expected a whole number or "
            f"{EVERY_TRIPLET!r}."
        )
    if triplets_per_anchor != EVERY_TRIPLET:
        require_whole("loss 'triplet'", triplets_per_anchor=triplets_per_anchor)
