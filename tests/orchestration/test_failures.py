"""What goes wrong arrives as a failure with the library's text, and nothing follows it."""

import shutil
from pathlib import Path

import dagster as dg
import pytest

from assets.benchmarks import BENCHMARK_ASSETS
from assets.checks import checks_of
from assets.dataset import CATALOG_ASSETS, DATASET_ASSETS
from assets.leaderboard import leaderboard
from assets.places import places
from assets.resources import RefusingIOManager
from assets.results import explained
from assets.training import checkpoint
from gsv_pipeline.errors import DataError, TrainingError
from gsv_pipeline.layout import Layout
from tests.orchestration.conftest import resources


def materialize(*assets: object, root: Path, overrides: tuple[str, ...] = (), **options: object) -> object:
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(
            list(assets),  # type: ignore[arg-type]
            instance=instance,
            resources=resources(root, *overrides),
            raise_on_error=False,
            **options,  # type: ignore[arg-type]
        )


def failure_of(result: dg.ExecuteInProcessResult, step: str) -> dg.Failure | object:
    (event,) = [event for event in result.get_step_failure_events() if event.step_key == step]
    return event.step_failure_data.user_failure_data


def test_a_library_error_becomes_a_failure_with_its_text_and_details() -> None:
    with pytest.raises(dg.Failure) as caught, explained():
        raise DataError("Found this, expected that.", {"rows": 3})

    assert caught.value.description == "Found this, expected that."
    assert caught.value.metadata["rows"].value == 3
    assert caught.value.metadata["error"].value == "DataError"
    assert not caught.value.allow_retries


def test_a_run_time_failure_may_be_tried_again() -> None:
    with pytest.raises(dg.Failure) as caught, explained():
        raise TrainingError("The loss is nan.")

    assert caught.value.allow_retries


def test_a_bug_is_not_dressed_up() -> None:
    with pytest.raises(ZeroDivisionError), explained():
        raise ZeroDivisionError


def test_a_missing_input_fails_with_the_command_that_makes_it(tmp_path: Path) -> None:
    result = materialize(CATALOG_ASSETS["demo"], root=tmp_path)

    failure = failure_of(result, "catalog__demo")
    assert not result.success
    assert "Run: gsv-pipeline fetch demo" in failure.description
    assert failure.metadata["artifact"].value == "dataset/demo"


def test_a_data_set_that_must_be_downloaded_says_where_to_get_it(tmp_path: Path) -> None:
    config = {"ops": {"dataset__gsv_cities": {"config": {"source": "folder"}}}}
    result = materialize(DATASET_ASSETS["gsv_cities"], root=tmp_path, run_config=config)

    assert "kaggle.com" in failure_of(result, "dataset__gsv_cities").description


def test_source_arguments_come_from_the_launchpad(tmp_path: Path) -> None:
    config = {"ops": {"dataset__demo": {"config": {"arguments": {"seed": -1}}}}}

    result = materialize(DATASET_ASSETS["demo"], root=tmp_path, run_config=config)

    assert "seed is -1" in failure_of(result, "dataset__demo").description


def test_an_unknown_setting_fails_before_anything_is_done(tiny_demo: Path) -> None:
    result = materialize(places, root=tiny_demo, overrides=("training.epoch=3",), partition_key="demo")

    assert "Did you mean 'epochs'" in failure_of(result, "places").description


def test_an_unknown_partition_is_refused(tiny_demo: Path) -> None:
    with pytest.raises(dg.DagsterUnknownPartitionError):
        materialize(places, root=tiny_demo, partition_key="nobody")


def test_an_unknown_partition_tag_fails_the_step_with_the_experiments_there_are(tiny_demo: Path) -> None:
    # What `dagster job execute --tags '{"dagster/partition": "dmo"}'` does: the command line checks nothing.
    result = materialize(places, root=tiny_demo, tags={"dagster/partition": "dmo"})

    assert not result.success
    assert "Did you mean 'demo'" in failure_of(result, "places").description


def test_a_run_that_names_no_experiment_is_told_how_to(tiny_demo: Path) -> None:
    result = materialize(places, root=tiny_demo)
    assert (
        """--tags '{"dagster/partition": "demo"}'; in the UI, choose a partition"""
        in failure_of(result, "places").description
    )


def test_a_wrong_name_is_found_before_the_first_benchmark(tiny_demo: Path) -> None:
    for asset, step in ((BENCHMARK_ASSETS["demo_test"], "benchmark__demo_test"), (leaderboard, "leaderboard")):
        result = materialize(asset, root=tiny_demo, tags={"dagster/partition": "dmo"})
        assert "Did you mean 'demo'" in failure_of(result, step).description


def test_a_changed_experiment_is_refused_until_restart(chain_layout: Layout) -> None:
    changed = {"root": chain_layout.root, "overrides": ("training.epochs=1",), "partition_key": "demo"}

    refused = materialize(checkpoint, **changed)
    restarted = materialize(checkpoint, **changed, run_config={"ops": {"checkpoint": {"config": {"restart": True}}}})

    assert "training.epochs: found 2, expected 1" in failure_of(refused, "checkpoint").description
    assert restarted.success
    assert chain_layout.previous(chain_layout.checkpoint("demo")).is_dir()


def test_what_follows_a_failed_blocking_check_is_not_made(tiny_layout: Layout) -> None:
    dataset, catalog = DATASET_ASSETS["demo"], CATALOG_ASSETS["demo"]
    (tiny_layout.dataset("demo") / "Dataframes" / "Marwick.csv").unlink()
    shutil.rmtree(tiny_layout.dataset("demo") / "Images" / "Marwick")

    result = materialize(dataset, checks_of(dataset), catalog, root=tiny_layout.root)

    (failed,) = [item for item in result.get_asset_check_evaluations() if item.check_name == "expected_cities"]
    assert not result.success
    assert not failed.passed
    assert "Marwick" in failed.description
    assert result.get_step_skipped_events() or not result.asset_materializations_for_node("catalog__demo")


def test_an_experiment_that_imports_weights_needs_no_training_data(tiny_chain: Path, tmp_path: Path) -> None:
    weights = tiny_chain / "checkpoint" / "demo" / "model.safetensors"
    overrides = ("training=null", f"weights={weights}", "dataset=gsv_cities")

    result = materialize(
        places, checks_of(places), checkpoint, root=tmp_path, overrides=overrides, partition_key="demo"
    )

    assert result.success
    assert {path.name for path in tmp_path.iterdir()} == {".locks", "checkpoint"}


def test_an_asset_that_returns_a_value_fails_instead_of_pickling() -> None:
    @dg.asset
    def forgetful() -> int:
        return 3

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [forgetful], instance=instance, resources={"io_manager": RefusingIOManager()}, raise_on_error=False
        )

    assert "returned a int" in failure_of(result, "forgetful").description


def test_an_asset_that_asks_for_a_value_fails() -> None:
    manager = RefusingIOManager()

    with pytest.raises(dg.Failure, match="deps"):
        manager.load_input(dg.build_input_context())


def test_one_check_can_be_asked_alone_without_making_its_asset(tiny_layout: Layout) -> None:
    catalog = CATALOG_ASSETS["demo"]
    key = dg.AssetCheckKey(catalog.key, "ranges")
    definitions = [DATASET_ASSETS["demo"], catalog, checks_of(catalog)]

    result = materialize(*definitions, root=tiny_layout.root, selection=dg.AssetSelection.checks(key))

    assert result.success
    assert [item.check_name for item in result.get_asset_check_evaluations()] == ["ranges"]
    assert result.get_asset_materialization_events() == []
