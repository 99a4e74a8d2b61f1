"""What `gsv-pipeline leaderboard` prints: experiments side by side, baselines once."""

import json
import shutil
from pathlib import Path

import pytest

from gsv_pipeline.layout import Layout
from gsv_pipeline.reports.closing import closing_table

REST = "untrained model|colour histogram|grey thumbnail"


def change_json(path: Path, **given: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **given}))


@pytest.fixture
def layout(chain_layout: Layout) -> Layout:
    """With a second experiment on `demo_test`, which finds nothing, and whose baselines are those of the first."""
    folder = chain_layout.recall_report("demo_test", "second")
    shutil.copytree(chain_layout.recall_report("demo_test", "demo"), folder)
    zero = {str(k): 0.0 for k in range(1, 26)}
    change_json(folder / "recall.json", name="second", recall_at=zero)
    change_json(folder / "manifest.json", key="recall_report/demo_test/second")
    return chain_layout


def names(table: str) -> list[str]:
    """The first column."""
    return [line.split("  ")[0] for line in table.splitlines()]


def test_experiments_on_one_benchmark_stand_in_one_table_the_best_last(layout: Layout) -> None:
    validation, test = closing_table(layout).split("\n\n")

    assert validation.startswith("demo_val: within 25 m")
    assert names(test)[3:8] == [*REST.split("|"), "second", "demo"]
    reports = [line for line in test.splitlines() if line.startswith("Report: ")]
    assert reports == [
        f"Report: {layout.recall_report('demo_test', name) / 'report.html'}" for name in ("second", "demo")
    ]


def test_a_baseline_that_differs_between_experiments_says_whose_it_is(layout: Layout) -> None:
    path = layout.recall_report("demo_test", "second") / "baselines.json"
    found = json.loads(path.read_text())
    first = next(item for item in found if item["name"] == "untrained")
    first["recall_at"] = dict.fromkeys(first["recall_at"], 0.5)
    path.write_text(json.dumps(found))

    _, test = closing_table(layout).split("\n\n")

    assert names(test)[3:7] == [
        "untrained model of second", "untrained model of demo", "colour histogram", "grey thumbnail",
    ]  # fmt: skip


def test_without_a_report_it_says_what_to_run(tmp_path: Path) -> None:
    told = closing_table(Layout(tmp_path))

    assert "gsv-pipeline evaluate BENCHMARK --experiment NAME" in told
    assert "make demo" in told
