"""W&B logs where it can and never stands in the way. The real client is in `test_wandb_online.py`."""

import sys
import threading
from types import SimpleNamespace

import pytest

from gsv_pipeline.tracking import NullTracker, Trackers, wandb_sink
from gsv_pipeline.tracking import wandb_run as module
from gsv_pipeline.tracking.files import JsonLinesTracker
from gsv_pipeline.tracking.wandb_memory import RunMemory
from gsv_pipeline.tracking.wandb_run import RunDescription, wandb_run
from gsv_pipeline.tracking.wandb_service import choose_mode, reason
from gsv_pipeline.tracking.wandb_sink import WandbTracker
from tests.loopback import Fault, loopback

FAILURE = "W&B failed (the service is gone) and may miss something; the local log has everything"


class Said(NullTracker):
    def __init__(self):
        self.messages = []

    def message(self, text):
        self.messages.append(text)


class FakeRun:
    """A run that notes its calls and may fail at any of them."""

    def __init__(self, folder, *, fails=(), error=None):
        self.calls, self.fails, self.error = [], fails, error or ConnectionError("the service is gone")
        self.dir, self.resumed, self.starting_step = str(folder / "files"), False, 0
        folder.mkdir(parents=True, exist_ok=True)

    def _note(self, name, *args, **kwargs):
        self.calls.append((name, args, kwargs))
        if name in self.fails:
            raise self.error

    def __getattr__(self, name):
        return lambda *args, **kwargs: self._note(name, *args, **kwargs)

    def named(self, name):
        return [call[1:] for call in self.calls if call[0] == name]

    @property
    def rows(self):
        return [(kwargs["step"], args[0]) for args, kwargs in self.named("log")]


class FakeArtifact:
    def __init__(self, name, type, metadata):
        self.name, self.type, self.metadata, self.added = name, type, metadata, []

    def add_file(self, path, name):
        self.added.append(("file", path, name))

    def add_dir(self, path):
        self.added.append(("dir", path))


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """A `wandb` package whose `init` gives a FakeRun."""
    package = SimpleNamespace(
        run=FakeRun(tmp_path / "offline-run-1"),
        started=[],
        Settings=lambda **kwargs: kwargs,
        Table=lambda columns, data: (columns, data),
        Image=lambda path: ("image", path),
        Artifact=FakeArtifact,
        setup=lambda: SimpleNamespace(settings=SimpleNamespace(base_url="http://127.0.0.1:9")),
        teardown=lambda: None,
    )
    package.init = lambda **kwargs: package.started.append(kwargs) or package.run
    monkeypatch.setitem(sys.modules, "wandb", package)
    for name in ("WANDB_ERROR_REPORTING", "WANDB_DATA_DIR", "GSV_TRACK_IMAGES", "RANK"):
        monkeypatch.setenv(name, "")  # so that what the code sets is taken back
        monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_MODE", "offline")
    return package


def start(tracker, folder, memory=None, **changes):
    about = {"run_id": "train-1", "experiment": "demo", "job_type": "train", "config": {"seed": 1}, **changes}
    return wandb_run(tracker, RunDescription(**about), folder=folder / "wandb", memory=memory)


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
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert choose_mode() == mode


@pytest.mark.parametrize(
    ("text", "url", "mode"),
    [
        ("machine api.wandb.ai login user password key\n", "", "online"),
        ("machine wandb.example.org login user password key\n", "https://wandb.example.org:8443", "online"),
        ("machine api.wandb.ai login user password key\n", "https://wandb.example.org", "offline"),
        ("this is no netrc file at all\n", "", "offline"),
    ],
)
def test_a_key_may_stand_in_netrc(monkeypatch, tmp_path, text, url, mode):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_BASE_URL", url)
    (tmp_path / ".netrc").write_text(text)
    (tmp_path / ".netrc").chmod(0o600)
    assert choose_mode() == mode


@pytest.mark.parametrize(("status", "there"), [(401, True), (404, True), (502, False), (503, False)])
def test_a_service_is_there_when_it_has_an_opinion(status, there):
    with loopback() as server:
        server.fail("/graphql", Fault(status=status))
        handler = server.http.RequestHandlerClass
        handler.do_POST = handler.do_GET  # the question is a POST
        assert module.answers(server.url("/")) is there
        assert server.seen[0].path == "/graphql"


def test_a_run_is_told_beside_the_other_trackers_and_described(fake, tmp_path):
    said = Said()
    with start(said, tmp_path, tags=["demo", "x" * 80]) as run:
        run.message("Training")
        run.log({"train/loss": 0.5}, 5)
    assert said.messages == ["Training"]
    assert fake.run.rows == [(5, {"step": 5, "train/loss": 0.5})]
    assert fake.run.named("finish") == [((), {"exit_code": 0})]
    started = fake.started[0]
    assert {name: started[name] for name in ("id", "group", "job_type", "config", "mode", "resume", "tags", "dir")} == {
        "id": "train-1", "group": "demo", "job_type": "train", "config": {"seed": 1}, "mode": "offline",
        "resume": "allow", "tags": ["demo", "x" * 64], "dir": str(tmp_path / "wandb"),
    }  # fmt: skip
    assert started["settings"]["disable_git"]
    assert started["settings"]["finish_timeout"] > 0


def test_every_fifth_training_step_and_every_validation_is_logged(tmp_path):
    run = FakeRun(tmp_path)
    tracker = WandbTracker(run, tell=print)
    for step in range(1, 12):
        tracker.log({"train/loss": 0.5, "train/rate": 0.1}, step)
    tracker.log({"demo_val/R@1": 0.8}, 11)
    tracker.finish(exit_code=0)
    assert [step for step, _ in run.rows] == [5, 10, 11]
    assert run.rows[-1] == (11, {"step": 11, "demo_val/R@1": 0.8})


def test_only_the_first_of_several_processes_speaks(fake, tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    said = Said()
    with start(said, tmp_path) as run:
        assert run is said
    assert not fake.started


def test_files_and_folders_become_artifacts_with_what_is_known_of_them(fake, tmp_path):
    (tmp_path / "page.html").touch()
    with start(NullTracker(), tmp_path) as run:
        assert isinstance(run, Trackers)
        run.artifact("report", tmp_path / "page.html", "report", metadata={"R@1": 0.8})
        run.artifact("model", tmp_path, "model")
        run.table("recall", ["method", "R@1"], iter([("demo", 0.8)]))
    first, second = [args[0] for args, _ in fake.run.named("log_artifact")]
    assert first.added == [("file", str(tmp_path / "page.html"), "page.html")]
    assert (first.metadata, second.metadata) == ({"R@1": 0.8}, {})
    assert second.added == [("dir", str(tmp_path))]
    assert fake.run.rows == [(0, {"recall": (["method", "R@1"], [["demo", 0.8]])})]
    assert not fake.run.named("use_artifact")


def test_offline_the_data_are_in_the_config_alone_and_online_they_are_an_input(fake, tmp_path, monkeypatch):
    data = {"places-demo": [tmp_path / "places" / "demo" / "manifest.json", tmp_path / "catalog/demo/manifest.json"]}
    with start(NullTracker(), tmp_path, data=data):
        pass
    assert not fake.run.named("use_artifact")
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setattr(module, "answers", lambda _: True)
    with start(NullTracker(), tmp_path, data=data, config={"inputs": {"places/demo": "abc"}}):
        pass
    ((artifact,), _) = fake.run.named("use_artifact")[0]
    assert (artifact.name, artifact.type) == ("places-demo", "dataset")
    assert artifact.metadata == {"inputs": {"places/demo": "abc"}}
    assert [name for *_, name in artifact.added] == ["places-demo-manifest.json", "catalog-demo-manifest.json"]


@pytest.mark.parametrize(
    ("redistributable", "variable", "shown"),
    [(True, None, True), (False, None, False), (False, "1", True), (True, "0", False)],
)
def test_photographs_that_may_not_be_copied_stay_here(
    fake, tmp_path, monkeypatch, redistributable, variable, shown
):  # fmt: skip
    if variable:
        monkeypatch.setenv("GSV_TRACK_IMAGES", variable)
    said = Said()
    with start(said, tmp_path, redistributable=redistributable) as run:
        for step in (3, 6):
            run.picture("demo_val/retrievals", tmp_path / f"gallery-{step}.jpg", step)
    images = [row["demo_val/retrievals"] for _, row in fake.run.rows]
    assert images == ([("image", str(tmp_path / f"gallery-{step}.jpg")) for step in (3, 6)] if shown else [])
    assert len(said.messages) == (0 if shown else 1)
    assert shown or ("GSV_TRACK_IMAGES=1 sends them" in said.messages[0] and str(tmp_path) in said.messages[0])


def test_a_failing_stage_marks_its_run_and_its_error_goes_on(fake, tmp_path):
    with pytest.raises(RuntimeError, match="loss"), start(Said(), tmp_path):
        raise RuntimeError("the loss is not finite")
    assert fake.run.named("finish") == [((), {"exit_code": 1})]


def test_a_run_that_fails_at_every_call_is_said_once_and_never_reaches_the_stage(fake, tmp_path):
    fake.run.fails = ("log", "log_artifact", "finish")
    said = Said()
    with start(said, tmp_path, redistributable=True) as run:
        run.log({"train/loss": 0.5}, 5)
        run.table("recall", ["method"], [["demo"]])
        run.picture("demo_val/retrievals", tmp_path / "none.jpg", 5)
        run.artifact("model", tmp_path, "model")
    assert said.messages == [FAILURE]


def test_an_end_that_takes_too_long_says_how_to_send_the_rest(fake, tmp_path):
    fake.run.fails, fake.run.error = ("finish",), TimeoutError("Timed out finishing run.")
    said = Said()
    with start(said, tmp_path):
        pass
    assert "gsv-pipeline track sync" in said.messages[0]
    assert (tmp_path / "offline-run-1" / "unsent").exists()


def test_an_input_that_the_service_does_not_note_is_not_waited_for(fake, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setattr(module, "answers", lambda _: True)
    monkeypatch.setattr(wandb_sink, "USE_S", 0.05)
    released = threading.Event()
    monkeypatch.setattr(FakeRun, "use_artifact", lambda *_: released.wait(10), raising=False)
    said = Said()
    with start(said, tmp_path, data={"places-demo": [tmp_path / "manifest.json"]}) as run:
        run.message("Training")
    released.set()
    assert said.messages == [FAILURE.replace("the service is gone", "no answer within 0 s"), "Training"]


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


def test_an_error_is_told_without_the_key(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "sesame")
    assert reason(ValueError("the key sesame is refused\nsesame")) == "the key *** is refused"


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


def process(fake, folder, steps, *, part, killed=False, resumed_at=None, url=""):
    """A process of a training that logs `steps` and a recall at the last of them; what W&B was told."""
    fake.run = FakeRun(folder / part)
    if resumed_at is not None:
        fake.run.resumed, fake.run.starting_step = True, resumed_at + 1
    log = JsonLinesTracker(folder / "metrics.jsonl")
    memory = RunMemory.open(folder / "memory.json", log=folder / "metrics.jsonl")
    sink = WandbTracker(fake.run, tell=print, url=url or None, memory=memory)
    for step in steps:
        for tracker in (log, sink):
            tracker.log({"train/loss": 1 / step}, step)
    for tracker in (log, sink):
        tracker.log({"demo_val/R@1": 0.5}, step)
    if killed:
        sink._open_file.close()
    else:
        sink.finish(exit_code=0)
    return [step for step, _ in fake.run.rows]


def test_a_resumed_run_tells_what_is_new(fake, tmp_path):
    assert process(fake, tmp_path, range(1, 13), part="offline-run-1") == [5, 10, 12]
    assert process(fake, tmp_path, range(8, 21), part="offline-run-2") == [15, 20, 20]
    assert (tmp_path / "offline-run-1").is_dir()


def test_the_steps_of_a_killed_offline_process_are_told_again_and_its_folder_goes(fake, tmp_path):
    assert process(fake, tmp_path, range(1, 13), part="offline-run-1", killed=True) == [5, 10, 12]
    # The state was of step 7: what came after it is done again, what came before is told from the log.
    assert process(fake, tmp_path, range(8, 21), part="offline-run-2") == [5, 10, 15, 20, 20]
    assert not (tmp_path / "offline-run-1").exists()


def test_the_service_knows_best_what_it_has(fake, tmp_path):
    process(fake, tmp_path, range(1, 22), part="run-1", killed=True, url="http://127.0.0.1:9")
    (tmp_path / "run-1" / "unsent").touch()
    told = process(fake, tmp_path, range(18, 27), part="run-2", resumed_at=5, url="http://127.0.0.1:9")
    assert told == [10, 15, 20, 25, 26]
    assert not (tmp_path / "run-1" / "unsent").exists(), "it would be sent twice"


def test_a_run_that_the_service_forgot_is_told_from_the_start(fake, tmp_path):
    process(fake, tmp_path, range(1, 13), part="run-1", url="http://127.0.0.1:9")
    assert process(fake, tmp_path, range(13, 16), part="run-2", url="http://127.0.0.1:9") == [5, 10, 12, 15, 15]


def test_a_process_without_its_service_goes_on_offline_behind_the_last_step(fake, tmp_path):
    process(fake, tmp_path, range(1, 13), part="run-1", url="http://127.0.0.1:9")
    assert process(fake, tmp_path, range(13, 16), part="offline-run-2") == [15, 15]


def test_a_validation_after_the_last_step_of_a_stopped_process_gets_a_row_behind_it(fake, tmp_path):
    process(fake, tmp_path, range(1, 11), part="offline-run-1")
    assert process(fake, tmp_path, [10], part="offline-run-2") == [11]
    assert fake.run.rows == [(11, {"step": 10, "demo_val/R@1": 0.5})]


def test_a_run_that_was_begun_offline_goes_on_offline(fake, tmp_path, monkeypatch):
    process(fake, tmp_path, range(1, 6), part="offline-run-1")
    monkeypatch.setenv("WANDB_MODE", "online")
    said = Said()
    memory = RunMemory.open(tmp_path / "memory.json", log=tmp_path / "metrics.jsonl")
    with start(said, tmp_path, memory=memory):
        pass
    assert said.messages[0].startswith("This W&B run was begun offline, so it goes on offline; logging offline to")
    assert fake.started[0]["mode"] == "offline"


def test_pictures_of_a_killed_process_are_told_again_as_long_as_they_exist(fake, tmp_path):
    log = JsonLinesTracker(tmp_path / "metrics.jsonl")
    (tmp_path / "kept.jpg").touch()
    log.log({"demo_val/R@1": 0.5, "train/loss": float("nan")}, 3)
    log.picture("demo_val/retrievals", tmp_path / "kept.jpg", 3)
    log.picture("demo_val/retrievals", tmp_path / "lost.jpg", 6)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 7, "demo_val/R@1": 0.')
    process(fake, tmp_path, [10], part="offline-run-1")
    assert fake.run.rows[0] == (
        3,
        {"step": 3, "demo_val/R@1": 0.5, "demo_val/retrievals": ("image", str(tmp_path / "kept.jpg"))},
    )
    assert [step for step, _ in fake.run.rows] == [3, 10, 10]


def test_a_memory_that_cannot_be_read_or_written_is_a_new_attempt(tmp_path):
    (tmp_path / "memory.json").write_text("{")
    first = RunMemory.open(tmp_path / "memory.json", log=tmp_path / "none")
    assert RunMemory.open(tmp_path / "memory.json", log=tmp_path / "none").attempt == first.attempt
    elsewhere = RunMemory.open(tmp_path / "nowhere" / "memory.json", log=tmp_path / "none")
    elsewhere.hand(5)
    assert elsewhere.handed == 5
    assert elsewhere.rows(after=-1, before=9) == {}
