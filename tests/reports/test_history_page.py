"""The page and the Markdown of recall over time."""

from dataclasses import replace
from pathlib import Path

import pytest

from gsv_pipeline.cli import run
from gsv_pipeline.evaluation.history import append_history
from gsv_pipeline.evaluation.history_file import Drift, Entry, append_entry, read_history
from gsv_pipeline.layout import Layout
from gsv_pipeline.reports.history_figure import history_figure, letters
from gsv_pipeline.reports.history_page import (
    NO_HISTORY,
    history_markdown,
    history_page_of,
    history_rows,
    what_changed,
    write_history_page,
)
from tests.reports.pages import Page


@pytest.fixture
def drifted(chain_layout: Layout) -> Layout:
    """A history of two: the second one is worse, by another torch."""
    path = chain_layout.history("demo_test", "demo")
    (entry,) = read_history(path)
    append_entry(path, worse(entry))
    return chain_layout


def worse(entry: Entry) -> Entry:
    key = "embeddings/demo_test/demo"
    surroundings = dict(entry.steps[key].surroundings)
    packages = {**surroundings["packages"], "torch": "<9.9.9>"}
    step = replace(
        entry.steps[key], created="2027-01-01T00:00:00+00:00", surroundings={**surroundings, "packages": packages}
    )
    drift = Drift(-0.25, (-0.4, -0.1), 0.01, "worse", 3)
    recalls = {k: max(0.0, value - 0.25) for k, value in entry.recall_at.items()}
    date = "2027-01-01T00:00:09+00:00"
    return replace(entry, date=date, recall_at=recalls, steps={**entry.steps, key: step}, drift=drift)


def test_the_page_shows_every_report_with_its_cause_and_asks_for_nothing(drifted: Layout) -> None:
    page = Page(history_page_of(drifted))
    page.require_self_contained()
    assert "demo on demo_test" in page.text
    assert "demo on demo_val" in page.text
    assert "→ <9.9.9>" in page.text  # escaped in the page, since the parser gives it back
    assert "<9.9.9>" not in page.html
    assert "worse" in page.text
    assert page.text.index("2027-01-01 00:00") < page.text.index("the first one")  # the latest on top


def test_a_page_without_history_says_how_it_begins(tmp_path: Path) -> None:
    write_history_page(tmp_path / "history" / "index.html", {})
    assert "it begins with the first recall report" in Page(tmp_path / "history" / "index.html").text


def test_rows_hold_the_difference_to_the_one_before(drifted: Layout) -> None:
    first, second = history_rows(read_history(drifted.history("demo_test", "demo")))
    assert (first.difference, first.step, what_changed(first)) == (None, "", ["the first one"])
    assert second.difference == pytest.approx(second.entry.recall_at[1] - first.entry.recall_at[1])
    assert second.step.endswith("(worse)")
    assert [line.partition(":")[0] for line in what_changed(second)] == ["packages"]


def test_letters_stand_between_two_reports_that_differ(drifted: Layout) -> None:
    first, second = read_history(drifted.history("demo_test", "demo"))
    assert letters(first, second) == "P"
    assert letters(first, first) == ""
    svg = history_figure([first, second]).decode()
    assert svg.startswith("<?xml")
    assert ">P</text>" in svg
    assert "2027-01-01" in svg
    assert history_figure([first, second]) == history_figure([first, second])


def test_a_long_history_is_drawn_with_few_dates(drifted: Layout) -> None:
    first, second = read_history(drifted.history("demo_test", "demo"))
    svg = history_figure([first] * 100 + [second]).decode()
    assert svg.count(f">{first.date[:10]}</text>") <= 12


def test_the_markdown_is_a_figure_and_a_table(drifted: Layout) -> None:
    text = history_markdown(drifted, "demo", "demo_test")
    assert text.startswith("![Recall on demo_test over time](data:image/png;base64,")
    assert text.count("\n| 20") == 2
    assert history_markdown(drifted, "demo", "nowhere") == NO_HISTORY


def test_the_command_prints_the_table_and_the_page(drifted: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    root = ["--data-root", str(drifted.root)]
    append_history(drifted, "demo", "demo_val")
    assert run([*root, "history", "demo"]) == 0
    printed = capsys.readouterr().out
    assert "demo on demo_test" in printed
    assert "packages: torch" in printed
    assert printed.strip().endswith(str(drifted.history_page()))
    assert drifted.history_page().is_file()
    assert run([*root, "history", "avg_resnet50"]) == 0
    assert "There is no history of 'avg_resnet50' yet" in capsys.readouterr().out
    assert run([*root, "history", "dmeo"]) == 2
    assert "Did you mean 'demo'?" in capsys.readouterr().err
    assert run([*root, "history", "--json"]) == 0
    assert capsys.readouterr().out.lstrip().startswith("[")
