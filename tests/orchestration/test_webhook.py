"""Runs that fail leave a file and tell a webhook, whatever becomes of the webhook."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from assets.definitions import defs
from assets.doctor import end_dead_runs
from assets.incidents import incident_of, layout_of
from assets.resources import Pipeline, RefusingIOManager
from gsv_pipeline.incidents import WEBHOOK_VARIABLE
from gsv_pipeline.layout import Layout
from tests.orchestration.results import report
from tests.orchestration.runs import process_that_ended, run_of
from tests.webhooks import HANG, webhook


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def nothing_there(instance: dg.DagsterInstance, tmp_path: Path) -> dg.ExecuteInProcessResult:
    """The job `train` over an empty data root."""
    return train(instance, tmp_path / "data")


def train(instance: dg.DagsterInstance, root: Path) -> dg.ExecuteInProcessResult:
    config = {"resources": {"pipeline": {"config": {"data_root": str(root)}}}}
    return defs.resolve_job_def("train").execute_in_process(
        instance=instance, partition_key="demo", run_config=config, raise_on_error=False
    )


def incidents(root: Path) -> list[dict[str, object]]:
    return [json.loads(path.read_text()) for path in sorted((root / "incidents").glob("*.json"))]


def test_a_run_of_a_shell_writes_its_incident_without_a_daemon(
    nothing_there: dg.ExecuteInProcessResult, tmp_path: Path
) -> None:
    (kept,) = incidents(tmp_path / "data")

    assert not nothing_there.success
    assert kept["run"] == nothing_there.run_id
    assert (kept["kind"], kept["job"], kept["partition"]) == ("failure", "train", "demo")
    (step,) = kept["steps"]  # type: ignore[misc]
    assert step["name"] == "places"
    assert "Run: gsv-pipeline catalog demo." in step["message"]
    assert kept["links"] == {"run": f"http://127.0.0.1:3000/runs/{nothing_there.run_id}"}


def test_every_job_has_the_hook() -> None:
    jobs = ("demo", "train", "benchmark", "rebenchmark", "revalidate")

    hooks = {name: {hook.name for hook in defs.resolve_job_def(name).hook_defs} for name in jobs}

    assert hooks == {name: {"incident"} for name in jobs}


def test_the_sensor_tells_the_webhook_and_keeps_one_file(
    nothing_there: dg.ExecuteInProcessResult,
    instance: dg.DagsterInstance,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with webhook() as server:
        monkeypatch.setenv(WEBHOOK_VARIABLE, server.url)
        monkeypatch.setenv("GSV_UI_URL", "https://dagster.example/")
        report(instance, nothing_there)

    (text,) = server.texts
    (kept,) = incidents(tmp_path / "data")
    assert text.startswith(f"gsv-pipeline: A run failed: train (demo), run {nothing_there.run_id[:8]}\n- places: ")
    assert f"run: https://dagster.example/runs/{nothing_there.run_id}" in text
    assert str(tmp_path / "data" / "incidents") in text
    assert "Steps failed: ['places']" in str(kept["message"])


@pytest.mark.parametrize("trouble", ["unreachable", "hanging", "refusing", "no address", "not set"])
def test_trouble_with_the_webhook_fails_nothing_and_the_file_is_there(
    trouble: str,
    nothing_there: dg.ExecuteInProcessResult,
    instance: dg.DagsterInstance,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patience = {"timeout_s": 0.2 if trouble == "hanging" else 20.0, "retry_after_s": 0.0}
    monkeypatch.setattr("gsv_pipeline.incidents.webhook.post.__kwdefaults__", patience)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}/"
    with webhook(*{"hanging": (HANG, HANG), "refusing": (403,)}.get(trouble, ())) as server:
        urls = {"unreachable": nobody, "no address": "hooks.example", "not set": ""}
        monkeypatch.setenv(WEBHOOK_VARIABLE, urls.get(trouble, server.url))
        report(instance, nothing_there)

    assert len(server.posts) == {"hanging": 2, "refusing": 1}.get(trouble, 0)
    (kept,) = incidents(tmp_path / "data")
    assert kept["message"]


def test_a_data_root_that_takes_no_file_is_said_and_the_webhook_is_told(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    result = train(instance, tmp_path / "file")
    with webhook() as server:
        monkeypatch.setenv(WEBHOOK_VARIABLE, server.url)
        report(instance, result)

    said = [entry.user_message for entry in instance.all_logs(result.run_id)]
    assert "The incident was not written: Not a directory." in said
    assert "incident: " not in server.texts[0]
    assert "cannot be created" in server.texts[0]


def test_a_run_that_was_killed_is_told_as_that(instance: dg.DagsterInstance) -> None:
    run = run_of(instance, process_that_ended())
    end_dead_runs(instance)
    dead = instance.get_run_by_id(run.run_id)
    assert dead is not None

    incident = incident_of(instance, dead)

    assert "The process of this run is gone: it was killed." in incident.message
    assert (incident.job, incident.partition, incident.steps) == ("anything", "", ())


def test_a_run_without_a_data_root_of_its_own_has_that_of_the_code_location(instance: dg.DagsterInstance) -> None:
    run = run_of(instance, None)

    assert layout_of(run) == Layout.find()


@dg.asset(key=["catalog", "demo"])
def broken() -> dg.MaterializeResult[None]:
    raise KeyError("lost")


@dg.asset_check(asset=broken, blocking=True)
def sound() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, description="Half of it is gone.")


@dg.asset_check(asset=broken)
def pretty() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, description="It is ugly.")


def test_a_bug_is_told_with_its_own_words_and_warnings_are_left_out(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    resources = {"pipeline": Pipeline(data_root=str(tmp_path)), "io_manager": RefusingIOManager()}
    failed = dg.materialize([broken], instance=instance, resources=resources, raise_on_error=False)
    checked = dg.materialize(
        [sound, pretty],
        instance=instance,
        resources=resources,
        raise_on_error=False,
        selection=dg.AssetSelection.checks(sound, pretty),
    )

    bug, check = (incident_of(instance, instance.get_run_by_id(run.run_id)) for run in (failed, checked))  # type: ignore[arg-type]
    assert [(item.name, item.message) for item in bug.steps] == [("catalog__demo", "KeyError: 'lost'")]
    assert [(item.name, item.message) for item in check.checks] == [("catalog/demo: sound", "Half of it is gone.")]
    assert (bug.kind, check.kind) == ("failure", "regression")
