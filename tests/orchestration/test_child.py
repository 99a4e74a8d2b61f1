"""A command as the child of a step: real processes that succeed, refuse, fail, crash, are killed or will not stop."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event, Timer

import dagster as dg
import pytest

from assets import child
from assets.child import run_child
from assets.resources import Pipeline
from gsv_pipeline.layout import Layout
from gsv_pipeline.locks import hold
from gsv_pipeline.manifest import read_manifest
from gsv_pipeline.tracking import NullTracker
from tests.waiting import gone, wait_for

ATTEMPT = "import os, signal, sys; print('beginning', file=open(sys.argv[1], 'a'));"


@pytest.fixture(autouse=True)
def _retry_once_and_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "RETRY_AFTER_S", 0)
    monkeypatch.setattr(child, "MAX_RETRIES", 1)


class Told:
    """What a step with a child came to."""

    def __init__(self, result: dg.ExecuteInProcessResult, instance: dg.DagsterInstance) -> None:
        self.result = result
        self.log = [entry.user_message for entry in instance.all_logs(result.run_id)]
        failures = result.get_step_failure_events()
        self.failure = failures[0].step_failure_data.user_failure_data if failures else None
        made = result.get_asset_materialization_events()
        self.metadata = made[0].step_materialization_data.materialization.metadata if made else {}


def run(*command: str, artifact: Path = Path("checkpoint/demo"), terminal: str | None = None) -> Told:
    @dg.asset(key="checkpoint")
    def step(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        made = run_child(context, command, artifact=artifact, tracker=NullTracker(), terminal=terminal)
        facts = {**made.metadata, "path": str(made.artifact), "cached": made.cached}
        return dg.MaterializeResult(metadata=facts, data_version=dg.DataVersion(made.data_version))

    with dg.DagsterInstance.ephemeral() as instance:
        return Told(dg.materialize([step], instance=instance, raise_on_error=False), instance)


def python(code: str, *arguments: str | Path) -> tuple[str, ...]:
    return (sys.executable, "-c", code, *map(str, arguments))


def attempts(path: Path) -> int:
    return path.read_text().count("beginning")


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "was killed (SIGKILL), most likely by the kernel because memory ran"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "crashed (SIGSEGV). Materialized again, it goes on from the last"),
        ("os.kill(os.getpid(), 40)", "crashed (signal 40)"),
        ("sys.exit(137)", "was killed (SIGKILL)"),
        ("raise KeyError('lost')", "ended with exit status 1. Its last lines:\nTraceback (most recent call last):"),
    ],
)
def test_what_may_go_better_is_tried_again_and_then_told_as_what_it_is(end: str, said: str, tmp_path: Path) -> None:
    told = run(*python(f"{ATTEMPT} {end}", tmp_path / "attempts"))

    assert f"The process that makes checkpoint/demo {said}" in told.failure.description
    assert attempts(tmp_path / "attempts") == 2


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("sys.exit(143)", "was stopped (SIGTERM), not by Dagster. Materialized again, it goes on"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "was stopped (SIGTERM)"),
        ("sys.exit(130)", "was stopped (SIGINT)"),
        ("sys.exit(2)", "ended with exit status 2"),
    ],
)
def test_what_a_person_did_is_not_tried_again(end: str, said: str, tmp_path: Path) -> None:
    told = run(*python(f"{ATTEMPT} {end}", tmp_path / "attempts"))

    assert said in told.failure.description
    assert attempts(tmp_path / "attempts") == 1


def test_the_last_lines_are_those_of_the_process_and_not_of_dagster(capfd: pytest.CaptureFixture[str]) -> None:
    print("before", file=sys.stderr)
    code = "import os, sys; sys.stderr.write('\\n'.join(map(str, range(99))) + '\\n10%\\r20%\\n'); os.abort()"

    lines = run(*python(code)).failure.description.split("\n")

    assert lines[0].endswith("Its last lines:")
    assert "20%" in lines
    assert "98" in lines
    assert "50" not in lines
    assert not [line for line in lines if "before" in line or " - dagster - " in line]
    assert any("Fatal Python error: Aborted" in line for line in lines)  # where it crashed


def test_bad_input_is_the_sentence_of_the_command_line_and_nothing_else(tmp_path: Path) -> None:
    told = run(*Pipeline(data_root=str(tmp_path)).command("train", "dmo"))

    assert told.failure.description.startswith("Unknown experiment 'dmo'. Did you mean 'demo'?")
    assert "last lines" not in told.failure.description
    assert told.failure.metadata["error"].value == "ConfigError"
    assert told.result.get_step_failure_events()[0].step_failure_data.error.cause is None
    assert not [line for line in told.log if "Traceback" in line or "exception" in line]


def test_wrong_usage_of_the_command_is_told_too(tmp_path: Path) -> None:
    told = run(*Pipeline(data_root=str(tmp_path)).command("train"))

    assert told.failure.description == "Missing argument 'EXPERIMENT'."


def test_a_run_time_failure_keeps_its_text_and_is_tried_again(
    tiny_layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GSV_LOCK_TIMEOUT_S", "0.1")
    command = Pipeline(data_root=str(tiny_layout.root)).command("catalog", "demo", "--force")

    with hold(tiny_layout.lock(tiny_layout.catalog("demo")), key="catalog/demo", tracker=NullTracker()):
        told = run(*command)

    assert "'catalog/demo' is still being made by process" in told.failure.description
    assert told.failure.metadata["error"].value == "LockTimeoutError"
    assert len([line for line in told.log if "another run makes it" in line]) == 2


def test_the_result_and_the_messages_of_the_command_reach_the_step(tiny_layout: Layout) -> None:
    manifest = read_manifest(tiny_layout.catalog("demo"))
    assert manifest is not None

    told = run(*Pipeline(data_root=str(tiny_layout.root)).command("catalog", "demo"))

    assert told.result.success
    assert told.metadata["cached"].value is True
    assert told.metadata["images"].value == manifest.metadata["images"]
    assert told.metadata["path"].value == str(tiny_layout.catalog("demo"))
    assert any(line.startswith("catalog/demo: unchanged") for line in told.log)


def test_a_process_that_tells_nothing_has_made_what_stands_on_disk(tiny_layout: Layout) -> None:
    manifest = read_manifest(tiny_layout.catalog("demo"))
    assert manifest is not None

    told = run(*python("pass"), artifact=tiny_layout.catalog("demo"))
    nothing = run(*python("pass"), artifact=tiny_layout.catalog("nowhere"))

    assert told.metadata["images"].value == manifest.metadata["images"]
    assert "ended well, but there is no" in nothing.failure.description


def test_bars_go_to_the_terminal_that_the_step_names(tiny_layout: Layout) -> None:
    ours, theirs = pty.openpty()
    try:
        command = Pipeline(data_root=str(tiny_layout.root)).command("catalog", "demo")
        run(*command, terminal=os.ttyname(theirs))
        os.set_blocking(ours, False)
        assert b"catalog/demo: unchanged" in os.read(ours, 4096)
    finally:
        os.close(ours)
        os.close(theirs)


def test_several_processes_are_started_by_torchrun() -> None:
    command = Pipeline(data_root="/data", processes=2).command("train", "demo")

    assert command == [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
        "-m", "gsv_pipeline.cli", "--data-root", "/data", "train", "demo",
    ]  # fmt: skip


class Listening(NullTracker):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def message(self, text: str) -> None:
        self.heard.append(text)


STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(helper.pid, flush=True)
time.sleep(600)
"""


def test_a_process_that_does_not_stop_is_killed_with_its_helpers_however_often_ctrl_c_is_pressed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(child, "GRACE_S", 1.0)
    stubborn = subprocess.Popen(python(STUBBORN), stdout=subprocess.PIPE, start_new_session=True)
    assert stubborn.stdout is not None
    helper = int(stubborn.stdout.readline())
    tracker = Listening()
    inside = Event()

    def pressed(number: int, frame: object) -> None:
        if inside.is_set():
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, pressed)
    timers = [Timer(seconds, os.kill, [os.getpid(), signal.SIGINT]) for seconds in (0.25, 0.55)]
    try:
        inside.set()
        for timer in timers:
            timer.start()
        child._stop(stubborn, tracker)
        inside.clear()
        for timer in timers:
            timer.join()
    finally:
        inside.clear()
        signal.signal(signal.SIGINT, before)

    stubborn.stdout.close()
    assert stubborn.returncode == -signal.SIGKILL
    assert gone(helper)
    assert tracker.heard == [f"Cancelled. Process {stubborn.pid} has 1 s to finish its step and save it"]


# A run in this very process, as the demo is, whose step waits for a child that saves when it is asked to stop.
IN_PROCESS = """
import sys
from pathlib import Path
import dagster as dg
from assets.child import run_child
from gsv_pipeline.tracking import NullTracker
CHILD = '''
import signal, sys, time
def save(number, frame):
    open(sys.argv[1], "a").write("saved ")
    sys.exit(143)
signal.signal(signal.SIGTERM, save)
open(sys.argv[1], "a").write("began ")
time.sleep(600)
'''
@dg.asset
def step(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    command = [sys.executable, "-c", CHILD, sys.argv[1]]
    return run_child(context, command, artifact=Path("checkpoint/demo"), tracker=NullTracker())
with dg.DagsterInstance.ephemeral() as instance:
    print(dg.materialize([step], instance=instance, raise_on_error=False).success)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_step_asks_its_child_to_stop_and_is_not_tried_again(number: signal.Signals, tmp_path: Path) -> None:
    said = tmp_path / "said"
    repository = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONPATH": repository, "PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen(
        python(IN_PROCESS, said),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: said.is_file() and "began" in said.read_text(), within_s=120)

    process.send_signal(number)
    output, errors = process.communicate(timeout=120)

    assert output == "False\n"
    assert said.read_text() == "began saved "
    assert "DagsterExecutionInterruptedError" in errors
