"""Where published recalls come from, and how rows write them down: percent as printed, fractions as kept."""

from collections.abc import Sequence
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
SALAD_ISSUE: Final = "SALAD repository, issue 6, https://github.com/serizba/salad/issues/6"
BOQ_BATCH_ISSUE: Final = "BoQ repository, issue 13, https://github.com/amaralibey/Bag-of-Queries/issues/13"
BOQ_ISSUE: Final = "BoQ repository, issue 30, https://github.com/amaralibey/Bag-of-Queries/issues/30"
SELAVPR_ISSUE: Final = "SelaVPR repository, issue 1, https://github.com/Lu-Feng/SelaVPR/issues/1"
CRICAVPR_ISSUE: Final = "CricaVPR repository, issue 9, https://github.com/Lu-Feng/CricaVPR/issues/9"
EIGENPLACES_ISSUE: Final = "EigenPlaces repository, issue 3, https://github.com/gmberton/EigenPlaces/issues/3"
COSPLACE: Final = "CosPlace repository, issue 13, https://github.com/gmberton/CosPlace/issues/13"
MIXVPR_ISSUE: Final = "MixVPR repository, issue 5, https://github.com/amaralibey/MixVPR/issues/5"
MIXVPR_GAP: Final = "MixVPR repository, issue 37, https://github.com/amaralibey/MixVPR/issues/37"
VPR_METHODS_ISSUE: Final = (
    "VPR-methods-evaluation repository, issue 2, https://github.com/gmberton/VPR-methods-evaluation/issues/2"
)
MEGALOC_ISSUE: Final = (
    "VPR-methods-evaluation repository, issue 19, https://github.com/gmberton/VPR-methods-evaluation/issues/19"
)
VPR_METHODS: Final = "README of https://github.com/gmberton/VPR-methods-evaluation"
SAGE: Final = "abstract of SAGE (arXiv 2509.25723)"
PAPERS_WITH_CODE: Final = "Papers with Code"
DINO_MIX: Final = "DINO-Mix README"

CONVAP: Final = "Conv-AP, ResNet50"
MIX: Final = "MixVPR, ResNet50"
BOQ_RESNET: Final = "BoQ, ResNet50"
BOQ_DINO: Final = "BoQ, DINOv2"
SALAD_DINO: Final = "SALAD, DINOv2"

A_USER: Final = "a user's run"
"""Of weights or of training, as it was reported; the claim stands beside it."""
UNSAID_QUERIES: Final = "which queries is not said"
_KS: Final = (1, 5, 10, 15, 20, 25)


def result(model: str, dimensions: int | None, *percent: float, source: str, ks: Sequence[int] | None = None) -> Result:
    """A published line.

    Args:
        model: As its authors call it.
        dimensions: Of the descriptor; None where it is not said.
        percent: R@1, and R@5, R@10, R@15, R@20 and R@25 as far as they are given, in percent.
        source: Where it is published.
        ks: The K of each number where they are other ones.
    """
    recalls = {k: round(value / 100, 6) for k, value in zip(ks or _KS[: len(percent)], percent, strict=True)}
    return Result(model, recalls, source, dimensions)


def users_runs(model: str, dimensions: int | None, least: float, most: float, *, source: str) -> tuple[Result, Result]:
    """What several users got: the least and the most of their R@1, in percent."""
    return (
        result(f"{model}, least of users' runs", dimensions, least, source=source),
        result(f"{model}, most of users' runs", dimensions, most, source=source),
    )
