"""What the UI shows of each artifact."""

import json
from pathlib import Path

import pytest

from gsv_pipeline.layout import Layout
from gsv_pipeline.reports import summaries
from tests.tiny import tiny_experiment

PICTURE = "](data:image/"


def test_sheets_show_photographs_of_data_set_places_and_benchmark(tiny_chain: Path) -> None:
    layout = Layout(tiny_chain)
    experiment = tiny_experiment(layout)

    assert PICTURE in summaries.dataset_sheet(layout, "demo")
    assert summaries.places_sheet(layout, experiment).count("Contact sheet of 4 images") == 6  # a row per place
    assert "Contact sheet of 12 images" in summaries.benchmark_sheet(layout, "demo_test")  # 6 queries, 6 positives


def test_a_damaged_photograph_does_not_fail_a_sheet(tiny_layout: Layout) -> None:
    for path in (tiny_layout.dataset("demo") / "Images" / "Marwick").iterdir():
        path.write_bytes(b"")

    assert summaries.dataset_sheet(tiny_layout, "demo").startswith("No picture: Image")


def test_the_catalog_table_has_a_row_per_city_and_what_was_found(tiny_chain: Path) -> None:
    text = summaries.catalog_table(Layout(tiny_chain), "demo")

    assert "| Brunnhaven | 24 | 6 |" in text  # 6 places of 4 images
    assert text.count("\n| ") >= 6


def test_the_training_figure_is_a_picture_and_absent_for_imported_weights(tiny_chain: Path, tmp_path: Path) -> None:
    layout = Layout(tiny_chain)
    experiment = tiny_experiment(layout)
    imported = experiment.model_copy(update={"training": None, "weights": tmp_path / "weights.pth"})

    assert PICTURE in summaries.training_figure(layout, experiment)
    assert "imported" in summaries.training_figure(Layout(tmp_path), imported)
    assert "not trained here" in summaries.places_sheet(Layout(tmp_path), imported)


def test_recalls_stand_beside_their_baselines(tiny_chain: Path) -> None:
    layout = Layout(tiny_chain)
    experiment = tiny_experiment(layout)

    table = summaries.recall_table(layout, experiment, "demo_test")

    assert [row in table for row in ("**demo**", "untrained model", "colour histogram", "grey thumbnail")] == [True] * 4
    assert PICTURE in summaries.recall_figure(layout, experiment, "demo_test")
    assert table.startswith("**demo_test**: within 25 m, included; queries without a positive count as misses.")
    assert "Descriptors computed in float32." in table
    assert "skip-broken" not in table


def test_a_report_of_before_is_read_and_broken_images_are_counted(chain_layout: Layout) -> None:
    experiment = tiny_experiment(chain_layout)
    path = chain_layout.recall_report("demo_test", "demo") / "recall.json"
    stored = json.loads(path.read_text())

    path.write_text(json.dumps({name: value for name, value in stored.items() if name != "precision"}))
    assert "Descriptors" not in summaries.recall_table(chain_layout, experiment, "demo_test")

    path.write_text(json.dumps({**stored, "broken_images": {"queries": 2, "database": 1}}))
    told = summaries.recall_table(chain_layout, experiment, "demo_test")
    assert "let pass (--skip-broken): 1 of the database and 2 of the queries" in told


def test_the_leaderboard_has_a_table_per_benchmark(chain_layout: Layout) -> None:
    text = summaries.leaderboard_table(chain_layout)

    assert text.index("**demo_test**") < text.index("**demo_val**")
    assert text.count("**demo**") == 2
    assert text.count("**: within 25 m, included; queries without a positive count as misses.") == 2
    path = chain_layout.leaderboard() / "leaderboard.json"
    rows = [{name: row[name] for name in row if name != "variant"} for row in json.loads(path.read_text())]
    path.write_text(json.dumps(rows))  # as it was before variants stood in it
    assert "**demo_test**\n" in summaries.leaderboard_table(chain_layout)
    (chain_layout.leaderboard() / "leaderboard.json").write_text("[]")
    assert summaries.leaderboard_table(chain_layout) == "There is no recall report yet."


@pytest.mark.parametrize(
    ("items", "count", "expected"), [(range(10), 3, [0, 4, 9]), (range(2), 6, [0, 1]), ([], 4, [])]
)
def test_examples_are_spread_evenly(items: range, count: int, expected: list[int]) -> None:
    assert summaries._spread(items, count) == expected
