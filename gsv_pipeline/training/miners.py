"""Miners: which pairs or triplets of a batch are worth learning from. The arithmetic is pytorch-metric-learning's."""

from collections.abc import Callable

import torch
from pytorch_metric_learning import distances, miners
from torch import Tensor, nn

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.models.arguments import require_number
from gsv_pipeline.registry import Registry

Pairs = tuple[Tensor, ...]
"""Indices into a batch: (anchor, positive, anchor, negative) or (anchor, positive, negative)."""

Miner = Callable[[Tensor, Tensor], Pairs | None]
"""`(descriptors [B, D], labels [B]) -> Pairs`, or None where every pair of the batch counts."""

TRIPLET_KINDS = ("all", "hard", "semihard", "easy")


class PairMiner:
    """A miner of the library, always in float32.

    Args:
        mine: Takes descriptors and labels, returns index tensors.
    """

    def __init__(self, mine: nn.Module) -> None:
        self._mine = mine

    def __call__(self, descriptors: Tensor, labels: Tensor) -> Pairs:
        """Mine a batch; no gradient flows.

        Args:
            descriptors: `[B, D]`.
            labels: `[B]` int64, equal for images of one place.

        Returns:
            Index tensors, possibly empty ones.
        """
        with torch.autocast(descriptors.device.type, enabled=False):
            pairs: Pairs = self._mine(descriptors.detach().float(), labels)
        return pairs


def multi_similarity(epsilon: float = 0.1) -> Miner:
    """Positives below the hardest negative plus `epsilon`, negatives above the hardest positive minus it.

    Wang et al. 2019 (arXiv 1904.06627), by cosine similarity.

    Raises:
        ConfigError: `epsilon` is no finite number.
    """
    require_number("miner 'multi_similarity'", epsilon=epsilon)
    return PairMiner(miners.MultiSimilarityMiner(epsilon=epsilon, distance=distances.CosineSimilarity()))


def triplet(margin: float = 0.1, type_of_triplets: str = "semihard") -> Miner:
    """Triplets that violate `margin` (Euclidean distance of unit vectors).

    Args:
        margin: Wanted difference between the distances to the negative and to the positive.
        type_of_triplets: "semihard" (the negative is farther than the positive), "hard" (nearer), "all" or "easy".

    Raises:
        ConfigError: Another kind, or `margin` is no finite number.
    """
    require_number("miner 'triplet'", margin=margin)
    if type_of_triplets not in TRIPLET_KINDS:
        raise ConfigError(
            f"miner 'triplet': 'type_of_triplets' is {type_of_triplets!r}; expected one of {', '.join(TRIPLET_KINDS)}."
        )
    return PairMiner(miners.TripletMarginMiner(margin=margin, type_of_triplets=type_of_triplets))


def pair_margin(pos_margin: float = 0.7, neg_margin: float = 0.3) -> Miner:
    """Positives less similar than `pos_margin`, negatives more similar than `neg_margin` (dot product).

    Raises:
        ConfigError: A margin is no finite number.
    """
    require_number("miner 'pair_margin'", pos_margin=pos_margin, neg_margin=neg_margin)
    similarity = distances.DotProductSimilarity()
    return PairMiner(miners.PairMarginMiner(pos_margin=pos_margin, neg_margin=neg_margin, distance=similarity))


def none() -> Miner:
    """No mining: the loss sees every pair of the batch."""
    return _mine_nothing


def _mine_nothing(descriptors: Tensor, labels: Tensor) -> None:
    return None


def batch_accuracy(pairs: Pairs, num_images: int) -> Tensor:
    """Share of the batch's images that are no anchor of a mined positive pair: near 1, nothing is left to learn.

    Args:
        pairs: What the miner returned.
        num_images: B.

    Returns:
        A scalar in [0, 1], float32, on the device of the pairs, so that nothing waits for it.
    """
    anchors = pairs[0]
    used = torch.zeros(num_images, device=anchors.device)
    return 1.0 - used.index_fill_(0, anchors, 1.0).mean()


MINERS: Registry[Miner] = Registry(
    "miner",
    {
        "multi_similarity": multi_similarity,
        "triplet": triplet,
        "pair_margin": pair_margin,
        "none": none,
    },
)
