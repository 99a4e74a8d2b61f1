"""A run that was killed keeps its slot of a pool for ever, unless somebody takes it away."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.events import EngineEventData

from assets import doctor
from tests.orchestration.runs import anything, process_that_ended, run_of


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


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


@pytest.fixture
def foreign() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with any run."""
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


@pytest.mark.skipif(not Path("/proc/stat").is_file(), reason="the kernel tells when a process began on Linux alone")
def test_a_process_that_began_after_the_run_is_not_the_run_although_it_has_its_number(
    instance: dg.DagsterInstance, foreign: subprocess.Popen[bytes]
) -> None:
    run = run_of(instance, foreign.pid, age_s=3600)
    assert holders(instance) == {run.run_id}

    assert doctor.end_dead_runs(instance) == [run.run_id]

    assert status(instance, run) == DagsterRunStatus.FAILURE
    assert holders(instance) == set()
    assert foreign.poll() is None


def test_a_run_that_has_begun_long_ago_in_a_process_that_is_older_lives(
    instance: dg.DagsterInstance, foreign: subprocess.Popen[bytes]
) -> None:
    run = run_of(instance, foreign.pid, age_s=-3600)

    assert doctor.end_dead_runs(instance) == []
    assert status(instance, run) == DagsterRunStatus.STARTED


@pytest.mark.skipif(not Path("/proc/stat").is_file(), reason="the kernel tells what has ended on Linux alone")
def test_a_process_that_was_killed_and_that_nobody_collects_is_gone(
    instance: dg.DagsterInstance, foreign: subprocess.Popen[bytes]
) -> None:
    run = run_of(instance, foreign.pid)
    foreign.kill()
    os.waitid(os.P_PID, foreign.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays in the kernel's table
    os.kill(foreign.pid, 0)

    assert doctor.end_dead_runs(instance) == [run.run_id]


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
