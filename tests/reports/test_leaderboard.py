import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gsv_pipeline.layout import Layout
from gsv_pipeline.reports.data import LeaderboardRow
from gsv_pipeline.reports.leaderboard import (
    group_by_benchmark,
    leaderboard_json,
    leaderboard_markdown,
    overview_of,
    write_leaderboard_page,
)
from tests.reports.pages import Page
from tests.reports.wide import SUBJECT, leaderboard_rows


def row(experiment: str, benchmark: str, recall: float, of: str = "") -> LeaderboardRow:
    return LeaderboardRow(
        experiment,
        benchmark,
        {k: min(1.0, np.float32(recall) + 0.01 * k) for k in (1, 5, 10, 20)},
        {1: (np.float64(recall - 0.05), recall + 0.05)},
        of=of,
        report="" if of else f"../recall_report/{benchmark}/{experiment}/report.html",
        trained_on="" if of else "demo",
        descriptor_size=0 if of else np.int64(1024),
        created="" if of else "2026-05-04T14:32:00",
    )


ROWS = [
    row("thumbnail", "demo_test", 0.24, of="good"),
    row("weak", "demo_test", 0.5),
    row("untrained", "demo_test", 0.3, of="good"),
    row("good", "demo_test", 0.8),
    row("untrained", "demo_test", 0.05, of="weak"),
    row("good", "a_benchmark", 0.6),
    row("thumbnail", "a_benchmark", 0.7, of="absent"),
]
ORDER = [
    ("a_benchmark", "good", ""),
    ("a_benchmark", "thumbnail", "absent"),
    ("demo_test", "good", ""),
    ("demo_test", "untrained", "good"),
    ("demo_test", "thumbnail", "good"),
    ("demo_test", "weak", ""),
    ("demo_test", "untrained", "weak"),
]


def test_experiments_come_from_the_best_down_each_above_its_own_baselines_in_any_order_given() -> None:
    for rows in (ROWS, ROWS[::-1]):
        assert [(r["benchmark"], r["experiment"], r.get("of", "")) for r in leaderboard_json(rows)] == ORDER


def test_the_json_survives_writing_and_reading_and_holds_fractions() -> None:
    written = leaderboard_json(ROWS)
    assert json.loads(json.dumps(written, allow_nan=False)) == written
    good = written[2]
    assert good["recall_at"]["1"] == pytest.approx(0.81)
    assert good["interval_at"] == {"1": [pytest.approx(0.75), pytest.approx(0.85)]}
    assert set(good) == {
        "experiment", "benchmark", "recall_at", "interval_at", "report", "trained_on", "descriptor_size", "created",
        "variant", "parameters", "gflops", "images_per_s", "against_best",
    }  # fmt: skip
    assert set(written[3]) == {"experiment", "benchmark", "recall_at", "interval_at", "of"}


def test_the_page_links_every_report_and_nothing_else(tmp_path: Path) -> None:
    write_leaderboard_page(tmp_path / "index.html", ROWS)
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    links = re.findall(r'<a href="([^"]+)"', html)
    inside = ["#a_benchmark", "#demo_test"]
    assert links == [*inside, *(r["report"] for r in leaderboard_json(ROWS) if "report" in r)]
    assert all(f'id="{link[1:]}"' in html for link in inside)
    assert not re.search(r"https?://|src=|url\(", html)


def test_the_best_experiment_of_a_benchmark_is_bold_even_below_a_better_baseline(tmp_path: Path) -> None:
    write_leaderboard_page(tmp_path / "index.html", ROWS)
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'<span class="value best">([\d.]+)</span>', html) == [
        "61.0", "65.0", "70.0", "80.0", "81.0", "85.0", "90.0", "100.0",
    ]  # fmt: skip


def test_bars_and_whiskers_are_as_long_as_the_numbers(tmp_path: Path) -> None:
    write_leaderboard_page(tmp_path / "index.html", [row("good", "demo_test", 0.8)])
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "--value: 81.00%; --low: 75.00%; --high: 85.00%" in html
    assert 'data-value="1024">1,024<' in html
    assert "trained on demo, 2026-05-04<" in html


def test_a_row_without_r_at_1_or_intervals_is_drawn_without_a_bar(tmp_path: Path) -> None:
    rows = [LeaderboardRow("a<b", "x", {5: 0.5}, {}), LeaderboardRow("c", "x", {1: 0.5}, {})]
    write_leaderboard_page(tmp_path / "index.html", rows)
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "a&lt;b" in html
    assert html.count('class="bar"') == 1
    assert "<u>" not in html


def test_an_empty_leaderboard_says_what_to_do(tmp_path: Path) -> None:
    write_leaderboard_page(tmp_path / "index.html", [])
    assert "gsv-pipeline evaluate" in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert leaderboard_json([]) == []
    assert "gsv-pipeline evaluate BENCHMARK --experiment NAME" in leaderboard_markdown([])


def test_baselines_move_with_their_experiment_when_a_table_is_sorted() -> None:
    (table,) = [item for item in group_by_benchmark(ROWS) if item.benchmark == "demo_test"]
    assert [[row.experiment for row in group] for group in table.groups] == [
        ["good", "untrained", "thumbnail"],
        ["weak", "untrained"],
    ]


def test_the_overview_has_a_row_per_experiment_and_a_gap_where_nothing_was_evaluated() -> None:
    found = overview_of(group_by_benchmark(ROWS))
    assert found.benchmarks == ["a_benchmark", "demo_test"]
    told = {name: [None if cell is None else cell.recall_at[1] for cell in cells] for name, cells in found.rows}
    assert told == {"good": [pytest.approx(0.61), pytest.approx(0.81)], "weak": [None, pytest.approx(0.51)]}


def test_a_table_is_sorted_by_how_far_an_experiment_is_behind_the_best() -> None:
    best, behind, other = (
        LeaderboardRow(name, "x", {1: recall}, {}) for name, recall in zip("abc", (0.8, 0.7, 0.9), strict=True)
    )
    other = replace(other, against_best="other queries", recall_at={1: 0.2})
    (table,) = group_by_benchmark([best, replace(behind, against_best="−10.0 (p = 0.01): worse"), other])

    assert [table.behind(row) for row in table.rows] == [0.0, pytest.approx(-0.1), None]
    assert table.behind(LeaderboardRow("thumbnail", "x", {1: 0.1}, {}, of="a")) is None


def test_the_markdown_has_a_table_per_benchmark_under_its_variant() -> None:
    rows = [
        replace(item, variant="within 25 m") if item.benchmark == "demo_test" else item for item in leaderboard_rows()
    ]
    text = leaderboard_markdown([*rows, *ROWS])

    assert text.index("## a_benchmark") < text.index("## demo_test") < text.index("## pitts30k_test")
    assert f"## pitts30k_test\n\n{SUBJECT.variant}.\n\n| experiment | R@1, % |" in text
    line = next(line for line in text.splitlines() if line.startswith("| **near**"))
    assert line == (
        "| **near** (no test result: chose its checkpoint here) | 90.7 (85.7–95.7) | 94.7 (89.7–99.7) | "
        "99.7 (94.7–100.0) | 100.0 (95.0–100.0) | −0.5 (p = 0.41): no difference found | "
        "8,248 | 86.0 M | 123.4 | 12,345 |"
    )
    assert "| colour histogram (near) |" in text


def test_the_stage_writes_markdown_beside_the_page(tiny_chain: Path) -> None:
    text = (Layout(tiny_chain).leaderboard() / "leaderboard.md").read_text(encoding="utf-8")

    assert "## demo_test\n\nwithin 25 m, included; queries without a positive count as misses.\n" in text
    assert "| untrained model (demo) |" in text


def test_the_overview_says_which_benchmarks_its_numbers_are_of(tmp_path: Path) -> None:
    rows = [replace(item, variant=f"as {item.benchmark} counts") for item in ROWS]
    write_leaderboard_page(tmp_path / "index.html", rows)
    overview = Page(tmp_path / "index.html").section("Overview")

    assert "<b>a_benchmark</b>: as a_benchmark counts. <b>demo_test</b>: as demo_test counts. " in overview
