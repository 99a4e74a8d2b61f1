"""What is kept and told of a failed run: whole, short enough, and without secrets."""

import json
from pathlib import Path

import pytest

from gsv_pipeline.incidents import Failed, Incident, message_of, without_secrets, write_incident
from gsv_pipeline.incidents.incident import MESSAGE_LENGTH
from gsv_pipeline.layout import Layout

INCIDENT = Incident(
    run="1a2b3c4d-0000",
    job="benchmark",
    partition="demo",
    created="2026-11-23T03:00:00+00:00",
    message="Steps failed: ['embeddings__demo_test'].",
    steps=(Failed("embeddings__demo_test", "An image\ncannot be read."),),
    links={"run": "http://127.0.0.1:3000/runs/1a2b3c4d-0000"},
)
REGRESSION = Incident(
    run="9f", job="rebenchmark", partition="", created="2026-11-23T03:00:00+00:00", checks=(Failed("a: b", "Worse."),)
)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "data")


def test_the_file_holds_everything_and_is_named_by_time_and_run(layout: Layout) -> None:
    path = write_incident(layout, INCIDENT)

    kept = json.loads(path.read_text())
    assert path == layout.root / "incidents" / "2026-11-23T030000_1a2b3c4d.json"
    assert kept["kind"] == "failure"
    assert kept["steps"] == [{"name": "embeddings__demo_test", "message": "An image\ncannot be read."}]
    assert (kept["run"], kept["job"], kept["partition"]) == ("1a2b3c4d-0000", "benchmark", "demo")


def test_the_same_run_has_one_file(layout: Layout) -> None:
    write_incident(layout, INCIDENT)
    write_incident(layout, INCIDENT)

    assert len(list((layout.root / "incidents").iterdir())) == 1


def test_a_failed_check_is_a_regression(layout: Layout) -> None:
    assert json.loads(write_incident(layout, REGRESSION).read_text())["kind"] == "regression"
    assert "A check did not pass: rebenchmark, run 9f\n- a: b: Worse." in message_of(REGRESSION)


def test_the_message_says_what_failed_why_and_where_to_look() -> None:
    assert message_of(INCIDENT, file=Path("/data/incidents/x.json")) == (
        "gsv-pipeline: A run failed: benchmark (demo), run 1a2b3c4d\n"
        "- embeddings__demo_test: An image cannot be read.\n"
        "run: http://127.0.0.1:3000/runs/1a2b3c4d-0000\n"
        "incident: /data/incidents/x.json"
    )


def test_a_run_without_a_failed_step_tells_what_dagster_says_of_it() -> None:
    killed = Incident("1a", "train", "demo", "2026-11-23T03:00:00+00:00", message="The process of this run is gone.")

    assert "- run: The process of this run is gone." in message_of(killed)


def test_a_message_stays_as_short_as_slack_takes_it_and_keeps_its_links() -> None:
    long = Incident(
        "1a2b3c4d-0000",
        "benchmark",
        "demo",
        "2026-11-23T03:00:00+00:00",
        steps=tuple(Failed(f"step_{n}", "many words " * 200) for n in range(40)),
        links=INCIDENT.links,
    )

    text = message_of(long, file=Path("/data/incidents/x.json"))

    assert len(text) <= MESSAGE_LENGTH
    assert text.endswith("…\nrun: http://127.0.0.1:3000/runs/1a2b3c4d-0000\nincident: /data/incidents/x.json")


ENVIRONMENT = {
    "KAGGLE_KEY": "f00dfeed",
    "WANDB_API_KEY": "f00dfeed00",
    "AWS_SECRET_ACCESS_KEY": "a/b+c=secret",
    "GSV_WEBHOOK_URL": "https://hooks.example/T0/B0/xyz",
    "database_password": "hunter22",
    "HOME": "/people/me",
    "TOKENIZERS_PARALLELISM": "true",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("key f00dfeed00 and f00dfeed.", "key *** and ***."),
        ("a/b+c=secret", "***"),
        ("sent to https://hooks.example/T0/B0/xyz", "sent to ***"),
        ("login me:hunter22", "login me:***"),
        ("https://me:pass@host/file.zip", "https://***@host/file.zip"),
        ("below /people/me it is true", "below /people/me it is true"),
    ],
)
def test_values_of_secret_variables_and_logins_of_addresses_are_hidden(text: str, expected: str) -> None:
    assert without_secrets(text, ENVIRONMENT) == expected


def test_no_secret_reaches_the_file_or_the_message(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        if name != "HOME":
            monkeypatch.setenv(name, value)
    words = "x" * 392  # the text is cut in the middle of the secret
    told = Incident(
        "1a", "train", "demo", "2026-11-23T03:00:00+00:00", "hunter22", (Failed("step", f"{words} a/b+c=secret"),)
    )

    kept = write_incident(layout, told).read_text() + message_of(told)

    assert "***" in kept
    assert not [value for value in ("hunter22", "a/b+c", "secret") if value in kept]
