"""San Francisco eXtra Large: the validation split, and the first of its test sets."""

from typing import Final

from gsv_pipeline.benchmarks.published import results as by
from gsv_pipeline.benchmarks.published.forms import LOAD, utm_folders
from gsv_pipeline.benchmarks.published.results import result
from gsv_pipeline.benchmarks.rows import POSITIVE_RADIUS_M, BenchmarkRow, Counts, Protocol

_INSIDE: Final = ("processed", "sf_xl", "sf_xl/processed")
_LICENCE: Final = "as its authors' form states"
_SOURCE: Final = "Berton et al., Rethinking Visual Geo-localization, CVPR 2022, https://arxiv.org/abs/2204.02287"

SAN_FRANCISCO_ROWS: Final = {
    "sf_xl_val": BenchmarkRow(
        load=LOAD,
        dataset="sf_xl",
        takes="images",
        description="SF-XL validation: crops of street panoramas of San Francisco.",
        licence=_LICENCE,
        forms=(utm_folders("val", inside=_INSIDE),),
        variant="the validation split of the whole SF-XL, not of the small one",
        protocol=Protocol(radius_m=POSITIVE_RADIUS_M),
        expected=Counts(8_015, 7_983, about=("database", "queries"), source="EigenPlaces repository, issues 3 and 11"),
        source=_SOURCE,
    ),
    "sf_xl_test_v1": BenchmarkRow(
        load=LOAD,
        dataset="sf_xl",
        takes="images",
        description="SF-XL test, first set of queries: photographs from Flickr against 2.8 million crops of panoramas.",
        licence=_LICENCE,
        forms=(utm_folders("test", queries="queries_v1", inside=_INSIDE),),
        variant="1,000 queries of version 1 against the whole database, not the small one",
        protocol=Protocol(radius_m=POSITIVE_RADIUS_M),
        # A log of a user shows 2,588,640 database images, the paper says 2.8 million: only the queries are certain.
        expected=Counts(2_588_640, 1_000, about=("database",), source="EigenPlaces repository, issues 3 and 11"),
        source=_SOURCE,
        published=(
            result("DINO-Mix", None, 82.0, source=by.DINO_MIX),
            result("EigenPlaces, ResNet50", 128, 72.4, source=by.EIGENPLACES_ISSUE),
            result(f"EigenPlaces, ResNet50, {by.A_USER}", 128, 65.5, source=by.EIGENPLACES_ISSUE),
        ),
    ),
}
