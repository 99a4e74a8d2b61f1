"""The small sets that gsv-cities takes from VPR-Bench: SPED, ESSEX3IN1, CrossSeason, Inria Holidays."""

from typing import Final

from gsv_pipeline.benchmarks.published import results as by
from gsv_pipeline.benchmarks.published.forms import LOAD, numpy_lists, utm_folders, vpr_bench
from gsv_pipeline.benchmarks.published.results import result
from gsv_pipeline.benchmarks.rows import ALL_HAVE_SOME, BenchmarkRow, Counts, Protocol

_LICENCE: Final = "not stated by VPR-Bench, which passes it on; ask the authors of the images"
_SOURCE: Final = "VPR-Bench, https://arxiv.org/abs/2005.08135"
_LISTS: Final = "lists of gsv-cities"

VPR_BENCH_ROWS: Final = {
    "sped": BenchmarkRow(
        load=LOAD,
        dataset="sped",
        takes="images",
        description="SPED: surveillance cameras all over the world, each seen twice in other weather, season or light.",
        licence=_LICENCE,
        forms=(
            numpy_lists("SPED"),
            vpr_bench("SPEDTEST", "SPED", "sped", exact_pair=True),
            utm_folders("test", inside=("sped",), made_up_metres=True),
        ),
        variant="607 pairs of VPR-Bench",
        protocol=Protocol(exact_pair=True, without_positives=ALL_HAVE_SOME),
        expected=Counts(607, 607, 607, source=_LISTS),
        source=_SOURCE,
        published=(
            result(by.CONVAP, 2048, 81.55, 90.77, 93.41, 94.73, 96.05, 96.38, source=by.GSV_NOTEBOOK),
            result(by.BOQ_RESNET, 16384, 86.5, 93.4, 95.7, source=by.BOQ),
            result(by.BOQ_DINO, 12288, 92.5, source=by.BOQ),
            result(by.SALAD_DINO, 8448, 92.1, 96.2, 96.5, source=by.PAPERS_WITH_CODE),
            result(f"{by.SALAD_DINO}, {by.A_USER}", None, 90.9, source=by.SALAD_ISSUE),
            result("BoQ, batches of 32, backbone not said", None, 87.0, source=by.BOQ_BATCH_ISSUE),
            result("SAGE", None, 98.9, source=by.SAGE),
        ),
    ),
    "essex3in1": BenchmarkRow(
        load=LOAD,
        dataset="essex3in1",
        takes="images",
        description="ESSEX3IN1: a university campus and its town, from other viewpoints, with confusing views.",
        licence=_LICENCE,
        forms=(numpy_lists("ESSEX"), vpr_bench("ESSEX3IN1_dataset", "ESSEX3IN1", "ESSEX", exact_pair=True)),
        variant="210 pairs of VPR-Bench",
        protocol=Protocol(exact_pair=True, without_positives=ALL_HAVE_SOME),
        expected=Counts(210, 210, 210, source=_LISTS),
        source=_SOURCE,
        published=(result(by.CONVAP, 2048, 74.29, 93.33, 97.14, 98.57, 99.05, 99.52, source=by.GSV_NOTEBOOK),),
    ),
    "cross_season": BenchmarkRow(
        load=LOAD,
        dataset="cross_season",
        takes="images",
        description="CrossSeason: a short drive in summer and in winter.",
        licence=_LICENCE,
        forms=(numpy_lists("CrossSeason"), vpr_bench("CrossSeason_CoHOG_Dataset", "CrossSeason")),
        variant="191 queries of VPR-Bench, up to ten neighbouring frames each",
        protocol=Protocol(listed=True, without_positives=ALL_HAVE_SOME),
        expected=Counts(191, 191, 1_487, source=_LISTS),
        source=_SOURCE,
        published=(result(by.CONVAP, 2048, 100.0, 100.0, 100.0, 100.0, 100.0, 100.0, source=by.GSV_NOTEBOOK),),
    ),
    "inria_holidays": BenchmarkRow(
        load=LOAD,
        dataset="inria_holidays",
        takes="images",
        description="Inria Holidays: snapshots of one scene are correct for each other, whichever scene it is.",
        licence=_LICENCE,
        forms=(numpy_lists("Inria"), vpr_bench("INRIA_Holidays", "InriaHolidays", "inria_holidays")),
        variant="300 queries among 512 images, as VPR-Bench selects them",
        protocol=Protocol(listed=True, without_positives=ALL_HAVE_SOME),
        expected=Counts(512, 300, 512, source=_LISTS),
        source=f"Jégou et al., ECCV 2008; {_SOURCE}",
        published=(result(by.CONVAP, 2048, 81.67, 91.0, 93.0, 93.0, 93.67, 94.33, source=by.GSV_NOTEBOOK),),
    ),
}
