"""Recall by size of descriptors: with intervals, under the variant of the benchmark, as page and Markdown."""

from pathlib import Path

from gsv_pipeline import stages
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_json
from gsv_pipeline.reports.pca_page import write_pca_report
from gsv_pipeline.tracking import NullTracker
from tests.reports.pages import Page
from tests.reports.wide import SUBJECT, reduced
from tests.tiny import tiny_experiment


def test_every_recall_has_its_interval_on_the_page_and_in_markdown(tmp_path: Path) -> None:
    write_pca_report(tmp_path, reduced(), subject=SUBJECT)
    page, rows = Page(tmp_path / "pca_report.html"), reduced()

    assert page.html.count('<span class="interval">80.1–90.3</span>') == 4 * len(rows)
    assert (
        page.section("Numbers").count(SUBJECT.sentence) == page.section("Recall by size").count(SUBJECT.sentence) == 1
    )
    text = (tmp_path / "pca_report.md").read_text(encoding="utf-8")
    assert SUBJECT.sentence in text
    recall = "87.0 (80.1–90.3)"
    assert f"| 4,096 | as they are | 100.0 | {recall} | {recall} | {recall} | {recall} |" in text


def test_descriptors_as_they_are_have_the_recalls_and_intervals_of_the_recall_report(chain_layout: Layout) -> None:
    experiment = tiny_experiment(chain_layout)
    stages.fit_pca(chain_layout, experiment, tracker=NullTracker(), sample=20)
    made = stages.report_pca(chain_layout, experiment, "demo_test", tracker=NullTracker())
    scored = read_json(chain_layout.recall_report("demo_test", "demo") / "recall.json")

    plain = next(row for row in read_json(made.artifact / "pca_report.json") if row["whitened"] is None)

    for name in ("recall_at", "interval_at"):
        assert plain[name] == {k: scored[name][k] for k in plain[name]}
    text = (made.artifact / "pca_report.md").read_text(encoding="utf-8")
    assert "demo_test: within 25 m, included; queries without a positive count as misses." in text
