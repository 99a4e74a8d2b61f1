"""W&B logs where it can and never stands in the way."""

import logging
import os
import subprocess
import sys
import time
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from gsv_pipeline.tracking import NullTracker, Trackers
from gsv_pipeline.tracking import wandb_run as module
from gsv_pipeline.tracking.wandb_run import WandbTracker, choose_mode, wandb_run

RUN = """
import sys
from pathlib import Path
from gsv_pipeline.tracking import NullTracker
from gsv_pipeline.tracking.wandb_run import wandb_run
class Said(NullTracker):
    def message(self, text):
        print(text, flush=True)
folder = Path(sys.argv[1])
with wandb_run(Said(), run_id="train-1", experiment="demo", job_type="train", config={"seed": 1}, folder=folder) as run:
    run.log({"train/loss": 0.5}, 5)
    run.table("recall", ["method", "R@1"], [["demo", 0.8]])
    (folder / "model.txt").write_text("weights")
    run.artifact("demo-model", folder / "model.txt", "model")
    print("worked")
"""


class Said(NullTracker):
    def __init__(self):
        self.messages = []

    def message(self, text):
        self.messages.append(text)


class FakeRun:
    """A run that notes its calls and may fail at any of them."""

    def __init__(self, *, fails=()):
        self.calls, self.fails = [], fails

    def _note(self, name, *args, **kwargs):
        self.calls.append((name, args, kwargs))
        if name in self.fails:
            raise ConnectionError("the service is gone")

    def __getattr__(self, name):
        return lambda *args, **kwargs: self._note(name, *args, **kwargs)

    def named(self, name):
        return [call[1:] for call in self.calls if call[0] == name]


class FakeArtifact:
    def __init__(self, name, type):
        self.name, self.type, self.added = name, type, []

    def add_file(self, path):
        self.added.append(("file", path))

    def add_dir(self, path):
        self.added.append(("dir", path))


@pytest.fixture
def fake(monkeypatch):
    """A `wandb` package whose `init` gives a FakeRun."""
    run = FakeRun()
    package = SimpleNamespace(
        run=run,
        started=[],
        Settings=lambda **kwargs: kwargs,
        Table=lambda columns, data: (columns, data),
        Artifact=FakeArtifact,
        setup=lambda: SimpleNamespace(settings=SimpleNamespace(base_url="http://127.0.0.1:9")),
    )
    package.init = lambda **kwargs: package.started.append(kwargs) or package.run
    monkeypatch.setitem(sys.modules, "wandb", package)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    return package


def start(tracker, folder):
    return wandb_run(
        tracker, run_id="train-1", experiment="demo", job_type="train", config={"seed": 1}, folder=folder / "wandb"
    )


def run_for_real(folder, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WANDB", "NETRC"))}
    surroundings = {**kept, "HOME": str(folder), "WANDB_SILENT": "true", **environment}
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(folder / "wandb")],
        env=surroundings,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), time.monotonic() - started


@pytest.mark.parametrize(
    ("environment", "mode"),
    [
        ({}, "offline"),
        ({"WANDB_API_KEY": "k"}, "online"),
        ({"WANDB_API_KEY": "k", "WANDB_MODE": "offline"}, "offline"),
        ({"WANDB_MODE": "disabled"}, "disabled"),
    ],
)
def test_a_run_is_offline_unless_a_key_is_present(monkeypatch, tmp_path, environment, mode):
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert choose_mode() == mode


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("machine api.wandb.ai login user password key\n", "online"),
        ("machine example.org login user password key\n", "offline"),
        ("this is no netrc file at all\n", "offline"),
    ],
)
def test_a_key_may_stand_in_netrc(monkeypatch, tmp_path, text, mode):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".netrc").write_text(text)
    (tmp_path / ".netrc").chmod(0o600)
    assert choose_mode() == mode


def test_an_offline_run_leaves_its_files(tmp_path):
    said, _ = run_for_real(tmp_path)
    assert said == ["worked"]
    folders = list((tmp_path / "wandb" / "wandb").glob("offline-run-*-train-1"))
    assert len(folders) == 1
    assert (folders[0] / "run-train-1.wandb").stat().st_size > 500
    assert list(folders[0].glob("files/media/table/recall*.json"))


def test_a_service_that_does_not_answer_costs_seconds_and_the_run_is_kept_offline(tmp_path):
    said, seconds = run_for_real(
        tmp_path, WANDB_BASE_URL="http://127.0.0.1:9", WANDB_API_KEY="x" * 40, WANDB_MODE="online"
    )
    assert said[0].startswith("W&B at http://127.0.0.1:9 does not answer; logging offline to ")
    assert said[1:] == ["worked"]
    assert list((tmp_path / "wandb" / "wandb").glob("offline-run-*-train-1"))
    assert seconds < 20  # W&B alone would try for half a minute


def test_a_run_is_told_beside_the_other_trackers(fake, tmp_path):
    said = Said()
    with start(said, tmp_path) as run:
        run.message("Training")
        run.log({"train/loss": 0.5}, 5)
    assert said.messages == ["Training"]
    assert fake.run.named("log") == [(({"step": 5, "train/loss": 0.5},), {})]
    assert fake.run.named("finish") == [((), {"exit_code": 0})]
    started = fake.started[0]
    assert (started["id"], started["group"], started["job_type"], started["config"]) == (
        "train-1",
        "demo",
        "train",
        {"seed": 1},
    )
    assert (started["mode"], started["resume"], started["dir"]) == ("offline", None, str(tmp_path / "wandb"))


def test_an_online_run_is_resumed_under_its_id(fake, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setattr(module, "_answers", lambda url: True)
    with start(Said(), tmp_path):
        pass
    assert (fake.started[0]["mode"], fake.started[0]["resume"]) == ("online", "allow")


def test_an_online_run_that_cannot_reach_its_service_goes_on_offline(fake, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "online")
    said = Said()
    with start(said, tmp_path) as run:
        run.log({"demo_val/R@1": 0.8}, 3)
    assert said.messages[0].startswith("W&B at http://127.0.0.1:9 does not answer; logging offline to")
    assert (fake.started[0]["mode"], fake.started[0]["resume"]) == ("offline", None)
    assert len(fake.run.named("log")) == 1


def test_an_address_is_asked_once_and_a_proxy_is_trusted(monkeypatch):
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    asked = []
    monkeypatch.setattr(
        module.socket, "create_connection", lambda address, timeout: asked.append(address) or nullcontext()
    )
    assert module._answers("https://api.wandb.ai")
    assert module._answers("http://localhost:8080")
    assert asked == [("api.wandb.ai", 443), ("localhost", 8080)]
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    assert module._answers("https://nowhere.invalid")
    assert len(asked) == 2


def test_a_failing_stage_marks_its_run_and_its_error_goes_on(fake, tmp_path):
    with pytest.raises(RuntimeError, match="loss"), start(Said(), tmp_path):
        raise RuntimeError("the loss is not finite")
    assert fake.run.named("finish") == [((), {"exit_code": 1})]


def test_a_run_that_fails_in_the_middle_never_reaches_the_stage(fake, tmp_path, caplog):
    fake.run.fails = ("log", "log_artifact", "finish")
    with caplog.at_level(logging.WARNING), start(Said(), tmp_path) as run:
        run.log({"train/loss": 0.5}, 5)
        run.table("recall", ["method"], [["demo"]])
        run.artifact("model", tmp_path, "model")
    assert caplog.text.count("W&B failed and is left out: the service is gone") == 4


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionError("no route to host\nmore"), "W&B is not available (no route to host); going on without it"),
        (ValueError(), "W&B is not available (ValueError); going on without it"),
    ],
)
def test_a_run_that_cannot_start_is_said_and_left_out(fake, tmp_path, error, words):
    def fail(**_):
        raise error

    fake.init = fail
    said = Said()
    with start(said, tmp_path) as run:
        assert run is said
    assert said.messages == [words]


def test_a_folder_that_cannot_be_made_is_said_and_left_out(fake, tmp_path):
    (tmp_path / "wandb").touch()
    said = Said()
    with start(said, tmp_path) as run:
        assert run is said
    assert "W&B is not available" in said.messages[0]


def test_without_wandb_installed_a_stage_works_in_silence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    monkeypatch.setenv("WANDB_MODE", "offline")
    said = Said()
    with start(said, tmp_path) as run:
        assert run is said
    assert said.messages == []
    assert not (tmp_path / "wandb").exists()


def test_disabled_means_not_even_imported(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    said = Said()
    with start(said, tmp_path) as run:
        assert run is said
    assert not (tmp_path / "wandb").exists()


def test_every_fifth_training_step_and_every_validation_is_logged():
    run = FakeRun()
    tracker = WandbTracker(run)
    for step in range(1, 11):
        tracker.log({"train/loss": 0.5, "train/rate": 0.1}, step)
    tracker.log({"train/loss": 0.5, "demo_val/R@1": 0.8}, 11)
    assert [args[0]["step"] for args, _ in run.named("log")] == [5, 10, 11]


def test_files_and_folders_become_artifacts(fake, tmp_path):
    (tmp_path / "page.html").touch()
    with start(NullTracker(), tmp_path) as run:
        assert isinstance(run, Trackers)
        run.artifact("report", tmp_path / "page.html", "report")
        run.artifact("model", tmp_path, "model")
        run.table("recall", ["method", "R@1"], iter([("demo", 0.8)]))
    artifacts = [args[0] for args, _ in fake.run.named("log_artifact")]
    assert [item.added for item in artifacts] == [[("file", str(tmp_path / "page.html"))], [("dir", str(tmp_path))]]
    assert fake.run.named("log") == [(({"recall": (["method", "R@1"], [["demo", 0.8]])},), {})]
