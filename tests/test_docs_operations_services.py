"""Web server and daemon as docs/operations.md has them: `make serve`, units of systemd, schedules and sensors."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from tests.dagster_home import REPOSITORY, make_home, shell
from tests.docs_commands import assert_all_run, to_type
from tests.graphql import ask
from tests.pictures.pages import DOCS, Typed
from tests.pictures.reader import parse
from tests.ports import answers, free_port, listening_addresses
from tests.waiting import gone, wait_for

PAGE = "operations.md"
TEXT = (DOCS / PAGE).read_text(encoding="utf-8")
MAKEFILE = REPOSITORY / "Makefile"
SERVES = "make serve READ_ONLY=1"
RUNNER = "tests/test_docs_operations_services.py"
UNITS = sorted((DOCS / "operations").glob("*.service"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make_home(tmp_path, monkeypatch)


@pytest.mark.slow
def test_the_commands_of_services_do_what_the_page_says(home: Path) -> None:
    shutil.copy(MAKEFILE, home)
    ran = [SERVES]  # by a test of its own
    for one in (item for item in to_type() if item.page == PAGE and item.runner == RUNNER and item.text != SERVES):
        nothing_installed = f" VENV={sys.prefix} -o {sys.prefix}/.run" if one.text.startswith("make ") else ""
        shell(Typed(one.text + nothing_installed, None), home)
        ran.append(one.text)
    assert_all_run(PAGE, ran, by=__file__)
    with dg.DagsterInstance.get() as instance:
        running = {state.instigator_name for state in instance.all_instigator_state() if state.is_running}
    assert running == {"rebenchmark_weekly", "revalidate_monthly", "benchmark_new_checkpoint", "report_incident"}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_takes_the_unit_and_it_starts_what_make_serve_starts(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    (start,) = re.findall(r"^ExecStart=/srv/gsv-pipeline/.venv/bin/(.+)$", text, flags=re.MULTILINE)
    if start.startswith("dagster-webserver"):
        parse(Typed(start, None))
    assert f"/{PAGE}" in text
    assert f"(operations/{unit.name})" in TEXT
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    here = text.replace("/srv/gsv-pipeline/.venv/bin", str(Path(sys.executable).parent)).replace(
        "User=gsv", "User=root"
    )
    (tmp_path / unit.name).write_text(here.replace("/srv/gsv-pipeline", str(REPOSITORY)), encoding="utf-8")
    found = subprocess.run([analyze, "verify", tmp_path / unit.name], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert [line for line in found.stderr.splitlines() if unit.name in line] == []  # it looks at other units too


@pytest.fixture
def served(home: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`make serve READ_ONLY=1` over `home`, and its port; nothing is installed for it."""
    port = free_port()
    venv = Path(sys.prefix)
    settings = [f"VENV={venv}", f"PORT={port}"]
    command = ["make", "-f", MAKEFILE, "-C", home, "-o", f"{venv}/.run", *SERVES.split()[1:], *settings]
    with (home / "said").open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, text=True, start_new_session=True)
    yield process, port
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)


@pytest.mark.slow
def test_make_serve_shows_without_letting_anyone_act_on_loopback_alone_and_ends_as_a_whole(
    served: tuple[subprocess.Popen[str], int], home: Path
) -> None:
    process, port = served
    wait_for(lambda: process.poll() is not None or answers(port), within_s=120)
    assert process.poll() is None, (home / "said").read_text()
    permissions = ask(port, "{ permissions { permission value } }")["permissions"]
    assert not any(item["value"] for item in permissions if item["permission"].startswith(("launch", "start", "stop")))
    health = "{ instance { daemonHealth { allDaemonStatuses { healthy required } } } }"
    wait_for(lambda: all_healthy(ask(port, health)), within_s=120)
    assert listening_addresses(port) == {"127.0.0.1"}
    (daemon,) = (
        pid for pid, line in descendants(process.pid) if line.split()[1:2] == [f"{sys.prefix}/bin/dagster-daemon"]
    )
    everything = [pid for pid, _ in descendants(process.pid)]
    os.kill(daemon, signal.SIGTERM)
    assert process.wait(timeout=90) != 0
    assert all(gone(pid) for pid in everything)


def all_healthy(data: dict[str, object]) -> bool:
    statuses = data["instance"]["daemonHealth"]["allDaemonStatuses"]
    return all(item["healthy"] for item in statuses if item["required"])


def descendants(parent: int) -> list[tuple[int, str]]:
    shown = subprocess.run(["ps", "-ww", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in shown.splitlines()]
    found, above = [], {parent}
    while children := [row for row in rows if int(row[1]) in above]:
        found += [(int(pid), line) for pid, _, line in children]
        above = {int(pid) for pid, _, _ in children}
    return found
