"""Tokyo 24/7: telephone photographs by day, at sunset and at night against street panoramas."""

from typing import Final

from gsv_pipeline.benchmarks.published import results as by
from gsv_pipeline.benchmarks.published.comparison import compared
from gsv_pipeline.benchmarks.published.forms import LOAD, utm_folders
from gsv_pipeline.benchmarks.published.results import result
from gsv_pipeline.benchmarks.rows import ALL_HAVE_SOME, POSITIVE_RADIUS_M, BenchmarkRow, Counts, Protocol

TOKYO_ROWS: Final = {
    "tokyo247": BenchmarkRow(
        load=LOAD,
        dataset="tokyo247",
        takes="images",
        description="Tokyo 24/7: telephone photographs by day, at sunset and at night against street panoramas.",
        licence="for research; the database on request",
        forms=(utm_folders("test", inside=("tokyo247",)),),
        variant="the 315 queries of version 2; any crop within 25 m is correct, whichever way it looks",
        protocol=Protocol(radius_m=POSITIVE_RADIUS_M, without_positives=ALL_HAVE_SOME),
        expected=Counts(75_984, 315, source="list of the published images"),
        source="Torii et al., 24/7 Place Recognition by View Synthesis, TPAMI 2018",
        published=(
            result("CosPlace, VGG16", 512, 82.8, 90.0, 93.3, source=by.COSPLACE),
            result("CosPlace, ResNet101", 2048, 88.6, 95.9, 96.5, source=by.COSPLACE),
            result("DINO-Mix", None, 91.75, source=by.DINO_MIX),
            *compared("tokyo247"),
        ),
    ),
}
