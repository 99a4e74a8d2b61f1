"""What the UI shows of tables and groups."""

import json
from pathlib import Path

import dagster as dg
import pytest

from assets import benchmarks
from assets.benchmarks import group_of
from assets.definitions import ASSETS
from gsv_pipeline.benchmarks.data import COLUMNS as BENCHMARK_COLUMNS
from gsv_pipeline.catalog.schema import COLUMNS as CATALOG_COLUMNS
from gsv_pipeline.layout import MANIFEST, Layout
from gsv_pipeline.places.select import COLUMNS as PLACES_COLUMNS
from tests.orchestration.conftest import DemoRuns
from tests.orchestration.results import materializations

SPECS = {spec.key.to_user_string(): spec for asset in ASSETS for spec in asset.specs}


@pytest.mark.parametrize(
    ("key", "columns"),
    [
        ("catalog/demo", [column.name for column in CATALOG_COLUMNS]),
        ("places", PLACES_COLUMNS),
        ("benchmark/demo_test", BENCHMARK_COLUMNS),
    ],
)
def test_a_table_shows_its_columns_with_their_meaning(key: str, columns: list[str]) -> None:
    schema = SPECS[key].metadata["dagster/column_schema"]

    assert {column.name for column in schema.columns} == set(columns)
    assert all(column.description for column in schema.columns)


@pytest.mark.parametrize("key", ["catalog/demo", "places", "benchmark/demo_test"])
def test_a_table_shows_its_first_rows_and_how_many_there_are(demo_runs: DemoRuns, key: str) -> None:
    metadata = materializations(demo_runs.first)[key].metadata

    assert isinstance(metadata["sample"], dg.TableMetadataValue)
    assert len(metadata["sample"].records) == 5
    assert "image_id" in metadata["sample"].records[0].data
    assert int(str(metadata["dagster/row_count"].value)) >= 5


def test_benchmarks_without_images_stand_in_a_group_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(tmp_path)
    (layout.dataset("sped")).mkdir(parents=True)
    (layout.dataset("sped") / MANIFEST).touch()
    monkeypatch.setattr(benchmarks, "LAYOUT", layout)

    groups = {name: group_of(name, "index") for name in ("demo_test", "sped", "pitts30k_test")}

    assert groups == {"demo_test": "index", "sped": "index", "pitts30k_test": "not_fetched"}


def test_a_step_tells_its_stages_and_their_processes_the_run(demo_runs: DemoRuns) -> None:
    layout = Layout(demo_runs.root)
    folders = [layout.places("demo"), layout.checkpoint("demo"), layout.recall_report("demo_test", "demo")]

    runs = {json.loads((folder / MANIFEST).read_text())["provenance"]["dagster_run"] for folder in folders}

    assert runs == {demo_runs.first.run_id}
