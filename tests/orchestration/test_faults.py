"""Faults of daily life: runs at the same time, a full disk, a run that was killed, and who may reach the server."""

import errno
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import dagster as dg
import pytest

from assets.embeddings import EMBEDDINGS_ASSETS
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest
from tests.orchestration.conftest import resources
from tests.orchestration.test_child import wait_for

REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Dagster home of its own, as the repository's is set up."""
    folder = tmp_path / "home"
    folder.mkdir()
    shutil.copy(REPOSITORY / "dagster.yaml", folder)
    monkeypatch.chdir(folder)  # dagster.yaml names folders relative to it
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return folder


@pytest.mark.slow
def test_four_runs_of_one_asset_at_the_same_time_all_succeed_one_after_the_other(
    home: Path, tiny_layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GSV_DATA_ROOT", str(tiny_layout.root))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        # Dagster 1.13 makes its databases at the first use, and two processes that make them spoil each other's.
        assert instance.get_runs() == []
    definitions = ["-f", str(REPOSITORY / "tests" / "orchestration" / "one_process.py"), "-d", str(REPOSITORY)]
    look = json.dumps({"ops": {"catalog__demo": {"config": {"look": "full"}}}})
    command = [BIN / "dagster", "asset", "materialize", *definitions, "--select", "catalog/demo", "--config-json", look]

    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(4)]
    said = [process.communicate()[0] for process in running]

    assert [process.returncode for process in running] == [0] * 4, said
    with dg.DagsterInstance.from_config(str(home)) as instance:
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


def test_the_doctor_ends_a_run_that_was_killed_and_frees_the_gpu(home: Path) -> None:
    run = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", HOLDER], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    began = home / "began"
    wait_for(lambda: began.is_file() and began.read_text(), within_s=120)
    run.send_signal(signal.SIGKILL)
    run.wait()
    run_id = began.read_text()
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.get_run_by_id(run_id).status == dg.DagsterRunStatus.STARTED  # type: ignore[union-attr]
        assert instance.event_log_storage.get_concurrency_info("gpu").active_run_ids == {run_id}

    doctor = [sys.executable, "-W", "ignore", "-m", "assets.doctor"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    environment.pop("DAGSTER_HOME")  # the folder is enough, as for every other command
    done = [
        subprocess.run(doctor, env=environment, capture_output=True, text=True, check=True).stdout for _ in range(2)
    ]

    assert done == [f"ended {run_id}\n", "every run that is under way lives\n"]
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.get_run_by_id(run_id).status == dg.DagsterRunStatus.FAILURE  # type: ignore[union-attr]
        assert instance.event_log_storage.get_concurrency_info("gpu").active_run_ids == set()


def test_the_ui_is_started_without_a_host_so_it_is_on_loopback() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    (line,) = [line for line in makefile.splitlines() if "dagster dev" in line and "@" in line]

    assert "-h" not in line.split()
    assert "--host" not in line


MUTATION = """mutation { startSchedule(scheduleSelector: {repositoryName: "__repository__",
repositoryLocationName: "gsv_pipeline", scheduleName: "revalidate_monthly"}) { __typename } }"""


def ask(port: int, query: str) -> dict[str, object]:
    body = json.dumps({"query": query}).encode()
    request = Request(f"http://127.0.0.1:{port}/graphql", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=60) as answer:
        found: dict[str, object] = json.load(answer)["data"]
    return found


def listens_on(port: int) -> set[str]:
    """Addresses in hexadecimal, as the kernel lists its sockets."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = [row[1].split(":") for row in rows if row[3] == "0A"]
    return {address for address, number in listening if int(number, 16) == port}


@pytest.fixture
def read_only(home: Path, tiny_layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setenv("GSV_DATA_ROOT", str(tiny_layout.root))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    workspace = str(REPOSITORY / "workspace.yaml")
    server = subprocess.Popen(
        [BIN / "dagster-webserver", "--read-only", "-w", workspace, "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: listens_on(port), within_s=120)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=60)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/net/tcp").is_file(), reason="the kernel lists its sockets on Linux alone")
def test_a_server_for_readers_is_on_loopback_shows_everything_and_changes_nothing(read_only: int) -> None:
    shown = ask(read_only, "{ assetsOrError { ... on AssetConnection { nodes { id } } } version }")
    changed = ask(read_only, MUTATION)

    assert listens_on(read_only) == {"0100007F"}
    assert shown["version"]
    assert changed == {"startSchedule": {"__typename": "UnauthorizedError"}}
