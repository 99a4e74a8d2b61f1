"""Drives that were repeated: Eynsham, St Lucia, and SVOX under five kinds of weather and light."""

from typing import Final

from gsv_pipeline.benchmarks.published import results as by
from gsv_pipeline.benchmarks.published.forms import LOAD, utm_folders
from gsv_pipeline.benchmarks.published.results import result
from gsv_pipeline.benchmarks.rows import POSITIVE_RADIUS_M, BenchmarkRow, Counts, Protocol, Result

CONDITIONS: Final = ("night", "sun", "rain", "snow", "overcast")
_SVOX: Final = {  # R@1 of BoQ on ResNet50 and on DINOv2
    "night": (87.1, 97.7),
    "sun": (95.9, 97.5),
    "rain": (96.2, 98.8),
    "snow": (98.7, 99.4),
    "overcast": (97.8, 98.5),
}
_GALLERY: Final = 17_166
_NIGHT_QUERIES: Final = 823
_HEARSAY: Final = "logs of users, nothing published"


def _boq(on_resnet: float, on_dino: float) -> tuple[Result, ...]:
    return (
        result(by.BOQ_RESNET, 16384, on_resnet, source=by.BOQ),
        result(by.BOQ_DINO, 12288, on_dino, source=by.BOQ),
    )


def _svox(condition: str) -> BenchmarkRow:
    return BenchmarkRow(
        load=LOAD,
        dataset="svox",
        takes="images",
        description=f"SVOX, {condition}: drives of Oxford RobotCar against street panoramas of Oxford.",
        licence="not known to this project; see https://arxiv.org/abs/2010.06897",
        forms=(utm_folders("test", queries=f"queries_{condition}", inside=("svox",), condition=condition),),
        variant=f"queries in condition '{condition}' against the gallery of the test split",
        protocol=Protocol(radius_m=POSITIVE_RADIUS_M),
        expected=Counts(
            _GALLERY,
            _NIGHT_QUERIES if condition == "night" else None,
            about=("database", "queries"),
            source=_HEARSAY,
        ),
        source="Berton et al., Adaptive-Attentive Geolocalization From Few Queries, WACV 2021, "
        "https://arxiv.org/abs/2010.06897",
        published=_boq(*_SVOX[condition]),
    )


TRAVERSE_ROWS: Final = {
    "eynsham": BenchmarkRow(
        load=LOAD,
        dataset="eynsham",
        takes="images",
        description="Eynsham: a loop near Oxford driven twice, five grey crops per panorama, much countryside.",
        licence="not known to this project; see https://zenodo.org/record/1243106",
        forms=(utm_folders("test", inside=("eynsham",)),),
        variant="first loop as database, second as queries",
        protocol=Protocol(radius_m=POSITIVE_RADIUS_M),
        expected=Counts(
            23_935,
            23_935,
            about=("queries",),  # nobody has counted them: the second loop is as long as the first
            source="download script of VPR-datasets-downloader: 4,787 panoramas of 5 crops",
        ),
        source="Cummins and Newman, Highly Scalable Appearance-Only SLAM, RSS 2009",
        published=_boq(91.3, 92.2),
    ),
    "st_lucia": BenchmarkRow(
        load=LOAD,
        dataset="st_lucia",
        takes="images",
        description="St Lucia: a suburb of Brisbane, a frame every 5 m of the first and of the last of ten drives.",
        licence="not known to this project; see https://github.com/arrenglover/openfabmap/wiki/Datasets",
        forms=(utm_folders("test", inside=("st_lucia",)),),
        variant="first drive as database, last as queries",
        protocol=Protocol(radius_m=POSITIVE_RADIUS_M),
        expected=Counts(1_549, 1_464, about=("database", "queries"), source="listing of AnyLoc's data sets"),
        source="Milford and Wyeth, Mapping a Suburb With a Single Camera, T-RO 2008",
        published=(
            *_boq(100.0, 99.9),
            result("CosPlace, ResNet18", 512, 98.8, 99.7, 99.9, 100.0, source=by.VPR_METHODS, ks=(1, 5, 10, 20)),
            result("SelaVPR (re-ranked)", None, 99.8, source=by.SELAVPR),
        ),
    ),
    **{f"svox_{condition}": _svox(condition) for condition in CONDITIONS},
}
