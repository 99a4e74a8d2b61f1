"""The losses that pytorch-metric-learning computes, with the reference's numbers as defaults (arXiv 2210.10239)."""

from pytorch_metric_learning import distances, losses

from gsv_pipeline.models.arguments import require_flag, require_number, require_whole
from gsv_pipeline.training.losses.pair_loss import PairLoss


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


def triplet(margin: float = 0.1, swap: bool = False, smooth_loss: bool = False) -> PairLoss:
    """Triplet margin loss over all triplets, Schroff et al. 2015 (arXiv 1503.03832), on Euclidean distances.

    Args:
        margin: Wanted difference between the distances to the negative and to the positive.
        swap: Take the distance from the positive to the negative where that is smaller.
        smooth_loss: Softplus in place of the hinge.

    Raises:
        ConfigError: A value of the wrong kind.
    """
    require_number("loss 'triplet'", margin=margin)
    require_flag("loss 'triplet'", swap=swap, smooth_loss=smooth_loss)
    return PairLoss(
        losses.TripletMarginLoss(margin=margin, swap=swap, smooth_loss=smooth_loss, triplets_per_anchor="all")
    )


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
