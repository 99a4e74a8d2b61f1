"""Mapillary Street-Level Sequences: validation in its two variants, and the challenge, whose answers are hidden."""

from typing import Final

from gsv_pipeline.benchmarks.published import results as by
from gsv_pipeline.benchmarks.published.comparison import compared
from gsv_pipeline.benchmarks.published.forms import LOAD, numpy_lists, utm_folders
from gsv_pipeline.benchmarks.published.results import result, users_runs
from gsv_pipeline.benchmarks.rows import LEFT_OUT, POSITIVE_RADIUS_M, BenchmarkRow, Counts, Protocol

_LICENCE: Final = "for academic research, after a login at Mapillary"
_SOURCE: Final = (
    "Warburg et al., Mapillary Street-Level Sequences, CVPR 2020; https://github.com/mapillary/mapillary_sls"
)

_VALIDATION: Final = (
    result(by.CONVAP, 512, 82.6, 90.0, source=by.GSV_CITIES),
    result(by.CONVAP, 2048, 83.38, 90.27, 92.16, 93.65, 93.78, 94.05, source=by.GSV_NOTEBOOK),
    result(by.CONVAP, 4096, 83.5, 89.7, source=by.GSV_CITIES),
    result(by.CONVAP, 8192, 83.1, 90.3, source=by.GSV_CITIES),
    result(by.MIX, 128, 78.5, 88.2, 90.4, source=by.MIXVPR),
    result(by.MIX, 512, 84.1, 91.8, 93.7, source=by.MIXVPR),
    result(by.MIX, 4096, 88.2, 93.1, 94.3, source=by.MIXVPR),
    result(by.MIX, None, 88.0, source=by.MIXVPR_ABSTRACT),
    result(by.BOQ_RESNET, 16384, 91.2, 95.3, 96.1, source=by.BOQ),
    result("CosPlace, ResNet50, trained on GSV-Cities", None, 84.5, source=by.MIXVPR_ISSUE),
    result(f"CosPlace, VGG16, {by.UNSAID_QUERIES}", 512, 79.5, 87.2, 89.5, source=by.COSPLACE),
    result(f"CosPlace, ResNet101, {by.UNSAID_QUERIES}", 2048, 86.6, 92.0, 93.4, source=by.COSPLACE),
    result(f"CosPlace, trained on SF-XL at 512 pixels, {by.UNSAID_QUERIES}", None, 85.2, source=by.MIXVPR_ISSUE),
    result(f"MegaLoc, {by.UNSAID_QUERIES}", None, 91.0, 95.8, source=f"its paper, in {by.MEGALOC_ISSUE}", ks=(1, 10)),
    result(f"MegaLoc, {by.A_USER}", None, 93.5, 97.0, 97.8, 98.2, source=by.MEGALOC_ISSUE, ks=(1, 5, 10, 20)),
    result(f"{by.SALAD_DINO}, {by.A_USER}", None, 91.2, source=by.SALAD_ISSUE),
    *users_runs(by.BOQ_DINO, None, 92.8, 93.5, source=by.BOQ_ISSUE),
    result("BoQ, batches of 32, backbone not said", None, 92.4, source=by.BOQ_BATCH_ISSUE),
    result("SAGE", None, 94.5, source=by.SAGE),
    result("ImAge, trained on GSV-Cities only", None, 93.0, source=by.IMAGE),
    *compared("msls_val"),
)

MAPILLARY_ROWS: Final = {
    "msls_val": BenchmarkRow(
        load=LOAD,
        dataset="msls",
        takes="images",
        description="MSLS validation: Copenhagen and San Francisco, sequences from cars at other times and seasons.",
        licence=_LICENCE,
        forms=(numpy_lists("msls_val", positives=("pIdx",), chosen="qIdx"),),
        variant="the 740 queries of gsv-cities' lists, both cities in one index",
        protocol=Protocol(listed=True, without_positives=LEFT_OUT),
        expected=Counts(
            18_871,
            740,
            7_955,
            about=("database",),
            source="lists of gsv-cities; the database by those of Patch-NetVLAD",
        ),
        source=_SOURCE,
        published=_VALIDATION,
    ),
    "msls_val_all": BenchmarkRow(
        load=LOAD,
        dataset="msls",
        takes="images",
        description="MSLS validation as VPR-datasets-downloader keeps it: every query of Copenhagen and San Francisco.",
        licence=_LICENCE,
        forms=(utm_folders("val", inside=("msls",)),),
        variant="about all 11,120 queries, not the 740 of the papers: recalls are some points lower",
        protocol=Protocol(radius_m=POSITIVE_RADIUS_M),
        expected=Counts(18_871, 11_120, about=("database", "queries"), source="VPR-datasets-downloader, issue 18"),
        source=_SOURCE,
        published=(
            result(by.MIX, None, 83.4, source=by.MIXVPR_ISSUE),
            *users_runs("SelaVPR (re-ranked), other queries than the 740", None, 86.6, 87.0, source=by.SELAVPR_ISSUE),
        ),
    ),
    "msls_challenge": BenchmarkRow(
        load=LOAD,
        dataset="msls",
        takes="images",
        description="MSLS challenge: Miami, Athens, Buenos Aires, Stockholm, Bengaluru and Kampala. The answers are "
        "hidden; predictions are handed in at CodaLab, competition 865.",
        licence=_LICENCE,
        forms=(numpy_lists("msls_test", positives=()),),
        variant="the lists of SALAD: predictions only, no recall here",
        protocol=Protocol(),
        expected=Counts(36_565, 1_135, source="lists of SALAD"),
        source=_SOURCE,
        published=compared("msls_challenge"),
        has_positives=False,
    ),
}
