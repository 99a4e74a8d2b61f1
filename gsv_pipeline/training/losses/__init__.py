"""The table of losses. A new one is a builder of a `PairLoss` and a row here."""

from gsv_pipeline.registry import Registry
from gsv_pipeline.training.losses.centroid_triplet import centroid_triplet
from gsv_pipeline.training.losses.metric_learning import (
    circle,
    contrastive,
    fastap,
    lifted,
    multi_similarity,
    ntxent,
    supcon,
    triplet,
)
from gsv_pipeline.training.losses.pair_loss import PairLoss

LOSSES: Registry[PairLoss] = Registry(
    "loss",
    {
        "multi_similarity": multi_similarity,
        "contrastive": contrastive,
        "triplet": triplet,
        "centroid_triplet": centroid_triplet,
        "supcon": supcon,
        "ntxent": ntxent,
        "circle": circle,
        "fastap": fastap,
        "lifted": lifted,
    },
)
