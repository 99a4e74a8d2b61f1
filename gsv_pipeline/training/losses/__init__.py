"""The tables of losses, and of those fused with a miner. A new one is a builder of a `PairLoss` and a row here."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from gsv_pipeline.registry import Registry
from gsv_pipeline.training.losses import metric_learning
from gsv_pipeline.training.losses.centroid_triplet import centroid_triplet
from gsv_pipeline.training.losses.multi_similarity import FusedLoss, fused_multi_similarity
from gsv_pipeline.training.losses.pair_loss import MinedLoss, Objective, PairLoss
from gsv_pipeline.training.miners import MINERS

LOSSES: Registry[PairLoss] = Registry(
    "loss",
    {
        "multi_similarity": metric_learning.multi_similarity,
        "contrastive": metric_learning.contrastive,
        "triplet": metric_learning.triplet,
        "centroid_triplet": centroid_triplet,
        "supcon": metric_learning.supcon,
        "ntxent": metric_learning.ntxent,
        "circle": metric_learning.circle,
        "fastap": metric_learning.fastap,
        "lifted": metric_learning.lifted,
    },
)

FUSED: Final[Mapping[tuple[str, str], Callable[..., FusedLoss]]] = {
    ("multi_similarity", "multi_similarity"): fused_multi_similarity,
}
"""(loss, miner) -> builder of both in one; it takes the arguments of both."""


def fuse(
    loss: str, loss_arguments: Mapping[str, Any], *, miner: str, miner_arguments: Mapping[str, Any]
) -> FusedLoss | None:
    """Build a loss and a miner as one function where there is one.

    Args:
        loss: Row of `LOSSES`.
        loss_arguments: What the experiment sets of it.
        miner: Row of `MINERS`.
        miner_arguments: What the experiment sets of it.

    Returns:
        None where the two cannot be one.

    Raises:
        ConfigError: Unknown name, unexpected argument or a value out of range.
    """
    LOSSES.check(loss, loss_arguments)
    MINERS.check(miner, miner_arguments)
    builder = FUSED.get((loss, miner))
    return None if builder is None else builder(**loss_arguments, **miner_arguments)


def build_objective(
    loss: str,
    loss_arguments: Mapping[str, Any],
    *,
    miner: str,
    miner_arguments: Mapping[str, Any],
    plain: bool = False,
) -> Objective:
    """What training minimises: loss and miner in one function where there is one, else one after the other.

    Args:
        loss: Row of `LOSSES`.
        loss_arguments: What the experiment sets of it.
        miner: Row of `MINERS`.
        miner_arguments: What the experiment sets of it.
        plain: Always one after the other, as pytorch-metric-learning computes them.

    Raises:
        ConfigError: Unknown name, unexpected argument or a value out of range.
    """
    fused = None if plain else fuse(loss, loss_arguments, miner=miner, miner_arguments=miner_arguments)
    if fused is not None:
        return fused
    return MinedLoss(LOSSES.build(loss, **loss_arguments), MINERS.build(miner, **miner_arguments))
