"""The report by which a person chooses an index: its page, its figure and its Markdown."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from gsv_pipeline import stages
from gsv_pipeline.index import INDEXES
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_json
from gsv_pipeline.reports.index_figure import index_figure
from gsv_pipeline.reports.index_page import conditions, write_index_report
from gsv_pipeline.tracking import NullTracker
from tests.reports.pages import Page
from tests.reports.wide import SUBJECT, measured_indexes
from tests.tiny import tiny_experiment


@pytest.fixture
def page(tmp_path: Path) -> Page:
    write_index_report(tmp_path, measured_indexes(), subject=SUBJECT)
    return Page(tmp_path / "index_report.html")


def cells(section: str, row: str) -> list[list[str]]:
    return [
        re.findall(r"<t[hd][^>]*>([^<]*)<", part) for part in section.split(f'<tr class="{row}">')[1:]
    ]  # the first column is a heading


def test_every_kind_has_one_line_with_all_its_numbers_and_its_other_settings_stand_below(page: Page) -> None:
    defaults = cells(page.section("Each kind at its default setting"), "experiment")
    others = cells(page.section("Other settings"), "baseline")

    assert [line[0] for line in defaults] == list(INDEXES)
    assert defaults[0] == ["flat", "–", "85.0", "85.0", "100.0", "99.0", "74", "666", "16,384", "1,234.5"]
    assert {len(line) for line in others} == {8}
    assert len(others) == sum(len(row.settings) - 1 for row in INDEXES.values())
    assert ("rabitq", "k_factor 8") not in {(line[0], line[1]) for line in others}  # its default


def test_every_number_stands_under_the_variant_of_its_benchmark(page: Page, tmp_path: Path) -> None:
    for heading in ("Accuracy against speed and size", "Each kind at its default setting", "Other settings"):
        assert SUBJECT.sentence in page.section(heading), heading
    markdown = (tmp_path / "index_report.md").read_text(encoding="utf-8")
    for part in markdown.split("\n| index |")[:-1]:
        assert SUBJECT.sentence in part.rpartition("\n## ")[2]


def test_the_field_s_words_are_used_and_what_it_was_measured_with_is_said(page: Page, tmp_path: Path) -> None:
    assert "Measured with FAISS 1.15.1 on 16 threads." in page.text
    assert "Agreement @1, %" in page.text
    assert "rightness" not in page.text.lower()
    assert "Measured with FAISS 1.15.1 on 16 threads." in (tmp_path / "index_report.md").read_text(encoding="utf-8")
    one = [replace(item, threads=1) for item in measured_indexes()]
    assert conditions(one) == "Measured with FAISS 1.15.1 on 1 thread."
    assert conditions([replace(item, faiss="", threads=0) for item in one]) == ""


def test_the_markdown_has_every_setting(tmp_path: Path) -> None:
    write_index_report(tmp_path, measured_indexes(), subject=SUBJECT)
    text = (tmp_path / "index_report.md").read_text(encoding="utf-8")
    assert "| flat |  | 85.0 | 85.0 | 100.0 | 99.0 | 74 | 666 | 16,384 | 1,234.5 |" in text
    assert text.count("\n| ") == len(measured_indexes()) + 4  # two heads with their rules


def labels(svg: bytes) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]+)</text>", svg.decode())


def test_the_figure_shows_recall_over_memory_with_labels_in_plain_numbers() -> None:
    found = labels(index_figure(measured_indexes()))

    assert {"bytes per image", "R@1, %", "Agreement with exact search @1, %"} <= set(found)
    assert {"500", "1,000", "2,000", "5,000", "10,000", "20,000"} <= set(found)
    assert not [label for label in found if "rightness" in label or "^" in label]


def test_kinds_of_nearly_one_size_have_two_labels_all_the_same() -> None:
    alike = [
        replace(item, bytes_per_image=140 + number % 3, queries_per_s={1: 5.0, 64: 5.0})
        for number, item in enumerate(measured_indexes())
    ]
    found = labels(index_figure(alike))

    assert {"100", "200"} <= set(found)


def test_the_stage_notes_threads_version_and_variant(chain_layout: Layout) -> None:
    made = stages.report_indexes(chain_layout, tiny_experiment(chain_layout), "demo_test", tracker=NullTracker())

    rows = read_json(made.artifact / "index_report.json")
    assert all(row["threads"] >= 1 and row["faiss"][0].isdigit() for row in rows)
    text = (made.artifact / "index_report.md").read_text(encoding="utf-8")
    assert text.count("demo_test: within 25 m, included; queries without a positive count as misses.") == 2
