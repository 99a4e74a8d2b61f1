"""The real W&B client against a service on loopback: one run however often it is resumed, online or offline."""

import json

import pytest

from gsv_pipeline import cli
from gsv_pipeline.tracking.wandb_folder import hold_open
from tests.tracking import wandb_client as client
from tests.tracking.wandb_server import KEY, wandb_server

pytest.importorskip("wandb")


@pytest.fixture
def service():
    with wandb_server() as running:
        yield running


def sync(folder, service, monkeypatch):
    for name, value in {**service.environment, "HOME": str(folder)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("gsv_pipeline.layout.Layout.wandb", lambda _: folder / "wandb")
    return cli.run(["--data-root", str(folder), "track", "sync"])


@pytest.fixture(scope="module")
def resumed(tmp_path_factory):
    """A service, and the folder of a run that it saw twice: the second process went on from step 7."""
    folder = tmp_path_factory.mktemp("resumed")
    with wandb_server() as service:
        said = client.run(folder, 1, 12, **service.environment) + client.run(folder, 8, 20, **service.environment)
        assert said == ["worked", "worked"]
        yield service, folder


def test_an_online_run_is_one_run_after_a_resume_and_no_step_is_there_twice(resumed):
    service, folder = resumed
    assert list(service.runs) == [client.run_id(folder)]
    run = service.runs[client.run_id(folder)]
    assert run.steps == [5, 10, 12, 15, 20]
    assert run.values("train/loss") == {5: 0.2, 10: 0.1, 15: 1 / 15, 20: 0.05}
    assert run.values("demo_val/R@1") == {12: 0.5, 20: 0.5}
    assert [row["_step"] for row in run.history] == run.steps
    assert (run.told["groupName"], run.told["jobType"], run.told["tags"]) == ("demo", "train", ["demo", "resnet18"])
    assert run.config["inputs"]["value"] == {"places/demo": "abc"}
    assert run.ended == [0, 0]
    page = (folder / "page.txt").read_text()
    assert page.startswith(service.environment["WANDB_BASE_URL"])
    assert page.endswith(f"/runs/{client.run_id(folder)}")
    assert service.unknown == []


def test_pictures_and_the_way_from_data_to_checkpoint_reach_the_service(resumed):
    service, folder = resumed
    run = service.runs[client.run_id(folder)]
    pictures = run.values("demo_val/retrievals")
    assert list(pictures) == [12, 20]
    assert run.files[pictures[12]["path"]] == (folder / "gallery.jpg").read_bytes()
    data, model = (service.artifacts_named(name)[0] for name in ("places-demo", "demo-checkpoint"))
    assert (data["artifactTypeName"], data["files"], set(run.used)) == ("dataset", ["manifest.json"], {"places-demo"})
    assert json.loads(data["metadata"]) == {"inputs": {"places/demo": "abc"}}
    assert (model["artifactTypeName"], model["files"], model["runName"]) == ("model", ["model.txt"], run.told["name"])
    assert json.loads(model["metadata"]) == {"R@1": 0.5}
    assert data["committed"]
    assert model["committed"]
    assert b"weights" in service.stored.values()


def test_no_secret_is_written_anywhere(resumed):
    service, folder = resumed
    assert client.files_that_hold(folder, KEY) == []
    metadata = json.loads(service.runs[client.run_id(folder)].files["wandb-metadata.json"])
    assert "git" not in metadata  # a remote's URL may hold a token


def test_what_was_logged_offline_is_sent_as_one_run_and_once(service, tmp_path, monkeypatch, capsys):
    said = client.run(tmp_path, 1, 12) + client.run(tmp_path, 8, 20)
    assert said == ["worked", "worked"]
    folders = sorted((tmp_path / "wandb" / "wandb").glob("offline-run-*"))
    assert len(folders) == 2
    assert (tmp_path / "page.txt").read_text() == ""
    assert client.files_that_hold(tmp_path, KEY) == []
    assert sync(tmp_path, service, monkeypatch) == 0
    assert capsys.readouterr().out == f"Sent: {client.run_id(tmp_path)}\n"
    run = service.runs[client.run_id(tmp_path)]
    assert run.steps == [5, 10, 12, 15, 20]
    assert run.values("demo_val/R@1") == {12: 0.5, 20: 0.5}
    assert run.told["groupName"] == "demo"
    assert len(run.values("demo_val/retrievals")) == 2
    named = [item["artifactCollectionName"] for item in service.artifacts]
    assert named.count("demo-checkpoint") == 2
    assert b"weights" in service.stored.values()
    assert sync(tmp_path, service, monkeypatch) == 0
    assert capsys.readouterr().out.startswith("Nothing to send in ")
    assert run.steps == [5, 10, 12, 15, 20]


def test_a_run_that_is_still_written_waits(service, tmp_path, monkeypatch, capsys):
    under_way = client.start(tmp_path, 1, 12, pauses=11, environment={})
    under_way.wait_for("paused")
    assert sync(tmp_path, service, monkeypatch) == 0
    assert capsys.readouterr().out.startswith("Nothing to send in ")
    assert under_way.go_on() == ["worked"]
    assert sync(tmp_path, service, monkeypatch) == 0
    assert service.runs[client.run_id(tmp_path)].steps == [5, 10, 12]


@pytest.mark.slow
def test_what_a_killed_process_did_not_write_down_is_told_by_the_one_that_goes_on(service, tmp_path, monkeypatch):
    killed = client.start(tmp_path, 1, 20, pauses=16, environment={})
    killed.wait_for("paused")
    killed.process.kill()
    killed.process.communicate()
    client.run(tmp_path, 11, 20)
    assert sync(tmp_path, service, monkeypatch) == 0
    run = service.runs[client.run_id(tmp_path)]
    assert run.steps == [5, 10, 15, 20]
    assert run.values("train/loss") == {step: 1 / step for step in (5, 10, 15, 20)}


@pytest.mark.slow
def test_a_killed_online_run_goes_on_where_the_service_lost_sight_of_it(service, tmp_path, monkeypatch):
    killed = client.start(tmp_path, 1, 20, pauses=16, environment=service.environment)
    killed.wait_for("paused")
    killed.process.kill()
    killed.process.communicate()
    client.run(tmp_path, 11, 20, **service.environment)
    run = service.runs[client.run_id(tmp_path)]
    assert run.steps == [5, 10, 15, 20]
    assert sync(tmp_path, service, monkeypatch) == 0
    assert run.steps == [5, 10, 15, 20]


@pytest.fixture
def damaged(tmp_path):
    """The folder of an offline run with a file that W&B cannot read."""
    folder = tmp_path / "wandb" / "wandb" / "offline-run-20260101_000000-train-1"
    folder.mkdir(parents=True)
    (folder / "run-train-1.wandb").write_bytes(b"no log of W&B")
    return folder


@pytest.mark.usefixtures("damaged")
def test_nothing_is_sent_without_a_key(tmp_path, monkeypatch, capsys):
    for name in ("WANDB_API_KEY", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    assert cli.run(["--data-root", str(tmp_path), "track", "sync"]) == 2
    assert "Set WANDB_API_KEY, or run: wandb login" in capsys.readouterr().err


@pytest.mark.usefixtures("damaged")
def test_nothing_is_sent_without_wandb(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert cli.run(["--data-root", str(tmp_path), "track", "sync"]) == 2
    assert "pip install 'gsv-pipeline[wandb]'" in capsys.readouterr().err


def test_a_run_that_is_not_taken_is_an_error_with_the_words_of_wandb(service, damaged, tmp_path, monkeypatch, capsys):
    assert sync(tmp_path, service, monkeypatch) == 1
    told = capsys.readouterr().err
    assert f"W&B did not take {damaged}" in told
    assert "Failed to read" in told
    assert "run the same command again" in told


def test_a_lock_ends_with_its_file(tmp_path):
    held = hold_open(tmp_path)
    assert held is not None
    held.close()
    assert hold_open(tmp_path / "nowhere") is None
