"""What a report says beside recall, from tables with known answers."""

import csv
import html
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gsv_pipeline.artifact_files import RECALL_METRICS_FILE
from gsv_pipeline.benchmarks.data import BenchmarkData
from gsv_pipeline.benchmarks.rows import Result
from gsv_pipeline.evaluation.breakdown import Group
from gsv_pipeline.evaluation.intervals import recall_interval, wilson_interval
from gsv_pipeline.reports import measures_figures
from gsv_pipeline.reports.curves import DISTANCE_CURVE, PRECISION_CURVE, RECALL_CURVE, write_curves
from gsv_pipeline.reports.data import RecallRow, ReportData
from gsv_pipeline.reports.markdown import write_markdown
from gsv_pipeline.reports.measures import Measures, distances_to, measure, metrics_of, write_metrics
from gsv_pipeline.reports.page import write_report
from gsv_pipeline.reports.published_results import beside_published, why_no_verdict


def _side(count: int, *, city: list[str], year: int, **columns: object) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "image_id": [f"{year}_{row}.jpg" for row in range(count)],
            "place_id": [f"{name}/{row:07d}" for row, name in enumerate(city)],
            "year": year,
            "month": 5,
            "bearing": 0.0,
            "lat": 50.0 + 0.001 * np.arange(count),
            "lon": 4.0,
            **columns,
        }
    )


CITIES = ["Oslo", "Oslo", "Bonn", "Bonn"]
PREDICTIONS = np.array([[0, 1], [2, 1], [2, 3], [3, 0]])
SIMILARITIES = np.array([[0.9, 0.1], [0.5, 0.1], [0.8, 0.1], [0.7, 0.1]], dtype=np.float32)


def _data(**columns: object) -> BenchmarkData:
    return BenchmarkData(
        _side(4, city=CITIES, year=2010),
        _side(4, city=CITIES, year=2018, **columns),
        [np.array([row]) for row in range(4)],
    )


def test_distances_groups_and_confidence_come_from_what_was_retrieved() -> None:
    found = measure(_data(condition=["night", "day", "day", "day"]), PREDICTIONS, SIMILARITIES)
    assert found.localisation is not None
    assert found.localisation.median_m == 0.0
    at = dict(zip(found.localisation.thresholds_m, found.localisation.recall, strict=True))
    assert at[5.0] == 0.75
    assert found.precision is not None
    assert found.precision.sure == (pytest.approx(0.7), 0.75)
    assert {title: [(g.name, g.recall_at[1]) for g in groups] for title, groups in found.groups.items()} == {
        "By city": [("Bonn", 1.0), ("Oslo", 0.5)],
        "By condition": [("day", pytest.approx(2 / 3)), ("night", 1.0)],
    }


def test_the_first_part_of_a_place_that_is_but_a_path_is_a_folder_and_no_city() -> None:
    data, paths = _data(), ["old town/1", "old town/2", "harbour/3", "harbour/4"]
    own = data.queries.assign(image_id=[f"walk/now/{path}.jpg" for path in paths], place_id=paths)
    found = measure(replace(data, queries=own), PREDICTIONS, SIMILARITIES).groups
    assert {title: [part.name for part in parts] for title, parts in found.items()} == {
        "By folder": ["harbour", "old town"]
    }
    crops = data.queries.assign(image_id=[f"{name}_pitch1_yaw2.jpg" for name in data.queries["place_id"]])
    assert list(measure(replace(data, queries=crops), PREDICTIONS, SIMILARITIES).groups) == ["By folder"]


def test_a_part_has_no_recall_beyond_the_images_of_the_database() -> None:
    for images, expected in ((4, {1}), (5, {1, 5})):
        data = replace(_data(), database=_side(images, city=["Oslo"] * images, year=2010))
        groups = measure(data, PREDICTIONS, SIMILARITIES).groups["By city"]
        assert [set(part.recall_at) for part in groups] == [expected] * 2


def test_what_is_not_known_is_left_out() -> None:
    nowhere = {"lat": np.nan, "lon": np.nan, "bearing": np.nan}
    data = BenchmarkData(
        _side(4, city=["x"] * 4, year=0).assign(**nowhere),
        _side(4, city=["x"] * 4, year=0).assign(**nowhere),
        [np.array([], dtype=np.int64)] * 4,
    )
    found = measure(data, PREDICTIONS, SIMILARITIES)
    assert (found.localisation, found.precision, found.groups) == (None, None, {})


def test_metres_on_the_plane_are_used_where_both_sides_have_them() -> None:
    plane = {"east": [0.0, 30.0, 0.0, 0.0], "north": [0.0, 40.0, 0.0, 0.0]}
    data = BenchmarkData(
        _side(4, city=CITIES, year=2010, east=[0.0] * 4, north=[0.0] * 4), _side(4, city=CITIES, year=2018, **plane), []
    )
    assert distances_to(data, np.array([[0], [0], [0], [0]]))[:, 0].tolist() == [0.0, 50.0, 0.0, 0.0]


def test_a_rank_without_an_answer_has_no_distance() -> None:
    assert np.isnan(distances_to(_data(), np.array([[0, -1]] * 4))[:, 1]).all()


def test_the_verdict_beside_a_published_number_respects_our_interval() -> None:
    published = [
        Result("Low", {1: 0.5}, "a paper"),
        Result("Inside", {1: 0.72, 5: 0.9}, "a page", dimensions=4096),
        Result("High", {1: 0.9}, "a table"),
        Result("Silent", {5: 0.9}, "a plot"),
    ]
    rows = beside_published(published, (0.7, 0.8))
    assert [(row.model, row.verdict) for row in rows] == [
        ("High", "worse"), ("Inside, 4,096-D", "same"), ("Low", "better"), ("Silent", None),
    ]  # fmt: skip


def test_no_verdict_is_given_where_ours_is_of_another_benchmark() -> None:
    (row,) = beside_published([Result("NetVLAD", {1: 0.9}, "a table")], None)
    assert (row.recall_at, row.verdict) == ({1: 0.9}, None)
    assert why_no_verdict([], "") == ""
    assert "our copy of the benchmark is not as published, so" in why_no_verdict(["3 queries, expected 4"], "")
    assert "as published and broken images were let pass, so" in why_no_verdict(["3 queries"], "1 of the queries")


def test_curves_are_written_for_dvc_and_an_absent_one_is_a_header(tmp_path: Path) -> None:
    row = RecallRow("demo", {1: 0.5, 2: 0.75}, {1: (0.4, 0.6)})
    write_curves(tmp_path, [row], measure(_data(), PREDICTIONS, SIMILARITIES))
    with (tmp_path / RECALL_CURVE).open() as file:
        assert list(csv.DictReader(file)) == [
            {"k": "1", "recall": "0.5", "low": "0.4", "high": "0.6"},
            {"k": "2", "recall": "0.75", "low": "", "high": ""},
        ]
    assert (tmp_path / PRECISION_CURVE).read_text().splitlines()[1] == "0.9,1,0.25"
    write_curves(tmp_path, [row], Measures())
    assert (tmp_path / DISTANCE_CURVE).read_text() == "metres,recall,same_view\n"


def test_metrics_hold_what_a_number_says_and_leave_out_what_is_not_known(tmp_path: Path) -> None:
    (tmp_path / RECALL_METRICS_FILE).write_text('{"R@1": 0.75}')
    write_metrics(tmp_path, measure(_data(), PREDICTIONS, SIMILARITIES))
    assert json.loads((tmp_path / RECALL_METRICS_FILE).read_text()) == {
        "R@1": 0.75,
        "average precision": 0.75,  # three right answers are surer than the wrong one
        "recall at 100 % precision": 0.75,
        "median error, m": 0.0,
    }
    assert metrics_of(Measures()) == {}
    surest_is_wrong = measure(_data(), PREDICTIONS[:, ::-1], SIMILARITIES)
    assert metrics_of(surest_is_wrong)["recall at 100 % precision"] == 0.0


def test_the_markdown_says_what_the_page_says_and_names_the_variant_above_every_table_of_recalls(
    tmp_path: Path, make_report: Callable[..., ReportData]
) -> None:
    found = measure(
        _data(),
        PREDICTIONS,
        SIMILARITIES,
        published=beside_published([Result("A | B", {1: 0.9}, "x")], (0.1, 0.2)),
        costs={"A single query": "7 ms"},
    )
    report = replace(
        make_report(),
        rows=[RecallRow("demo", {1: 0.75, 5: 1.0}, {1: (0.5, 0.9)})],
        variant="the small list: within 25 m",
        skipped="Broken images were let pass.",
        measures=found,
    )
    write_markdown(tmp_path / "report.md", report)
    text = (tmp_path / "report.md").read_text()
    assert "| demo | 75.0 (50.0–90.0) | 100.0 |" in text
    assert "| A \\| B | 90.0 | – | – | worse | x |" in text
    assert "| Bonn | 2 | 100.0 (" in text
    assert "| position alone | 75.0 | 75.0 | 75.0 | 75.0 | 75.0 |" in text
    assert "Every answer of similarity 0.700 and above is correct: 100 % precision up to 75.0 % recall." in text
    assert "**Broken images were let pass.**" in text
    assert "| A single query | 7 ms |" in text
    assert "| Database images | 12 |" in text
    headings = ("Recall", "Beside published numbers", "How near the answers are", "By city")
    for heading in headings:
        assert text.partition(f"## {heading}\n\n")[2].startswith("demo_test: the small list: within 25 m.")


def test_intervals_of_two_kinds_are_explained_in_one_sentence_and_only_then(
    tmp_path: Path, make_report: Callable[..., ReportData]
) -> None:
    names, by_drawing, by_wilson = ["a", "a", "b", "c"], np.array([1, 0, 1, 1], dtype=bool), np.ones(4, dtype=bool)
    assert recall_interval(by_wilson, names) == wilson_interval(3, 3)  # what the sentence says of whole hits
    rows = {
        "drawn": RecallRow("demo", {1: 0.75}, {1: recall_interval(by_drawing, names)}),
        "whole": RecallRow("demo", {1: 0.75, 10: 1.0}, {1: (0.5, 0.9), 10: recall_interval(by_wilson, names)}),
        "none": RecallRow("demo", {1: 0.0}, {1: recall_interval(~by_wilson, names)}),
        "bare": RecallRow("demo", {1: 1.0}, {}),
    }
    part = Group("Bonn", 4, {1: 1.0, 5: 1.0, 10: 1.0}, recall_interval(by_wilson, names))
    parts = Measures(groups={"By city": [part, replace(part, name="Rome")]})
    cases = [(row, Measures(), int(name in ("whole", "none"))) for name, row in rows.items()]
    for row, measures, expected in [*cases, (rows["drawn"], parts, 1), (rows["whole"], parts, 2)]:
        report = replace(make_report(), rows=[row], measures=measures)
        write_markdown(tmp_path / "report.md", report)
        write_report(tmp_path / "report.html", report)
        for name in ("report.md", "report.html"):
            text = html.unescape((tmp_path / name).read_text())
            assert text.count("there it is Wilson's interval over the places.") == expected


def test_the_line_among_distances_is_the_radius_of_the_protocol_and_none_where_it_has_none() -> None:
    found = measure(_data(), PREDICTIONS, SIMILARITIES, radius_m=7.5)
    assert found.localisation is not None
    drawn = {
        radius: measures_figures.distance_curve(found.localisation, radius_m=radius).decode()
        for radius in (found.radius_m, 300.0, None)
    }
    assert {radius: re.findall(r">([\d.]+ m)<", text) for radius, text in drawn.items()} == {
        7.5: ["7.5 m"],
        300.0: ["300 m"],
        None: [],
    }


def test_the_figures_are_pictures() -> None:
    found = measure(_data(), PREDICTIONS, SIMILARITIES)
    assert found.localisation is not None
    assert found.precision is not None
    for picture in (
        measures_figures.distance_curve(found.localisation),
        measures_figures.precision_figure(found.precision),
    ):
        assert b"<svg" in picture
