"""dagster.yaml and the run configuration of `make demo`, read by Dagster itself."""

import re
from pathlib import Path

import dagster as dg
import pytest
import yaml

from assets.definitions import defs

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dg.DagsterInstance:
    (tmp_path / "dagster.yaml").write_text((REPOSITORY / "dagster.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    return dg.DagsterInstance.from_config(str(tmp_path))


def test_the_instance_is_quiet_and_runs_one_thing_at_a_time(instance: dg.DagsterInstance) -> None:
    assert not instance.telemetry_enabled
    assert not instance.nux_enabled
    assert instance.run_monitoring_enabled
    assert instance.get_concurrency_config().pool_config.default_pool_limit == 1
    assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 1


def test_everything_that_dagster_keeps_lies_below_one_ignored_folder(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    @dg.op
    def nothing() -> None: ...

    @dg.job
    def tiny() -> None:
        nothing()

    assert tiny.execute_in_process(instance=instance).success
    assert {path.name for path in tmp_path.iterdir()} == {"dagster.yaml", ".dagster"}
    assert ".dagster/" in (REPOSITORY / ".gitignore").read_text().split()


def test_the_run_configuration_of_the_demo_fits_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (REPOSITORY / "assets" / "demo_run.yaml").read_text()
    monkeypatch.setenv("GSV_SEED", "2")

    assert dg.validate_run_config(defs.resolve_job_def("demo"), yaml.safe_load(text))
    assert re.search(r"log_level: WARNING", text)
