"""Pitts30k and Pitts250k: crops of street panoramas of Pittsburgh, 24 per panorama."""

from typing import Final

from gsv_pipeline.benchmarks.published import results as by
from gsv_pipeline.benchmarks.published.comparison import compared
from gsv_pipeline.benchmarks.published.forms import LOAD, numpy_lists, utm_folders
from gsv_pipeline.benchmarks.published.results import result, users_runs
from gsv_pipeline.benchmarks.rows import (
    ALL_HAVE_SOME,
    COUNT_AS_MISSES,
    POSITIVE_RADIUS_M,
    BenchmarkRow,
    Counts,
    Protocol,
    Result,
)

_POSITIVES: Final = ("gt", "gt_25m")  # of gsv-cities, of OpenVPRLab
_PITTS30K: Final = (
    result(by.CONVAP, 512, 89.1, 94.6, source=by.GSV_CITIES),
    result(by.CONVAP, 2048, 90.57, 95.13, 96.21, 96.83, 97.20, 97.52, source=by.GSV_NOTEBOOK),
    result(by.CONVAP, 4096, 90.5, 95.3, source=by.GSV_CITIES),
    result(by.CONVAP, 8192, 90.5, 95.2, source=by.GSV_CITIES),
    result(by.MIX, 128, 87.8, 94.3, 95.7, source=by.MIXVPR),
    result(by.MIX, 512, 90.7, 95.5, 96.3, source=by.MIXVPR),
    result(by.MIX, 4096, 91.6, 95.5, 96.4, source=by.MIXVPR),
    result(by.BOQ_RESNET, 16384, 92.4, 96.5, 97.4, source=by.BOQ),
    result("CosPlace, VGG16", 512, 88.5, 94.5, 95.7, source=by.COSPLACE),
    result("CosPlace, ResNet101", 2048, 90.4, 95.7, 96.7, source=by.COSPLACE),
    result("AnyLoc", None, 87.6, source=by.VPR_METHODS_ISSUE),
    *users_runs("CricaVPR (test order shuffled)", None, 91.8, 92.2, source=by.CRICAVPR_ISSUE),
    result("CricaVPR (without its cross-image encoder)", None, 90.6, source=by.CRICAVPR_ISSUE),
    result("SAGE", None, 95.8, source=by.SAGE),
    result("ImAge, trained on GSV-Cities only", None, 94.0, source=by.IMAGE),
    *compared("pitts30k_test"),
)
_PITTS250K: Final = (
    result(by.CONVAP, 512, 90.7, 96.6, source=by.GSV_CITIES),
    result(by.CONVAP, 2048, 92.34, 97.49, 98.43, 98.79, 98.95, 99.13, source=by.GSV_NOTEBOOK),
    result(by.CONVAP, 4096, 92.5, 97.7, source=by.GSV_CITIES),
    result(by.CONVAP, 8192, 92.8, 97.7, source=by.GSV_CITIES),
    result(by.MIX, 128, 88.7, 95.8, 97.4, source=by.MIXVPR),
    result(by.MIX, 512, 93.2, 97.9, 98.6, source=by.MIXVPR),
    result(by.MIX, 4096, 94.3, 98.2, 98.9, source=by.MIXVPR),
    result(by.MIX, None, 94.6, source=by.MIXVPR_ABSTRACT),
    result(f"{by.MIX}, {by.A_USER}", None, 92.85, source=by.MIXVPR_GAP),
    result(by.BOQ_RESNET, 16384, 95.0, 98.5, 99.1, source=by.BOQ),
    result(by.BOQ_DINO, 12288, 96.6, source=by.BOQ),
    result("CosPlace, VGG16", 512, 89.7, 96.4, 97.7, source=by.COSPLACE),
    result("CosPlace, ResNet101", 2048, 91.8, 97.5, 98.6, source=by.COSPLACE),
    result("SelaVPR (re-ranked)", None, 95.7, source=by.SELAVPR),
    result(by.SALAD_DINO, 8448, 95.1, 98.5, 99.1, source=by.PAPERS_WITH_CODE),
)


def _row(
    dataset: str,
    split: str,
    *,
    expected: Counts,
    published: tuple[Result, ...] = (),
    without_positives: str = COUNT_AS_MISSES,
) -> BenchmarkRow:
    return BenchmarkRow(
        load=LOAD,
        dataset=dataset,
        takes="images",
        description=f"{dataset.capitalize()}, {split} split: crops of street panoramas of Pittsburgh, 24 per panorama, "
        "against others taken at another time.",
        licence="for research; from the authors of NetVLAD",
        forms=(numpy_lists(f"{dataset}_{split}", positives=_POSITIVES), utm_folders(split, inside=(dataset,))),
        variant="every crop of a panorama within 25 m is correct, whichever way it looks",
        protocol=Protocol(radius_m=POSITIVE_RADIUS_M, without_positives=without_positives),
        expected=expected,
        source="Torii et al., Visual Place Recognition with Repetitive Structures, TPAMI 2015; splits of NetVLAD, "
        "https://arxiv.org/abs/1511.07247",
        published=published,
    )


PITTSBURGH_ROWS: Final = {
    "pitts30k_val": _row("pitts30k", "val", expected=Counts(10_000, 7_608, source="lists of gsv-cities")),
    "pitts30k_test": _row(
        "pitts30k",
        "test",
        expected=Counts(10_000, 6_816, source="lists of gsv-cities"),
        published=_PITTS30K,
        without_positives=ALL_HAVE_SOME,  # between 24 and 360 of them (FIELD 1.8)
    ),
    "pitts250k_test": _row(
        "pitts250k",
        "test",
        # 83,952 is what papers say; the notebook of gsv-cities walks through 83,921 to 83,960.
        expected=Counts(83_952, 8_280, about=("database",), source="papers; the queries by the lists of gsv-cities"),
        published=_PITTS250K,
    ),
}
