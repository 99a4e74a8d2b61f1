import math

import pytest

from gsv_pipeline.reports.data import RecallRow
from gsv_pipeline.reports.tables import interval, percent, points, recall_table_markdown, recall_table_text

WORD_JOINER = "\u2060"
ROWS = [
    RecallRow("demo", {1: 0.812, 5: 1.0}, {1: (0.759, 0.856), 5: (0.985, 1.0)}),
    RecallRow("thumbnail", {1: 0.0}, {1: (0.0, 0.015)}, is_baseline=True),
]


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [(0.0, "0.0"), (1.0, "100.0"), (0.8125, "81.2"), (0.0349, "3.5"), (None, "–"), (math.nan, "–")],
)
def test_a_fraction_becomes_percent_with_one_decimal(fraction: float | None, shown: str) -> None:
    assert percent(fraction) == shown


def test_points_carry_their_sign() -> None:
    assert [points(0.436), points(-0.02), points(0.0)] == ["+43.6", "−2.0", "+0.0"]


def test_an_interval_is_written_as_a_range_and_nothing_where_there_is_none() -> None:
    assert interval((0.759, 0.856)) == "75.9–85.6"
    assert interval(None) == ""


def test_the_terminal_table_can_be_read_as_it_stands() -> None:
    assert recall_table_text(ROWS, ks=(1, 5)).splitlines() == [
        "recall, %         R@1                R@5",
        "─" * 53,
        "demo             81.2 (75.9–85.6)  100.0 (98.5–100.0)",
        "grey thumbnail    0.0   (0.0–1.5)      –",
    ]


def test_the_terminal_table_of_no_rows_is_only_a_header() -> None:
    assert recall_table_text([], ks=(1,)).splitlines()[0].split() == ["recall,", "%", "R@1"]


def test_the_markdown_table_sets_trained_models_in_bold_and_baselines_not() -> None:
    header, rule, trained, baseline = recall_table_markdown(ROWS, ks=(1, 5)).splitlines()
    assert header == "| recall, % | R@1 | R@5 |"
    assert rule == "| :-- | --: | --: |"
    assert trained == "| **demo** | **81.2** (75.9~–~85.6) | **100.0** (98.5~–~100.0) |".replace("~", WORD_JOINER)
    assert baseline == "| grey thumbnail | 0.0 (0.0~–~1.5) | – |".replace("~", WORD_JOINER)


def test_a_pipe_in_a_name_does_not_split_a_markdown_cell() -> None:
    assert r"| **a\|b** |" in recall_table_markdown([RecallRow("a|b", {1: 0.5}, {})], ks=(1,))
