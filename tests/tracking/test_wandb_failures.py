"""A service that is not there, falls silent, refuses or vanishes: the run goes on, and what it logged is kept."""

import re

import pytest

from gsv_pipeline import cli
from tests.tracking import wandb_client as client
from tests.tracking.wandb_server import KEY, wandb_server

pytest.importorskip("wandb")

FAILED = re.compile(r"W&B failed \(.+\) and may miss something; the local log has everything")
LATER = "W&B did not take everything in time. What is missing is kept; to send it, run: gsv-pipeline track sync"


@pytest.fixture
def service():
    with wandb_server() as running:
        yield running


SHORT = "[3.0, 1.0]"
"""Seconds for a start and for an answer, where silence is what is tested."""


def offline_folders(folder):
    return list((folder / "wandb" / "wandb").glob("offline-run-*"))


def test_nobody_at_the_address_costs_seconds_and_the_run_is_kept_offline(tmp_path):
    nobody = {"WANDB_BASE_URL": "http://someone:secret@127.0.0.1:9", "WANDB_API_KEY": KEY, "WAITS": SHORT}
    under_way = client.start(tmp_path, 1, 5, environment=nobody)
    said = under_way.go_on()
    folder = tmp_path / "wandb"
    assert said == [
        f"W&B at http://127.0.0.1:9 does not answer; logging offline to {folder} (gsv-pipeline track sync uploads it)",
        "worked",
    ]
    assert len(offline_folders(tmp_path)) == 1
    assert under_way.seconds < 60  # W&B alone would try for a minute and a half


def test_a_service_that_is_silent_from_the_start_is_not_waited_for(service, tmp_path):
    service.silent = True
    under_way = client.start(tmp_path, 1, 5, environment={**service.environment, "WAITS": SHORT})
    said = under_way.go_on()
    assert said[0].startswith(f"W&B at {service.url} does not answer; logging offline to ")
    assert said[1:] == ["worked"]
    assert len(offline_folders(tmp_path)) == 1
    assert under_way.seconds < 60


def test_a_service_that_falls_silent_while_the_run_starts_leaves_an_offline_run(service, tmp_path):
    service.silent_after = 1  # the question whether it is there
    under_way = client.start(tmp_path, 1, 5, environment={**service.environment, "WAITS": "[3.0, 30.0]"})
    said = under_way.go_on()
    assert said[0].startswith(f"W&B at {service.url} failed (")
    assert said[1:] == ["worked"]
    assert len(offline_folders(tmp_path)) == 1


def test_a_key_that_is_refused_leaves_an_offline_run(service, tmp_path):
    service.refuses = True
    said = client.run(tmp_path, 1, 5, **service.environment)
    assert said[0].startswith(f"W&B at {service.url} failed (")
    assert KEY not in said[0]
    assert said[1:] == ["worked"]
    assert len(offline_folders(tmp_path)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("how", ["vanishes", "falls silent"])
def test_a_service_that_is_lost_in_the_middle_ends_no_run_and_gets_the_rest_later(
    service, tmp_path, monkeypatch, capsys, how
):
    under_way = client.start(
        tmp_path,
        1,
        20,
        pauses=6,
        environment={**service.environment, "WANDB_FINISH_TIMEOUT": "3", "WAITS": "[60.0, 5.0]"},
    )
    under_way.wait_for("paused")
    if how == "vanishes":
        service.vanish()
    else:
        service.silent = True
    said = under_way.go_on()
    assert FAILED.fullmatch(said[0]), said
    assert said[1:] == ["worked", LATER]
    assert under_way.seconds < 120
    service.vanish()
    with wandb_server(service.port) as revived:
        revived.runs.update(service.runs)
        for name, value in {**revived.environment, "HOME": str(tmp_path)}.items():
            monkeypatch.setenv(name, value)
        assert cli.run(["--data-root", str(tmp_path), "track", "sync"]) == 0
        assert capsys.readouterr().out == f"Sent: {client.run_id(tmp_path)}\n"
        run = revived.runs[client.run_id(tmp_path)]
        assert run.steps == [5, 10, 15, 20]
        assert cli.run(["--data-root", str(tmp_path), "track", "sync"]) == 0
        assert run.steps == [5, 10, 15, 20]
