"""The demo job on a tiny city: what it makes, what it says, and that it does nothing twice."""

from pathlib import Path

import dagster as dg
import pytest

from gsv_pipeline.audits import AUDITS
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest
from tests.orchestration.conftest import DemoRuns
from tests.orchestration.results import DEMO_CHAIN, materializations

PICTURES = {
    "dataset/demo": "photographs",
    "places": "photographs",
    "benchmark/demo_test": "queries above their positives",
    "checkpoint": "curve",
    "recall_report/demo_test": "recall curve",
}


def data_versions(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    return {key: str((item.tags or {})["dagster/data_version"]) for key, item in materializations(result).items()}


def test_one_run_walks_the_whole_chain(demo_runs: DemoRuns) -> None:
    made = materializations(demo_runs.first)

    assert demo_runs.first.success
    assert set(made) == DEMO_CHAIN
    assert (Layout(demo_runs.root).leaderboard() / "index.html").is_file()


def test_experiments_are_recorded_with_their_partition(demo_runs: DemoRuns) -> None:
    made = materializations(demo_runs.first)

    assert made["checkpoint"].partition == "demo"
    assert made["recall_report/demo_test"].partition == "demo"
    assert made["dataset/demo"].partition is None
    assert made["leaderboard"].partition is None


def test_the_second_run_finds_everything_fresh_and_says_so(demo_runs: DemoRuns) -> None:
    made = materializations(demo_runs.second)

    assert made
    assert {key for key, item in made.items() if item.metadata["cached"].value is not True} == set()
    assert data_versions(demo_runs.second) == data_versions(demo_runs.first)


def test_the_first_run_was_not_cached_where_it_computed(demo_runs: DemoRuns) -> None:
    made = materializations(demo_runs.first)

    assert made["checkpoint"].metadata["cached"].value is False


def test_dagster_and_the_manifest_agree_on_the_data_version(demo_runs: DemoRuns) -> None:
    layout = Layout(demo_runs.root)
    report = read_manifest(layout.recall_report("demo_test", "demo"))

    assert report is not None
    assert data_versions(demo_runs.first)["recall_report/demo_test"] == report.data_version


def test_every_question_was_answered(demo_runs: DemoRuns) -> None:
    answered = {(e.asset_key.to_user_string(), e.check_name) for e in demo_runs.first.get_asset_check_evaluations()}

    expected = {
        (key, name) for key in materializations(demo_runs.first) for name in AUDITS[key.split("/")[0]].questions
    }
    assert answered == expected


def test_checks_of_an_experiment_carry_its_partition(demo_runs: DemoRuns) -> None:
    partitions = {e.asset_key.path[0]: e.partition for e in demo_runs.first.get_asset_check_evaluations()}

    assert partitions["checkpoint"] == partitions["embeddings"] == "demo"
    assert partitions["catalog"] is None


def test_a_warning_does_not_stop_the_run(demo_runs: DemoRuns) -> None:
    severities = {e.check_name: e.severity for e in demo_runs.first.get_asset_check_evaluations()}

    assert severities["beats_untrained"] == dg.AssetCheckSeverity.WARN
    assert severities["finite_loss"] == dg.AssetCheckSeverity.ERROR


@pytest.mark.parametrize(("key", "title"), PICTURES.items())
def test_the_ui_shows_a_picture(demo_runs: DemoRuns, key: str, title: str) -> None:
    value = materializations(demo_runs.first)[key].metadata[title]

    assert isinstance(value, dg.MarkdownMetadataValue)
    assert "](data:image/" in str(value.value)


def test_recall_is_a_number_that_can_be_plotted(demo_runs: DemoRuns) -> None:
    metadata = materializations(demo_runs.first)["recall_report/demo_test"].metadata

    assert isinstance(metadata["R@1"], dg.FloatMetadataValue)
    assert "| recall, % |" in str(metadata["recall"].value)
    assert Path(str(metadata["page"].value)).is_file()


def test_counts_sizes_and_places_are_shown(demo_runs: DemoRuns) -> None:
    made = materializations(demo_runs.first)

    assert made["catalog/demo"].metadata["dagster/row_count"].value == made["catalog/demo"].metadata["images"].value
    assert str(made["checkpoint"].metadata["dagster/uri"].value).startswith("file://")
    assert "wall seconds" in made["checkpoint"].metadata
    assert "| Marwick |" in str(made["catalog/demo"].metadata["cities"].value)


def test_no_value_was_pickled(demo_runs: DemoRuns) -> None:
    assert list(demo_runs.root.rglob("*.pickle")) == []
    handled = [e for e in demo_runs.first.all_events if e.event_type_value == "HANDLED_OUTPUT"]
    assert handled == []


def test_progress_and_messages_reach_the_log_of_the_run(demo_runs: DemoRuns) -> None:
    lines = [entry.user_message for entry in demo_runs.instance.all_logs(demo_runs.second.run_id)]

    assert any(line.startswith("checkpoint/demo: unchanged") for line in lines)
