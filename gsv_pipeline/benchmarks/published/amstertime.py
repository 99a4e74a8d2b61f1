"""AmsterTime: historical photographs of Amsterdam and the same views of today."""

from typing import Final

from gsv_pipeline.benchmarks.published import results as by
from gsv_pipeline.benchmarks.published.forms import LOAD, paired_folders, utm_folders
from gsv_pipeline.benchmarks.published.results import result
from gsv_pipeline.benchmarks.rows import ALL_HAVE_SOME, BenchmarkRow, Counts, Protocol

AMSTERTIME_ROWS: Final = {
    "amstertime": BenchmarkRow(
        load=LOAD,
        dataset="amstertime",
        takes="images",
        description="AmsterTime: historical photographs of Amsterdam against the same views of today.",
        licence="as its page at 4TU.ResearchData states",
        forms=(utm_folders("test", inside=("amstertime",), made_up_metres=True), paired_folders("new", "old")),
        variant="historical photographs as queries, those of today as database",
        protocol=Protocol(exact_pair=True, without_positives=ALL_HAVE_SOME),
        expected=Counts(1_231, 1_231, about=("database", "queries"), source="recalled, not counted"),
        source="Yildiz et al., AmsterTime, ICPR 2022, https://arxiv.org/abs/2203.16291",
        published=(
            result(by.BOQ_RESNET, 16384, 52.2, source=by.BOQ),
            result(by.BOQ_DINO, 12288, 63.0, source=by.BOQ),
        ),
    ),
}
