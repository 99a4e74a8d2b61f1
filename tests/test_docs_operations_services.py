"""Web server and daemon as docs/operations.md has them: `make serve`, units of systemd, schedules and sensors."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from tests.dagster_home import REPOSITORY, make_home, shell
from tests.orchestration.waiting import gone, wait_for
from tests.pictures.pages import DOCS, Typed, all_typed
from tests.pictures.reader import parse

PAGE = "operations.md"
TEXT = (DOCS / PAGE).read_text(encoding="utf-8")
MAKEFILE = REPOSITORY / "Makefile"
UNITS = sorted((DOCS / "operations").glob("*.service"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make_home(tmp_path, monkeypatch)


@pytest.mark.slow
def test_schedules_and_sensors_are_switched_on_by_the_commands_of_the_page(home: Path) -> None:
    names = ("schedule start rebenchmark_weekly", "sensor start report_incident")
    for name in names:
        (start,) = (item for item in all_typed(PAGE) if item.command.startswith(f"dagster {name}"))
        shell(start, home)
    with dg.DagsterInstance.get() as instance:
        running = {state.instigator_name for state in instance.all_instigator_state() if state.is_running}
    assert running == {"rebenchmark_weekly", "report_incident"}


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
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    venv = Path(sys.prefix)
    settings = [f"VENV={venv}", f"PORT={port}", "READ_ONLY=1"]
    command = ["make", "-f", MAKEFILE, "-C", home, "-o", f"{venv}/.run", "serve", *settings]
    with (home / "said").open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, text=True, start_new_session=True)
    yield process, port
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)


def asked(port: int, query: str) -> dict[str, object]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        data=json.dumps({"query": query}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["data"]


def answers(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
def test_make_serve_shows_without_letting_anyone_act_on_loopback_alone_and_ends_as_a_whole(
    served: tuple[subprocess.Popen[str], int], home: Path
) -> None:
    process, port = served
    wait_for(lambda: process.poll() is not None or answers(port), within_s=120)
    assert process.poll() is None, (home / "said").read_text()
    permissions = asked(port, "{ permissions { permission value } }")["permissions"]
    assert not any(item["value"] for item in permissions if item["permission"].startswith(("launch", "start", "stop")))
    health = "{ instance { daemonHealth { allDaemonStatuses { healthy required } } } }"
    wait_for(lambda: all_healthy(asked(port, health)), within_s=120)
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


def listening_addresses(port: int) -> set[str]:
    """Where somebody listens on a port, from the kernel's tables."""
    found = set()
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            address, _, number = line.split()[1].partition(":")
            if int(number, 16) == port and line.split()[3] == "0A":
                words = [bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8)]
                found.add(socket.inet_ntop(family, b"".join(words)))
    return found


def descendants(parent: int) -> list[tuple[int, str]]:
    shown = subprocess.run(["ps", "-ww", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in shown.splitlines()]
    found, above = [], {parent}
    while children := [row for row in rows if int(row[1]) in above]:
        found += [(int(pid), line) for pid, _, line in children]
        above = {int(pid) for pid, _, _ in children}
    return found
