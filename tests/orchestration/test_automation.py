"""Schedules, sensors and what they ask for: evaluated at will, and their runs executed."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from assets import automation
from assets.benchmarks import is_compared
from assets.definitions import ASSETS, defs
from assets.embeddings import EMBEDDINGS_ASSETS
from assets.faiss_index import INDEX_ASSETS
from assets.recall_report import REPORT_ASSETS
from assets.run_requests import new_checkpoints, rebenchmark_requests, revalidate_requests
from gsv_pipeline import stages
from gsv_pipeline.acceptance import accept
from gsv_pipeline.audits import AUDITS
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest
from gsv_pipeline.tracking import NullTracker
from tests.orchestration.conftest import resources
from tests.tiny import TINY_TRAINING, tiny_experiment

REPOSITORY = Path(__file__).resolve().parents[2]
SUNDAY = datetime(2026, 11, 22, 3, tzinfo=UTC)
WEEKLY, MONTHLY = automation.rebenchmark_weekly, automation.revalidate_monthly
SENSOR = automation.benchmark_new_checkpoint
BENCHMARKS = ("demo_val", "demo_test")


@pytest.fixture(autouse=True)
def _disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")


@pytest.fixture
def tiny_demo_yaml(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are asked for with the settings of the YAML: the experiment `demo` is the tiny one everywhere."""
    monkeypatch.setattr("assets.run_requests.load_experiment", lambda layout, name: tiny_experiment(layout))


def shown(request: dg.RunRequest) -> set[str]:
    return {key.to_user_string() for key in request.asset_selection or ()}


def execute(schedule: str, request: dg.RunRequest, layout: Layout, instance: dg.DagsterInstance) -> Any:
    """Run what was asked for, in this process and over another data root."""
    job = defs.resolve_job_def(f"__anonymous_asset_job_{schedule}").get_subset(
        asset_selection=set(request.asset_selection or ())
    )
    pipeline = {"config": {"data_root": str(layout.root), "overrides": list(TINY_TRAINING)}}
    return job.execute_in_process(
        partition_key=request.partition_key,
        run_config={**request.run_config, "resources": {"pipeline": pipeline}},
        instance=instance,
        raise_on_error=False,
    )


def metadata_of(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    made = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    return {
        item.asset_key.to_user_string(): {name: value.value for name, value in item.metadata.items()} for item in made
    }


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def test_everything_is_off_until_it_is_switched_on_and_says_what_it_does() -> None:
    schedules, sensors = automation.SCHEDULES, automation.SENSORS

    assert [item.default_status for item in schedules] == [dg.DefaultScheduleStatus.STOPPED] * 2
    assert [item.default_status for item in sensors] == [dg.DefaultSensorStatus.STOPPED] * 2
    assert {item.execution_timezone for item in schedules} == {"UTC"}
    assert all("UTC" in (item.description or "") for item in schedules)
    assert all(len(item.description or "") > 80 for item in sensors)
    assert {item.name for item in defs.schedules or []} == {"rebenchmark_weekly", "revalidate_monthly"}
    assert {item.name for item in defs.sensors or []} == {"benchmark_new_checkpoint", "report_incident"}


def test_reports_are_fresh_for_a_week_and_the_regression_gate_blocks() -> None:
    reports = [asset for asset in ASSETS if asset.key.path[0] == "recall_report"]

    assert len(reports) == len(REPORT_ASSETS) > 0
    for asset in reports:
        (spec,) = asset.specs
        if not is_compared(asset.key.path[1]):
            assert spec.freshness_policy is None  # no schedule keeps it fresh
            continue
        policy = spec.freshness_policy
        assert isinstance(policy, dg.FreshnessPolicy)
        assert policy.warn_window.to_timedelta() == timedelta(days=8)  # type: ignore[attr-defined]
        assert policy.fail_window.to_timedelta() == timedelta(days=15)  # type: ignore[attr-defined]
    assert AUDITS["recall_report"].questions["not_worse"].blocking
    gates = [spec for check in defs.asset_checks or [] for spec in check.check_specs if spec.name == "not_worse"]  # type: ignore[union-attr]
    assert len(gates) == len(reports)
    assert all(spec.blocking for spec in gates)


def test_accepted_experiments_are_asked_for_again_on_all_benchmarks_that_are_there(chain_layout: Layout) -> None:
    assert rebenchmark_requests(chain_layout, SUNDAY) == []
    accept(chain_layout, tiny_experiment(chain_layout), benchmarks=["demo_test"], reason="good")
    gone = chain_layout.accepted("demo_test", "no_longer_there")
    shutil.copy(chain_layout.accepted("demo_test", "demo"), gone)

    (request,) = rebenchmark_requests(chain_layout, SUNDAY)

    steps = ("benchmark", "embeddings", "faiss_index", "recall_report")
    assert shown(request) == {f"{step}/{name}" for step in steps for name in BENCHMARKS} | {"leaderboard"}
    assert request.partition_key == "demo"
    assert request.run_key == "2026-11-22T03:00:00+00:00 demo"
    assert {name: item["config"]["recompute"] for name, item in request.run_config["ops"].items()} == {
        f"{step}__{name}": True for step in steps[1:] for name in BENCHMARKS
    }


def test_what_was_described_in_other_settings_is_described_in_them_again(chain_layout: Layout) -> None:
    accept(chain_layout, tiny_experiment(chain_layout), reason="good")
    path = chain_layout.embeddings("demo_test", "demo") / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["config"] |= {"precision": "bf16-mixed", "skip_broken": True}
    path.write_text(json.dumps(manifest))

    (request,) = rebenchmark_requests(chain_layout, SUNDAY)

    expected = {"recompute": True, "precision": "bf16", "skip_broken": True}
    assert request.run_config["ops"]["embeddings__demo_test"]["config"] == expected
    expected = {"recompute": True, "precision": "float32", "skip_broken": False}
    assert request.run_config["ops"]["embeddings__demo_val"]["config"] == expected


def test_a_benchmark_that_was_defined_since_the_definitions_were_loaded_is_left_out(chain_layout: Layout) -> None:
    accept(chain_layout, tiny_experiment(chain_layout), reason="good")
    chain_layout.benchmarks().mkdir()
    folder = chain_layout.dataset("demo")
    (chain_layout.benchmarks() / "walk.yaml").write_text(f"database: {folder}\nqueries: {folder}\n")

    (request,) = rebenchmark_requests(chain_layout, SUNDAY)

    assert not [key for key in shown(request) if "walk" in key]


def test_a_benchmark_again_makes_everything_after_the_checkpoint_and_compares_the_answers(
    chain_layout: Layout, instance: dg.DagsterInstance
) -> None:
    experiment = tiny_experiment(chain_layout)
    for name in BENCHMARKS:  # so that the stored report says of which model it is
        stages.evaluate(chain_layout, experiment, name, tracker=NullTracker(), force=True)
    accept(chain_layout, experiment, reason="good")
    before = {name: read_manifest(chain_layout.recall_report(name, "demo")) for name in BENCHMARKS}
    checkpoint = read_manifest(chain_layout.checkpoint("demo"))
    (request,) = rebenchmark_requests(chain_layout, SUNDAY)

    result = execute("rebenchmark_weekly", request, chain_layout, instance)

    made = metadata_of(result)
    assert result.success
    assert {key for key, item in made.items() if not item["cached"]} == {
        f"{step}/{name}" for step in ("embeddings", "faiss_index", "recall_report") for name in BENCHMARKS
    } | ({"leaderboard"} if not made["leaderboard"]["cached"] else set())
    for name, manifest in before.items():
        report = made[f"recall_report/{name}"]
        assert manifest is not None
        assert report["compared_with"] == manifest.created
        assert (report["other_first_answers"], report["other_answers"], report["R@1 change"]) == (0, 0, 0.0)
        found = read_manifest(chain_layout.recall_report(name, "demo"))
        assert found is not None
        assert found.data_version == manifest.data_version
        assert found.provenance["dagster_run"] == result.run_id
    assert read_manifest(chain_layout.checkpoint("demo")) == checkpoint
    said = [entry.user_message for entry in instance.all_logs(result.run_id)]
    assert [line for line in said if "every answer to its 8 queries is as on" in line]


def test_a_second_look_on_another_machine_tells_what_has_changed(chain_layout: Layout) -> None:
    experiment = tiny_experiment(chain_layout)
    stages.evaluate(chain_layout, experiment, "demo_test", tracker=NullTracker(), force=True)
    folder = chain_layout.recall_report("demo_test", "demo")
    elsewhere = np.load(folder / "predictions.npy")
    elsewhere[0] = elsewhere[0, ::-1]
    np.save(folder / "predictions.npy", elsewhere)

    result = stages.evaluate(chain_layout, experiment, "demo_test", tracker=NullTracker(), force=True)

    assert result.metadata["other_first_answers"] == 1
    assert result.metadata["other_answers"] == 1
    assert result.metadata["similarity_change"] == 0


def test_another_model_is_not_compared_with_the_one_before(chain_layout: Layout) -> None:
    experiment = tiny_experiment(chain_layout)
    stages.evaluate(chain_layout, experiment, "demo_test", tracker=NullTracker(), force=True)
    path = chain_layout.recall_report("demo_test", "demo") / "manifest.json"
    path.write_text(path.read_text().replace('"model": "', '"model": "other'))

    result = stages.evaluate(chain_layout, experiment, "demo_test", tracker=NullTracker(), force=True)

    assert result.metadata["model"]
    assert "compared_with" not in result.metadata


def test_every_data_set_that_is_there_is_decoded_in_full(tiny_layout: Layout, instance: dg.DagsterInstance) -> None:
    assert revalidate_requests(Layout(tiny_layout.root / "nowhere"), SUNDAY) == []
    (request,) = revalidate_requests(tiny_layout, SUNDAY)
    before = read_manifest(tiny_layout.catalog("demo"))

    result = execute("revalidate_monthly", request, tiny_layout, instance)

    found = read_manifest(tiny_layout.catalog("demo"))
    assert result.success
    assert shown(request) == {"catalog/demo"}
    assert before is not None
    assert found is not None
    assert (before.config["look"], found.config["look"]) == ("quick", "full")
    assert found.data_version == before.data_version


def test_a_full_look_finds_an_image_that_decayed_on_disk(tiny_layout: Layout, instance: dg.DagsterInstance) -> None:
    (request,) = revalidate_requests(tiny_layout, SUNDAY)
    execute("revalidate_monthly", request, tiny_layout, instance)
    image = min(path for path in (tiny_layout.dataset("demo") / "Images").rglob("*") if path.is_file())
    content, status = bytearray(image.read_bytes()), image.stat()
    middle = len(content) // 2
    content[middle : middle + 60] = b"\xff\xd0" * 30
    image.write_bytes(content)
    os.utime(image, ns=(status.st_atime_ns, status.st_mtime_ns))  # as a disk does it

    result = execute("revalidate_monthly", request, tiny_layout, instance)

    assert metadata_of(result)["catalog/demo"]["quarantined"] == 1


def evaluate(sensor: dg.SensorDefinition, cursor: str | None, instance: dg.DagsterInstance) -> dg.SensorResult:
    with dg.build_sensor_context(instance=instance, cursor=cursor, definitions=defs) as context:
        result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    return result


@pytest.mark.usefixtures("tiny_demo_yaml")
def test_a_checkpoint_is_benchmarked_once_for_each_version(
    chain_layout: Layout, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> None:
    monkeypatch.setattr(automation, "LAYOUT", chain_layout)
    manifest = read_manifest(chain_layout.checkpoint("demo"))
    assert manifest is not None

    first = evaluate(SENSOR, None, instance)
    second = evaluate(SENSOR, first.cursor, instance)
    stages.train(
        chain_layout, tiny_experiment(chain_layout, "seed=9"), tracker=NullTracker(), restart=True
    )  # the tiny YAML says another seed: it cannot be benchmarked as the YAML says
    third = evaluate(SENSOR, second.cursor, instance)

    (request,) = first.run_requests or []
    assert request.run_key == f"demo-{manifest.data_version}"
    assert request.partition_key == "demo"
    assert "recall_report/demo_test" in shown(request)
    assert not shown(request) & {"checkpoint", "places"}
    assert not second.run_requests
    assert second.skip_reason.skip_message == "1 checkpoints, none of them new."
    assert not third.run_requests
    assert "checkpoint/demo is not benchmarked: it was made by another configuration (seed" in str(
        third.skip_reason.skip_message
    )


@pytest.mark.usefixtures("tiny_demo_yaml")
def test_a_new_version_of_a_checkpoint_is_new(chain_layout: Layout) -> None:
    known = new_checkpoints(chain_layout, {}).known

    assert new_checkpoints(chain_layout, known).requests == []
    (request,) = new_checkpoints(chain_layout, {"demo": "an older one"}).requests
    assert request.run_key == f"demo-{known['demo']}"


def test_a_damaged_checkpoint_is_none_and_stops_nobody(chain_layout: Layout) -> None:
    (chain_layout.checkpoint("demo") / "manifest.json").write_text("{")

    assert new_checkpoints(chain_layout, {}).known == {}


def test_without_data_nothing_is_asked_for_and_the_reason_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> None:
    monkeypatch.setattr(automation, "LAYOUT", Layout(tmp_path))
    with dg.build_schedule_context(instance=instance, scheduled_execution_time=SUNDAY) as context:
        told = [schedule(context) for schedule in (WEEKLY, MONTHLY)]
    with dg.build_sensor_context(instance=instance, definitions=defs) as context:
        told.append(SENSOR(context))

    assert all(isinstance(item, dg.SkipReason) for item in told)
    assert "gsv-pipeline accept" in str(told[0].skip_message)
    assert all(str(tmp_path) in str(item.skip_message) for item in told)


def test_a_tick_asks_dagster_for_runs_that_it_accepts(
    chain_layout: Layout, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> None:
    accept(chain_layout, tiny_experiment(chain_layout), reason="good")
    monkeypatch.setattr(automation, "LAYOUT", chain_layout)
    repository = defs.get_repository_def()

    ticks = {}
    for schedule in automation.SCHEDULES:
        with dg.build_schedule_context(
            instance=instance, scheduled_execution_time=SUNDAY, repository_def=repository
        ) as context:
            ticks[schedule.name] = schedule.evaluate_tick(context)

    (weekly,), (monthly,) = (ticks[name].run_requests for name in ("rebenchmark_weekly", "revalidate_monthly"))
    assert weekly.tags["dagster/partition"] == "demo"
    assert weekly.tags["dagster/schedule_name"] == "rebenchmark_weekly"
    assert "dagster/partition" not in monthly.tags


def test_the_jobs_of_shells_make_the_same_as_the_schedules_of_what_is_there(tiny_demo: Path) -> None:
    code = (
        "import json; from assets.definitions import defs\n"
        "jobs = {name: defs.resolve_job_def(name) for name in ('rebenchmark', 'revalidate')}\n"
        "print(json.dumps({name: [job.run_config, job.tags.get('gsv/recompute')] for name, job in jobs.items()}))"
    )
    environment = {**os.environ, "GSV_DATA_ROOT": str(tiny_demo), "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)

    jobs = json.loads(done.stdout)
    assert jobs["revalidate"] == [{"ops": {"catalog__demo": {"config": {"look": "full"}}}}, None]
    assert jobs["rebenchmark"] == [None, "true"]


def test_a_run_with_the_tag_makes_everything_again_too(chain_layout: Layout, instance: dg.DagsterInstance) -> None:
    made = [EMBEDDINGS_ASSETS["demo_test"], INDEX_ASSETS["demo_test"], REPORT_ASSETS["demo_test"]]

    results = [
        dg.materialize(
            made, instance=instance, partition_key="demo", resources=resources(chain_layout.root), tags=dict(tags)
        )
        for tags in ((), (("gsv/recompute", "true"),))
    ]

    cached = [{key: item["cached"] for key, item in metadata_of(result).items()} for result in results]
    assert cached == [dict.fromkeys(cached[0], True), dict.fromkeys(cached[0], False)]
    assert len(cached[0]) == 3
