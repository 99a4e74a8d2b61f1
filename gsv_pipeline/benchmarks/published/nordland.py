"""Nordland: one railway line in other seasons. Direction, number of frames and window differ by paper."""

from typing import Final

from gsv_pipeline.benchmarks.published import results as by
from gsv_pipeline.benchmarks.published.comparison import compared
from gsv_pipeline.benchmarks.published.forms import LOAD, numpy_lists, utm_folders, vpr_bench
from gsv_pipeline.benchmarks.published.results import result
from gsv_pipeline.benchmarks.rows import ALL_HAVE_SOME, BenchmarkRow, Counts, Protocol

_LICENCE: Final = "Creative Commons, as NRK is quoted in Patch-NetVLAD's issue 57; the terms are NRK's"
_SOURCE: Final = "Sünderhauf et al., Are We There Yet?, ICRA workshop 2013"
_FRAMES_PER_QUERY: Final = 10

NORDLAND_ROWS: Final = {
    "nordland": BenchmarkRow(
        load=LOAD,
        dataset="nordland",
        takes="images",
        description="Nordland as VPR-Bench and gsv-cities use it: every tenth summer frame against the winter journey.",
        licence=_LICENCE,
        forms=(
            numpy_lists("Nordland"),
            vpr_bench("Nordland", "nordland", frames_per_query=_FRAMES_PER_QUERY, frame_window=1),
        ),
        variant="27,592 winter frames, 2,760 summer queries, ±1 frame",
        protocol=Protocol(frames=1, without_positives=ALL_HAVE_SOME),
        expected=Counts(27_592, 2_760, 8_279, source="lists of gsv-cities"),
        source=f"{_SOURCE}; VPR-Bench, https://arxiv.org/abs/2005.08135",
        published=(
            result(by.CONVAP, 512, 36.3, 53.1, source=by.GSV_CITIES),
            result(by.CONVAP, 2048, 40.25, 56.63, 63.19, 66.78, 70.36, 72.14, source=by.GSV_NOTEBOOK),
            result(by.CONVAP, 4096, 42.6, 59.8, source=by.GSV_CITIES),
            result(by.CONVAP, 8192, 42.7, 58.8, source=by.GSV_CITIES),
            result(by.MIX, None, 58.4, source=by.MIXVPR_ABSTRACT),
            result(by.BOQ_RESNET, 16384, 70.7, 84.0, 87.5, source=by.BOQ),
            result(by.BOQ_DINO, 12288, 81.3, source=by.BOQ),
            result(by.SALAD_DINO, 8448, 76.0, 89.2, 92.0, source=by.SALAD),
            result(f"{by.SALAD_DINO}, {by.A_USER}", None, 71.4, source=by.SALAD_ISSUE),
            result("BoQ, batches of 32, backbone and variant not said", None, 69.0, source=by.BOQ_BATCH_ISSUE),
        ),
    ),
    "nordland_wide": BenchmarkRow(
        load=LOAD,
        dataset="nordland_wide",
        takes="images",
        description="Nordland as Patch-NetVLAD splits it: every winter frame against the summer journey.",
        licence=_LICENCE,
        forms=(utm_folders("test", inside=("nordland",), frame_window=10, made_up_metres=True),),
        variant="27,592 summer frames, 27,592 winter queries, ±10 frames",
        protocol=Protocol(frames=10, without_positives=ALL_HAVE_SOME),
        expected=Counts(27_592, 27_592, source="the split of Patch-NetVLAD"),
        source=f"{_SOURCE}; Patch-NetVLAD, https://arxiv.org/abs/2103.01486",
        published=(
            result(by.BOQ_RESNET, 16384, 83.1, source=by.BOQ),
            result("ImAge, trained on GSV-Cities only", None, 93.2, source=by.IMAGE),
            *compared("nordland_wide"),
        ),
    ),
}
