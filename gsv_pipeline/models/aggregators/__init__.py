"""The table of aggregators. A new one is a file with `in_channels` first and `out_dim`, and a row here."""

from gsv_pipeline.models.aggregators.avg import Avg
from gsv_pipeline.models.aggregators.base import Aggregator
from gsv_pipeline.models.aggregators.boq import BoQ
from gsv_pipeline.models.aggregators.convap import ConvAP
from gsv_pipeline.models.aggregators.cosplace import CosPlace
from gsv_pipeline.models.aggregators.gem import GeM
from gsv_pipeline.models.aggregators.mixvpr import MixVPR
from gsv_pipeline.models.aggregators.netvlad import NetVLAD
from gsv_pipeline.models.aggregators.salad import SALAD
from gsv_pipeline.registry import Registry

AGGREGATORS: Registry[Aggregator] = Registry(
    "aggregator",
    {
        "avg": Avg,
        "boq": BoQ,
        "convap": ConvAP,
        "cosplace": CosPlace,
        "gem": GeM,
        "mixvpr": MixVPR,
        "netvlad": NetVLAD,
        "salad": SALAD,
    },
)
