"""A run that was killed keeps its slot of a pool for ever, unless somebody takes it away."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.events import EngineEventData

from assets import doctor


@dg.job
def anything() -> None: ...


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def process_that_ended() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def run_of(instance: dg.DagsterInstance, process: int | None) -> dg.DagsterRun:
    """A run that has begun in `process` and holds the only slot."""
    run = instance.create_run_for_job(anything, status=DagsterRunStatus.STARTED)
    if process is not None:
        instance.report_engine_event("Executing steps", run, EngineEventData.in_process(process))
    instance.event_log_storage.set_concurrency_slots("gpu", 1)
    instance.event_log_storage.claim_concurrency_slot("gpu", run.run_id, "checkpoint")
    return run


def holders(instance: dg.DagsterInstance) -> set[str]:
    return instance.event_log_storage.get_concurrency_info("gpu").active_run_ids


def status(instance: dg.DagsterInstance, run: dg.DagsterRun) -> DagsterRunStatus:
    return instance.get_run_by_id(run.run_id).status


def test_a_killed_run_is_ended_and_gives_its_slot_back(instance: dg.DagsterInstance) -> None:
    run = run_of(instance, process_that_ended())
    assert holders(instance) == {run.run_id}

    assert doctor.end_dead_runs(instance) == [run.run_id]

    assert status(instance, run) == DagsterRunStatus.FAILURE
    assert holders(instance) == set()


@pytest.mark.parametrize("process", [os.getpid(), None, 1], ids=["this", "none", "init"])
def test_a_run_that_lives_or_may_live_is_left_alone(instance: dg.DagsterInstance, process: int | None) -> None:
    run = run_of(instance, process)

    assert doctor.end_dead_runs(instance) == []

    assert status(instance, run) == DagsterRunStatus.STARTED
    assert holders(instance) == {run.run_id}


def test_a_process_of_somebody_else_counts_as_alive(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(process: int, signal: int) -> None:
        raise PermissionError

    run_of(instance, 12345)
    monkeypatch.setattr(doctor.os, "kill", refuse)

    assert doctor.end_dead_runs(instance) == []


def test_a_killed_run_that_holds_no_slot_is_ended_too(instance: dg.DagsterInstance) -> None:
    run = instance.create_run_for_job(anything, status=DagsterRunStatus.STARTED)
    instance.report_engine_event("Executing steps", run, EngineEventData.in_process(process_that_ended()))
    waiting = instance.create_run_for_job(anything, status=DagsterRunStatus.NOT_STARTED)

    assert doctor.end_dead_runs(instance) == [run.run_id]

    assert status(instance, run) == DagsterRunStatus.FAILURE
    assert status(instance, waiting) == DagsterRunStatus.NOT_STARTED


def test_outside_of_the_repository_the_doctor_says_where_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(click.ClickException, match="no dagster.yaml in .* Run this in the repository"):
        doctor.main()


def test_a_finished_run_gives_its_slot_back(instance: dg.DagsterInstance) -> None:
    run = run_of(instance, None)
    instance.report_run_failed(run)

    assert doctor.end_dead_runs(instance) == [run.run_id]
    assert holders(instance) == set()


def test_the_command_says_what_it_did(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(instance, process_that_ended())
    monkeypatch.setenv("DAGSTER_HOME", "anywhere")
    monkeypatch.setattr(doctor.dg.DagsterInstance, "get", staticmethod(lambda: instance))

    doctor.main()

    assert capsys.readouterr().out == f"ended {run.run_id}\n"
