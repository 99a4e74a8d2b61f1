"""Where published recalls come from, and how rows write them down: percent as printed, fractions as kept."""

from typing import Final

from gsv_pipeline.benchmarks.rows import Result

GSV_CITIES: Final = "gsv-cities README, https://github.com/amaralibey/gsv-cities"
GSV_NOTEBOOK: Final = "gsv-cities evaluation notebook, https://github.com/amaralibey/gsv-cities"
MIXVPR: Final = "MixVPR README, https://github.com/amaralibey/MixVPR"
MIXVPR_ABSTRACT: Final = "abstract of MixVPR"
BOQ: Final = "BoQ README, https://github.com/amaralibey/Bag-of-Queries"
SALAD: Final = "SALAD README, https://github.com/serizba/salad"
IMAGE_TABLE: Final = "comparison table of the ImAge repository (NeurIPS 2025)"
IMAGE: Final = "ImAge README"
SELAVPR: Final = "SelaVPR README"
COSPLACE: Final = "CosPlace repository, issue 13, https://github.com/gmberton/CosPlace/issues/13"
MIXVPR_ISSUE: Final = "MixVPR repository, issue 5, https://github.com/amaralibey/MixVPR/issues/5"
VPR_METHODS: Final = "README of https://github.com/gmberton/VPR-methods-evaluation"
SAGE: Final = "abstract of SAGE (arXiv 2509.25723)"
PAPERS_WITH_CODE: Final = "Papers with Code"
DINO_MIX: Final = "DINO-Mix README"

CONVAP: Final = "Conv-AP, ResNet50"
MIX: Final = "MixVPR, ResNet50"
BOQ_RESNET: Final = "BoQ, ResNet50"
BOQ_DINO: Final = "BoQ, DINOv2"
SALAD_DINO: Final = "SALAD, DINOv2"

_KS: Final = (1, 5, 10)


def result(model: str, dimensions: int | None, *percent: float, source: str) -> Result:
    """A published line: R@1, and R@5 and R@10 as far as they are given, in percent."""
    recalls = {k: round(value / 100, 6) for k, value in zip(_KS, percent, strict=False)}
    return Result(model, recalls, source, dimensions)
