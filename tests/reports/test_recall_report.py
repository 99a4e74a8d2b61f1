"""What a report promises beyond recall: photographs only where they may be, published numbers, costs, warnings."""

import base64
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from gsv_pipeline import stages
from gsv_pipeline.benchmarks import BENCHMARKS
from gsv_pipeline.evaluation.comparison import compare
from gsv_pipeline.evaluation.outcomes import Outcomes, load_outcomes, save_outcomes
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_json, read_manifest, write_json
from gsv_pipeline.reports.closing import closing_table
from gsv_pipeline.reports.collect import collect_rows
from gsv_pipeline.reports.recall_report import rows_on_disk
from gsv_pipeline.reports.summaries import recall_table
from gsv_pipeline.reports.tables import points, recall_table_text
from gsv_pipeline.tracking import NullTracker
from tests.benchmarks.folders import utm_name, write_photos
from tests.tiny import tiny_experiment

PAIRS = 6  # the counts of AmsterTime are nobody's, so that any number is as published
TRACKER = NullTracker()


def score(layout: Layout, benchmark: str) -> Path:
    experiment = tiny_experiment(layout)
    stages.embed(layout, experiment, benchmark, tracker=TRACKER)
    stages.build_index(layout, experiment, benchmark, tracker=TRACKER)
    stages.evaluate(layout, experiment, benchmark, tracker=TRACKER)
    return layout.recall_report(benchmark, experiment.name)


def amstertime(layout: Layout, images: Path, *, admit: bool = False) -> Path:
    given = {"path": str(images)}
    stages.fetch_dataset(layout, "amstertime", tracker=TRACKER, source="folder", arguments=given)
    stages.build_benchmark(layout, "amstertime", tracker=TRACKER, admit_deviations=admit)
    return score(layout, "amstertime")


@pytest.fixture(scope="module")
def scored(tiny_chain: Path, tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """AmsterTime of six pairs, as it is published, and an own benchmark that counts 7.5 m."""
    root = tmp_path_factory.mktemp("scored")
    shutil.copytree(tiny_chain, root / "data")
    layout = Layout(root / "data")
    for side in ("new", "old"):  # the same pictures, so that each query finds its own
        write_photos(root / "amstertime" / side, [f"{number}.jpg" for number in range(PAIRS)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        amstertime(layout, root / "amstertime")
        for side, away in (("then", 0), ("now", 3)):
            names = [utm_name(500_000 + 100 * at + away, 4_180_000) for at in range(4)]
            write_photos(root / "walk" / side, names)
        layout.benchmarks().mkdir()
        own = {"database": str(root / "walk" / "then"), "queries": str(root / "walk" / "now"), "radius_m": 7.5}
        (layout.benchmarks() / "walk.yaml").write_text(yaml.safe_dump(own))
        stages.build_benchmark(layout, "walk", tracker=TRACKER)
        score(layout, "walk")
    return layout


@pytest.fixture(scope="module")
def deviating(tiny_chain: Path, tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """AmsterTime as VPR-datasets-downloader writes it, with a broken image that was admitted."""
    root = tmp_path_factory.mktemp("deviating")
    shutil.copytree(tiny_chain, root / "data")
    for side in ("database", "queries"):
        names = [f"@0@{1000 * number}@@@@@{number}@@@@@@@@.jpg" for number in range(PAIRS + 1)]
        paths = write_photos(root / "amstertime" / "images" / "test" / side, names)
        paths[-1].write_bytes(b"no image")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        amstertime(Layout(root / "data"), root / "amstertime", admit=True)
        stages.write_leaderboard(Layout(root / "data"), tracker=TRACKER)
    return Layout(root / "data")


def page(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


def markdown(folder: Path) -> str:
    return (folder / "report.md").read_text(encoding="utf-8")


def cells(html: str, heading: str) -> list[list[str]]:
    """Rows of the first table below a heading of the page, as texts."""
    table = html.partition(f"<h2>{heading}</h2>")[2].partition("<tbody>")[2].partition("</tbody>")[0]
    rows = re.findall(r"<tr.*?</tr>", table, flags=re.DOTALL)
    return [
        [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", row, flags=re.DOTALL)]
        for row in rows
    ]


def test_photographs_that_may_not_be_copied_stay_out_and_the_page_says_how_to_see_them(scored: Layout) -> None:
    html = page(scored.recall_report("amstertime", "demo"))
    assert "data:image/jpeg" not in html
    assert "Where it looks" not in html
    words = html.partition("<h2>Retrievals</h2>")[2].partition("</section>")[0]
    assert f"their licence ({BENCHMARKS['amstertime'].licence}) does not admit copies" in words
    command = f"gsv-pipeline evaluate amstertime --experiment demo{tiny_experiment(scored).settings} --with-images"
    assert command.replace('"', "&#34;").replace("'", "&#39;") in words
    assert "data:image/jpeg" in page(scored.recall_report("demo_test", "demo"))  # which may be


def test_who_asks_for_photographs_gets_them_and_where_the_model_looks(scored: Layout, tmp_path: Path) -> None:
    shutil.copytree(scored.root, tmp_path / "data")
    layout = Layout(tmp_path / "data")
    stages.evaluate(layout, tiny_experiment(layout), "amstertime", tracker=TRACKER, with_images=True)
    html = page(layout.recall_report("amstertime", "demo"))
    best = html.partition("<h2>Best retrievals</h2>")[2].partition("<h2>")[0]
    assert best.count("<b>Where it looks</b>") == PAIRS
    assert best.count("data:image/jpeg") == PAIRS * (2 + 5)  # the query, where it looks, and five matches
    assert "--with-images" not in html


def test_published_numbers_stand_beside_ours_with_source_and_verdict(scored: Layout) -> None:
    folder = scored.recall_report("amstertime", "demo")
    low, high = read_json(folder / "recall.json")["interval_at"]["1"]
    published = BENCHMARKS["amstertime"].published
    assert low < 1 == high
    assert {item.recall_at[1] for item in published} == {0.522, 0.63}
    assert 0.522 < low < 0.63  # six of six: Wilson's interval begins at 61 %
    expected = [["BoQ", "63.0", "same"], ["BoQ", "52.2", "better"]]
    shown = cells(page(folder), "Beside published numbers")
    assert [[row[0][:3], row[1], row[4]] for row in shown] == expected
    assert all(row[5] == item.source for row, item in zip(shown, reversed(published), strict=True))
    text = markdown(folder).partition("## Beside published numbers")[2].partition("##")[0]
    assert re.findall(r"\| (\d+\.\d) \| – \| – \| (\w+) \|", text) == [("63.0", "same"), ("52.2", "better")]
    assert "No verdict" not in text + page(folder)


def test_a_benchmark_that_is_not_as_published_gets_a_notice_and_no_verdict(deviating: Layout) -> None:
    folder = deviating.recall_report("amstertime", "demo")
    said = "2 images are missing or broken"
    (deviation,) = read_json(folder / "recall.json")["deviations"]
    assert deviation.startswith(said)
    html, text = page(folder), markdown(folder)
    notice = f"This benchmark is not as published, and was taken as it is (--admit-deviations): {said}"
    assert 0 < html.index(notice) < html.index("<table")
    assert 0 < text.index(notice) < text.index("\n| ")
    assert [[row[1], row[4]] for row in cells(html, "Beside published numbers")] == [["63.0", "–"], ["52.2", "–"]]
    why = "No verdict is given: our copy of the benchmark is not as published"
    beside = text.partition("## Beside published numbers")[2].partition("##")[0]
    for place in (html.partition("<h2>Beside published numbers</h2>")[2].partition("<table")[0], beside):
        assert why in place
    assert not re.search(r"\b(same|better|worse) \|", beside)
    captions = re.findall(r"<caption>(.*?)</caption>", html, flags=re.DOTALL)
    assert len(captions) == 2
    assert all(f"NOT AS PUBLISHED: {said}" in caption for caption in captions)
    board = read_json(deviating.leaderboard() / "leaderboard.json")
    variants = {row["benchmark"]: row["variant"] for row in board if "of" not in row}
    assert f"NOT AS PUBLISHED: {said}" in variants.pop("amstertime")
    assert not [variant for variant in variants.values() if "NOT AS" in variant]


def test_a_benchmark_as_published_says_nothing_of_deviations(scored: Layout) -> None:
    folder = scored.recall_report("amstertime", "demo")
    assert "deviations" not in read_json(folder / "recall.json")
    for text in (page(folder), markdown(folder)):
        assert "as published, and was taken" not in text
        assert "NOT AS PUBLISHED" not in text


def test_metres_that_were_made_up_are_no_error_of_localisation(deviating: Layout, scored: Layout) -> None:
    folder = deviating.recall_report("amstertime", "demo")
    html = page(folder)
    assert html.count("this benchmark has no coordinates.") == 2  # no curve of distances, and no map
    assert "m away in the median" not in html
    assert "How near the answers are" not in markdown(folder)
    assert "median error, m" not in read_json(folder / "metrics.json")
    assert (folder / "distance_curve.csv").read_text() == "metres,recall,same_view\n"
    surveyed = scored.recall_report("walk", "demo")
    assert read_json(surveyed / "metrics.json")["median error, m"] == 3.0


def test_the_line_in_the_curve_of_distances_is_the_radius_of_the_benchmark(scored: Layout) -> None:
    section = page(scored.recall_report("walk", "demo")).partition("<h2>How near the answers are</h2>")[2]
    picture = re.search(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)", section)
    assert picture is not None
    assert re.findall(r">([\d.]+ m)<", base64.b64decode(picture[1]).decode()) == ["7.5 m"]


def test_more_images_than_the_database_has_get_a_dash_and_no_recall(scored: Layout) -> None:
    folder = scored.recall_report("amstertime", "demo")
    assert read_json(folder / "recall.json")["recall_at"]["25"] == 1.0  # what is stored stays whole
    for row in cells(page(folder), "Recall"):
        assert [cell == "–" for cell in row[1:]] == [False, False, True, True, True, True], row
    lines = re.findall(r"^\| demo \|.*$", markdown(folder), flags=re.MULTILINE)
    assert [line.split(" | ")[3:] for line in lines] == [["–", "–", "–", "– |"]]
    assert "there is no recall beyond R@6" in page(folder)
    rows = rows_on_disk(folder)
    assert [row.name for row in rows] == ["demo", "untrained", "colour_histogram", "thumbnail"]
    assert [row.is_baseline for row in rows] == [False, True, True, True]
    assert all(set(row.recall_at) == set(row.interval_at) == set(range(1, PAIRS + 1)) for row in rows)
    assert [line.count("–  ") + line.endswith("–") for line in recall_table_text(rows).splitlines()[2:]] == [2] * 4


def test_the_terminal_and_dagster_show_the_dash_and_the_deviation_too(scored: Layout, deviating: Layout) -> None:
    told = next(part for part in closing_table(scored).split("\n\n") if part.startswith("amstertime"))
    lines = [line for line in told.splitlines()[3:] if not line.startswith("Report")]
    assert [len(re.findall(r"–(?= |$)", line)) for line in lines] == [2] * 4  # of 10 and of 20
    table = recall_table(scored, tiny_experiment(scored), "amstertime")
    assert [line.count("| – ") + line.count("**–**") for line in table.splitlines()[4:8]] == [2] * 4
    said = "NOT AS PUBLISHED: 2 images are missing or broken"
    assert said in closing_table(deviating)
    assert said in recall_table(deviating, tiny_experiment(deviating), "amstertime")


def test_what_it_costs_stands_on_the_page_and_in_the_markdown(scored: Layout) -> None:
    folder = scored.recall_report("amstertime", "demo")
    cost = read_json(folder / "cost.json")
    section = page(folder).partition("<h2>What it costs</h2>")[2].partition("</section>")[0]
    shown = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", section))
    assert list(shown) == [
        "Parameters", "Arithmetic", "Descriptor", "Describing", "A single query", "Searching for it",
    ]  # fmt: skip
    assert shown["Parameters"] == f"{cost['parameters'] / 1e6:.1f} million"
    assert shown["A single query"].startswith(f"{cost['query_ms']:.0f} ms to read and describe")
    assert re.fullmatch(r"[\d.e+-]+ ms, exactly, among 6 images on the processor", shown["Searching for it"])
    lines = markdown(folder).partition("## What it costs")[2].partition("##")[0]
    assert all(f"| {name} | {value} |" in lines for name, value in shown.items())


def test_the_leaderboard_gets_costs_and_the_p_value_against_the_best(scored: Layout, tmp_path: Path) -> None:
    shutil.copytree(scored.root, tmp_path / "data")
    layout = Layout(tmp_path / "data")
    best, worse = (layout.recall_report("amstertime", name) for name in ("demo", "worse"))
    shutil.copytree(best, worse)
    hits = load_outcomes(best)
    ranks = np.array([0, 9, 9, 9, 9, 9])
    save_outcomes(worse, Outcomes(hits.queries, hits.places, ranks, hits.similarities))
    stored = read_json(worse / "recall.json")
    write_json(worse / "recall.json", {**stored, "name": "worse", "recall_at": {**stored["recall_at"], "1": 1 / 6}})
    manifest = read_manifest(best)
    assert manifest is not None
    rows = {row.experiment: row for row in collect_rows(layout, {worse: manifest, best: manifest}) if not row.of}
    cost = json.loads((best / "cost.json").read_text())
    for row in rows.values():
        assert (row.parameters, row.gflops, row.images_per_s) == (
            cost["parameters"], cost["gflops"], cost["images_per_s"],
        )  # fmt: skip
        assert min(row.parameters, row.gflops, row.images_per_s) > 0
    assert rows["demo"].against_best == ""
    found = compare(ranks < 1, np.ones(PAIRS, dtype=bool), hits.places)
    assert 0 < found.p_value < 0.5
    assert rows["worse"].against_best == f"{points(-5 / 6)} (p = {found.p_value:.2g}): {found.verdict}"
