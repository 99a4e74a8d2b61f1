import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from gsv_pipeline.benchmarks.rows import Result
from gsv_pipeline.errors import DataError
from gsv_pipeline.evaluation.breakdown import Group
from gsv_pipeline.evaluation.precision import precision_curve
from gsv_pipeline.reports.data import RecallRow, ReportData, TrainingCurve
from gsv_pipeline.reports.measures import Measures
from gsv_pipeline.reports.page import headline, table_rows, write_report
from gsv_pipeline.reports.published_results import beside_published

Make = Callable[..., ReportData]
VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Attributes by tag, text by section heading; fails on tags that are not closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def write(tmp_path: Path, data: ReportData) -> tuple[str, Page]:
    write_report(tmp_path / "report.html", data)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    return html, Page(html)


def gallery_of(html: str, heading: str) -> str:
    return html.partition(f"<h2>{heading}</h2>")[2].partition("<h2>")[0]


def test_the_page_asks_for_nothing_from_elsewhere(tmp_path: Path, make_report: Make) -> None:
    html, page = write(tmp_path, make_report())
    for tag, attributes in page.elements:
        assert tag != "script"
        for name in ("src", "href", "srcset", "data", "action"):
            assert attributes.get(name, "data:").startswith("data:"), (tag, name)
    without_images = re.sub(r"data:[a-z+/]+;base64,[A-Za-z0-9+/=]+", "", html)
    assert not re.search(r"https?://|url\(|@import", without_images)
    assert "default-src 'none'" in without_images


def test_every_picture_has_words_for_those_who_cannot_see_it(tmp_path: Path, make_report: Make) -> None:
    _, page = write(tmp_path, make_report())
    alts = [attributes["alt"] for tag, attributes in page.elements if tag == "img"]
    assert len(alts) == 4 + 6 * 6 + 2  # figures; six strips of a query and five matches; the answers to two misses
    assert all(alts)


def test_the_header_says_what_training_bought(tmp_path: Path, make_report: Make) -> None:
    _, page = write(tmp_path, make_report())
    text = " ".join(page.text.replace("\xa0", " ").split())
    assert "66.7 %" in text
    assert "95 % interval 61.7–71.7 %" in text
    assert "+41.7 points against the best baseline, grey thumbnail (25.0 %)" in text
    assert "4 of 6" in text
    assert "2026-05-04 14:32" in text
    assert "do not overlap" in text


def test_the_headline_compares_with_the_best_baseline_and_says_when_chance_may_explain_it() -> None:
    rows = [
        RecallRow("weak", {1: 0.1}, {1: (0.05, 0.15)}, is_baseline=True),
        RecallRow("demo", {1: 0.3}, {1: (0.2, 0.4)}),
        RecallRow("strong", {1: 0.35}, {1: (0.25, 0.45)}, is_baseline=True),
    ]
    found = headline(rows)
    assert found.row.name == "demo"
    assert found.best_baseline is not None
    assert found.best_baseline.name == "strong"
    assert found.gain == pytest.approx(-0.05)
    assert not found.is_clear


def test_the_table_holds_trained_models_first_and_baselines_from_the_best_down(make_report: Make) -> None:
    rows = table_rows(list(reversed(make_report().rows)))
    assert [row.name for row in rows] == ["demo", "thumbnail", "untrained"]


def test_the_galleries_hold_hits_here_and_misses_there(tmp_path: Path, make_report: Make) -> None:
    data = make_report(missed=(1, 4))
    html, _ = write(tmp_path, data)
    shown = {
        heading: re.findall(r'alt="Query Test/image_(\d+)\.jpg"', gallery_of(html, heading))
        for heading in ("Best retrievals", "Worst retrievals")
    }
    assert sorted(shown["Best retrievals"]) == ["100", "102", "103", "105"]
    assert sorted(shown["Worst retrievals"]) == ["101", "104"]
    for number in shown["Worst retrievals"]:
        query = int(number) - 100
        assert data.predictions[query, 0] not in data.positives[query]
    firsts = re.findall(r'alt="Match 1, (\w+):', gallery_of(html, "Worst retrievals"))
    assert firsts == ["wrong", "wrong"]


def test_borders_tell_correct_matches_from_wrong_ones(tmp_path: Path, make_report: Make) -> None:
    data = make_report(missed=(1,))
    html, _ = write(tmp_path, data)
    kinds = re.findall(r'<div class="tile (\w+)">', gallery_of(html, "Worst retrievals"))
    assert kinds == ["query", "answer", "wrong", "correct", "correct", "wrong", "wrong"]
    assert "first correct image at rank 2" in html
    assert "✗ 140 m" in html
    assert "✓ 7 m" in html


def test_a_miss_beyond_the_depth_of_the_search_is_said(tmp_path: Path, make_report: Make) -> None:
    data = make_report()
    html, _ = write(tmp_path, replace(data, predictions=np.tile(np.arange(3), (6, 1)), positives=[np.array([7])] * 6))
    assert "no correct image among the first 3" in html
    assert "not in 3" in html


def test_no_misses_and_no_hits_are_said_in_a_sentence(tmp_path: Path, make_report: Make) -> None:
    html, _ = write(tmp_path, make_report(missed=()))
    assert "There is nothing to show: every query" in gallery_of(html, "Worst retrievals")
    html, _ = write(tmp_path, make_report(missed=tuple(range(6))))
    assert "There is nothing to show: no query" in gallery_of(html, "Best retrievals")


def test_parts_without_data_are_said_in_a_sentence(tmp_path: Path, make_report: Make) -> None:
    data = make_report()
    nowhere = np.full((12, 2), np.nan)
    data = replace(
        data,
        rows=[data.rows[0]],
        curve=TrainingCurve(),
        database=replace(data.database, latlon=nowhere, dates=[""] * 12),
        queries=replace(data.queries, latlon=nowhere[:6], dates=[""] * 6, place_ids=[""] * 6),
        distances_m=np.full_like(data.distances_m, np.nan),
        facts={},
        provenance={},
        experiment_yaml="",
        description="",
        created="",
    )
    html, page = write(tmp_path, data)
    for sentence in (
        "There is no training curve: the weights were not trained by this experiment.",
        "There is no map: this benchmark has no coordinates.",
        "No baseline was evaluated, so there is nothing to compare with.",
        "No facts were recorded for this benchmark.",
        "No provenance was recorded for this report.",
        "The configuration of this experiment was not recorded.",
    ):
        assert sentence in html
    assert not re.search(r"\bnan\b", page.text)
    assert "✓ correct" in html


def test_queries_without_an_answer_are_counted(tmp_path: Path, make_report: Make) -> None:
    data = make_report()
    html, _ = write(tmp_path, replace(data, positives=[np.array([], dtype=np.int64), *data.positives[1:]]))
    assert "1 query has no correct image in the database" in html


def test_names_cannot_break_the_page(tmp_path: Path, make_report: Make) -> None:
    data = make_report()
    evil = '<script>alert("x")</script>&"\''
    data = replace(
        data,
        experiment=evil,
        description=evil,
        rows=[replace(data.rows[0], name=evil), *data.rows[1:]],
        queries=replace(data.queries, names=[evil] * 6),
        facts={evil: evil},
        experiment_yaml=evil,
    )
    html, page = write(tmp_path, data)
    assert "<script" not in html
    assert page.text.count(evil) >= 6


def test_a_missing_image_stops_the_page_by_its_name_and_leaves_the_old_page(tmp_path: Path, make_report: Make) -> None:
    data = make_report()
    (tmp_path / "report.html").write_text("the last good page")
    paths = [*data.queries.paths[:-1], tmp_path / "gone.jpg"]
    with pytest.raises(DataError, match=r"gone\.jpg"):
        write_report(tmp_path / "report.html", replace(data, queries=replace(data.queries, paths=paths)))
    assert (tmp_path / "report.html").read_text() == "the last good page"


def test_the_same_data_gives_the_same_bytes(tmp_path: Path, make_report: Make) -> None:
    assert write(tmp_path, make_report())[0] == write(tmp_path, make_report())[0]


def test_every_table_of_recalls_names_the_variant_of_its_benchmark(tmp_path: Path, make_report: Make) -> None:
    group = Group("Oslo", 3, {1: 0.5, 5: 1.0}, (0.2, 0.8))
    published = beside_published([Result("NetVLAD", {1: 0.8}, "a paper")], (0.7, 0.9))
    found = Measures(groups={"By city": [group, replace(group, name="Bonn")]}, published=published)
    html, _ = write(tmp_path, replace(make_report(), variant="the small list: within 25 m", measures=found))
    tables = re.findall(r'<table class="recalls.*?</table>', html, flags=re.DOTALL)
    captions = [re.search(r"<caption>(.*?)</caption>", table, flags=re.DOTALL) for table in tables]
    texts = [re.sub(r"<[^>]+>", "", caption[1]) for caption in captions if caption]
    assert texts == [
        "demo_test the small list: within 25 m",
        "demo_test the small list: within 25 m",
        "By city on demo_test: the small list: within 25 m",
    ]


def test_skipped_images_stand_before_any_number_of_a_table(tmp_path: Path, make_report: Make) -> None:
    html, _ = write(tmp_path, replace(make_report(), skipped="Broken images were let pass: 1 of the queries."))
    assert html.index("Broken images were let pass") < html.index("<table")


def test_the_threshold_of_perfect_precision_is_told_in_words(tmp_path: Path, make_report: Make) -> None:
    curve = precision_curve(
        np.array([0.9, 0.8, 0.7], np.float32), np.array([True, True, False]), np.ones(3, dtype=bool)
    )
    _, page = write(tmp_path, replace(make_report(), measures=Measures(precision=curve)))
    text = " ".join(page.text.replace("\xa0", " ").split())
    assert "Every answer of similarity 0.800 and above is correct: 100 % precision up to 66.7 % recall." in text
    wrong = precision_curve(np.array([0.9, 0.8], np.float32), np.array([False, True]), np.ones(2, dtype=bool))
    _, page = write(tmp_path, replace(make_report(), measures=Measures(precision=wrong)))
    assert "The surest answer of all is wrong, so no similarity is safe." in " ".join(page.text.split())
