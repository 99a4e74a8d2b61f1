"""Reports as wide as they come: large numbers, every kind of index at every setting, long names, many benchmarks."""

from dataclasses import replace
from pathlib import Path

from gsv_pipeline.evaluation.by_dimension import Reduced
from gsv_pipeline.index import INDEXES
from gsv_pipeline.index.measure import Measured
from gsv_pipeline.reports.data import LeaderboardRow
from gsv_pipeline.reports.index_page import write_index_report
from gsv_pipeline.reports.leaderboard import write_leaderboard_page
from gsv_pipeline.reports.pca_page import write_pca_report
from gsv_pipeline.reports.subject import Subject

SUBJECT = Subject("resnet50_convap_4096", "pitts250k_test", "the test split: within 25 m, included")
BYTES = {"flat": 16_384, "hnsw_sq8": 4_360, "ivf_flat": 16_392, "ivf_pq": 552, "rabitq": 4_660}
KS = (1, 5, 10, 20)
OTHER_BENCHMARKS = (
    "pitts30k_val", "pitts250k_test", "msls_val", "nordland", "sped", "essex3in1", "cross_season", "inria_holidays",
)  # fmt: skip
_RANKED = (
    ("best_of_all", 0.902, ""),
    ("resnet50_convap_4096_street_augmentation", 0.8, "−10.2 (p = 0.00012): worse"),
    ("near", 0.897, "−0.5 (p = 0.41): no difference found"),
    ("elsewhere", 0.3, "other queries"),
)


def measured_indexes() -> list[Measured]:
    """Every kind at every setting; slower settings find more."""
    found = []
    for kind, row in INDEXES.items():
        for number, setting in enumerate(row.settings):
            share = 1.0 if kind == "flat" else 0.8 + 0.19 * number / len(row.settings)
            rate = 74.0 if kind == "flat" else 20_000 / 2**number
            found.append(
                Measured(
                    kind, dict(setting), number == row.default, "cpu", 1234.5, BYTES[kind], {1: rate, 64: 9 * rate},
                    dict.fromkeys(KS, 0.85 * share), {1: share, 10: share - 0.01}, threads=16, faiss="1.15.1",
                )
            )  # fmt: skip
    return found


def reduced() -> list[Reduced]:
    """Recall by size, with intervals."""
    bounds = dict.fromkeys(KS, (0.801, 0.903))
    found = [Reduced(4096, None, 1.0, dict.fromkeys(KS, 0.87), bounds)]
    for size in (4096, 2048, 512, 64):
        found += [
            Reduced(size, whiten, 0.9, dict.fromkeys(KS, 0.85 + 0.01 * whiten), bounds) for whiten in (True, False)
        ]
    return found


def leaderboard_rows() -> list[LeaderboardRow]:
    """Experiments whose ranks differ from column to column; the last one is of other queries."""
    rows = []
    for number, (name, recall, against) in enumerate(_RANKED):
        recalls = {k: min(1.0, recall + 0.01 * k) for k in KS}
        intervals = {k: (max(0.0, value - 0.05), min(1.0, value + 0.05)) for k, value in recalls.items()}
        rows.append(
            LeaderboardRow(
                name, "pitts30k_test", recalls, intervals, report="../report.html", trained_on="gsv_cities_light",
                descriptor_size=8_448 - 100 * number, created="2026-05-04T14:32:00", variant=SUBJECT.variant,
                parameters=86_000_000 + number, gflops=123.4, images_per_s=12_345.0, against_best=against,
                chosen_here=True,
            )
        )  # fmt: skip
        rows.append(LeaderboardRow("colour_histogram", "pitts30k_test", recalls, intervals, of=name))
    return rows


def write_all(folder: Path) -> list[Path]:
    """The pages of `folder`, which is made."""
    folder.mkdir(parents=True)
    write_index_report(folder, measured_indexes(), subject=SUBJECT)
    write_pca_report(folder, reduced(), subject=SUBJECT)
    others = [
        replace(row, benchmark=name) for name in OTHER_BENCHMARKS for row in leaderboard_rows() if not row.of
    ]  # as many as the original system has
    write_leaderboard_page(folder / "leaderboard.html", [*leaderboard_rows(), *others])
    return sorted(folder.glob("*.html"))
