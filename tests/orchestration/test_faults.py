"""Faults of daily life: runs at the same time, a full disk, a run that was killed, and who may reach the server."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from assets.embeddings import EMBEDDINGS_ASSETS
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest
from tests.dagster_home import BIN, ONE_PROCESS, REPOSITORY, Home
from tests.graphql import ask
from tests.orchestration.conftest import resources
from tests.ports import KERNEL_LISTS_SOCKETS, free_port, listening_addresses
from tests.waiting import wait_for


@pytest.fixture
def home(tmp_path: Path, tiny_demo: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A Dagster home of its own over a data root to read."""
    made = Home.make(tmp_path / "home", tiny_demo)
    made.enter(monkeypatch)
    return made


@pytest.mark.slow
def test_four_runs_of_one_asset_at_the_same_time_all_succeed_one_after_the_other(
    tiny_layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home.make(tmp_path / "home", tiny_layout.root)
    home.enter(monkeypatch)
    with dg.DagsterInstance.from_config(str(home.folder)) as instance:
        # Dagster 1.13 makes its databases at the first use, and two processes that make them spoil each other's.
        assert instance.get_runs() == []
    definitions = ["-f", ONE_PROCESS, "-d", REPOSITORY]
    look = json.dumps({"ops": {"catalog__demo": {"config": {"look": "full"}}}})
    command = [BIN / "dagster", "asset", "materialize", *definitions, "--select", "catalog/demo", "--config-json", look]

    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(4)]
    said = [process.communicate()[0] for process in running]

    assert [process.returncode for process in running] == [0] * 4, said
    with dg.DagsterInstance.from_config(str(home.folder)) as instance:
        runs = instance.get_runs()
        assert [run.status for run in runs] == [dg.DagsterRunStatus.SUCCESS] * 4
        for run in runs:
            (made,) = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
            assert made.dagster_event is not None
            checked = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
            assert len(checked) == 7
            assert instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_SUCCESS)
    found = read_manifest(tiny_layout.catalog("demo"))
    assert found is not None
    assert found.config["look"] == "full"


def test_a_disk_that_is_full_fails_the_run_in_words_and_keeps_what_was_there(
    chain_layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = read_manifest(chain_layout.embeddings("demo_test", "demo"))
    monkeypatch.setattr("gsv_pipeline.compose.write_embeddings", write)

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [EMBEDDINGS_ASSETS["demo_test"]],
            instance=instance,
            resources=resources(chain_layout.root),
            partition_key="demo",
            run_config={"ops": {"embeddings__demo_test": {"config": {"recompute": True}}}},
            raise_on_error=False,
        )

    (failed,) = result.get_step_failure_events()
    told = failed.step_failure_data.user_failure_data
    assert told is not None
    assert re.match(r"The disk of the data root .* is full \(\d+ MB free\)", told.description or "")
    assert read_manifest(chain_layout.embeddings("demo_test", "demo")) == before
    assert chain_layout.failure(chain_layout.embeddings("demo_test", "demo")).is_file()


# A run whose step holds the GPU's slot for as long as it lives.
HOLDER = """
import time
import dagster as dg
from pathlib import Path

@dg.asset(pool="gpu")
def checkpoint(context) -> None:
    Path("began").write_text(context.run_id)
    time.sleep(600)

with dg.DagsterInstance.get() as instance:
    dg.materialize([checkpoint], instance=instance)
"""


def test_the_doctor_ends_a_run_that_was_killed_and_frees_the_gpu(home: Home) -> None:
    run = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", HOLDER], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    began = home.folder / "began"
    wait_for(lambda: began.is_file() and began.read_text(), within_s=120)
    run.send_signal(signal.SIGKILL)
    run.wait()
    run_id = began.read_text()
    with dg.DagsterInstance.from_config(str(home.folder)) as instance:
        assert instance.get_run_by_id(run_id).status == dg.DagsterRunStatus.STARTED  # type: ignore[union-attr]
        assert instance.event_log_storage.get_concurrency_info("gpu").active_run_ids == {run_id}

    doctor = [sys.executable, "-W", "ignore", "-m", "assets.doctor"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    environment.pop("DAGSTER_HOME")  # the folder is enough, as for every other command
    done = [
        subprocess.run(doctor, env=environment, capture_output=True, text=True, check=True).stdout for _ in range(2)
    ]

    assert done == [f"ended {run_id}\n", "every run that is under way lives\n"]
    with dg.DagsterInstance.from_config(str(home.folder)) as instance:
        assert instance.get_run_by_id(run_id).status == dg.DagsterRunStatus.FAILURE  # type: ignore[union-attr]
        assert instance.event_log_storage.get_concurrency_info("gpu").active_run_ids == set()


MUTATION = """mutation { startSchedule(scheduleSelector: {repositoryName: "__repository__",
repositoryLocationName: "gsv_pipeline", scheduleName: "revalidate_monthly"}) { __typename } }"""


@pytest.fixture
def read_only(home: Home) -> Iterator[int]:
    port = free_port()
    server = subprocess.Popen(
        [BIN / "dagster-webserver", "--read-only", "-w", "workspace.yaml", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: listening_addresses(port), within_s=120)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=60)


@pytest.mark.slow
@pytest.mark.skipif(not KERNEL_LISTS_SOCKETS, reason="the kernel lists its sockets on Linux alone")
def test_a_server_for_readers_is_on_loopback_shows_everything_and_changes_nothing(read_only: int) -> None:
    shown = ask(read_only, "{ assetsOrError { ... on AssetConnection { nodes { id } } } version }")
    changed = ask(read_only, MUTATION)

    assert listening_addresses(read_only) == {"127.0.0.1"}
    assert shown["version"]
    assert changed == {"startSchedule": {"__typename": "UnauthorizedError"}}
