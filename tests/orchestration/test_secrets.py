"""Secrets that are planted in the environment reach no log, metadata, incident, manifest, report or page."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from assets.definitions import defs
from assets.results import explained
from gsv_pipeline.errors import RunError
from tests.orchestration.results import report
from tests.tiny import TINY_TRAINING
from tests.webhooks import Webhook, webhook

SECRETS = {
    "KAGGLE_KEY": "planted-kaggle-0badc0ffee",
    "KAGGLE_API_TOKEN": "planted-kaggle-token-77",
    "WANDB_API_KEY": "0123456789abcdef0123456789abcdefplanted0",
    "AWS_ACCESS_KEY_ID": "PLANTEDACCESSKEYID",
    "AWS_SECRET_ACCESS_KEY": "planted/aws+secret",
    "AWS_SESSION_TOKEN": "planted-session-token",
}
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    """Every secret that the pipeline knows of is set; W&B writes its files, too."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WANDB_MODE", "offline")
    with webhook() as server:
        monkeypatch.setenv("GSV_WEBHOOK_URL", server.url)
        yield server


def files_with_a_secret(folder: Path, extra: str) -> list[str]:
    planted = [value.encode() for value in (*SECRETS.values(), extra)]
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [str(path) for path in files if any(value in path.read_bytes() for value in planted)]


def run(job: str, instance: dg.DagsterInstance, root: Path, *overrides: str) -> dg.ExecuteInProcessResult:
    pipeline = {"config": {"data_root": str(root), "overrides": [*TINY_TRAINING, *overrides]}}
    return defs.resolve_job_def(job).execute_in_process(
        instance=instance, partition_key="demo", run_config={"resources": {"pipeline": pipeline}}, raise_on_error=False
    )


@pytest.mark.slow
def test_no_secret_of_the_environment_is_written_anywhere(
    hook: Webhook, tiny_demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    home, root = tmp_path / "home", tmp_path / "data"
    home.mkdir()
    subprocess.run(["cp", "-r", str(tiny_demo), str(root)], check=True)
    (home / "dagster.yaml").write_text((REPOSITORY / "dagster.yaml").read_text())
    monkeypatch.chdir(home)

    with dg.DagsterInstance.from_config(str(home)) as instance:
        good = run("demo", instance, root)
        bad = run("train", instance, root, "training.epochs=1")
        report(instance, bad)
        assert (good.success, bad.success) == (True, False)

    assert list((root / "wandb").rglob("*.wandb"))
    assert list((root / "incidents").glob("*.json"))
    assert len(hook.texts) == 1
    assert files_with_a_secret(tmp_path, hook.url) == []
    told = "".join([*hook.texts, *capfd.readouterr()])
    assert not [value for value in (*SECRETS.values(), hook.url) if value in told]


# An error of a library that quotes what it was given, raised within a stage.
QUOTING = """
import os, dagster as dg
from assets.results import explained
from gsv_pipeline.errors import RunError

@dg.asset
def quoting() -> None:
    with explained():
        raise RunError(f"401 for {os.environ['KAGGLE_KEY']}", {"token": os.environ["KAGGLE_API_TOKEN"]})

with dg.DagsterInstance.get() as instance:
    dg.materialize([quoting], instance=instance, raise_on_error=False)
"""


def test_an_error_that_quotes_a_secret_is_logged_without_it(
    hook: Webhook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", QUOTING], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert "401 for ***" in done.stderr
    assert not [value for value in SECRETS.values() if value in done.stderr]
    assert files_with_a_secret(tmp_path, hook.url) == []


def test_details_of_an_error_are_without_secrets_and_other_values_stay(
    hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(dg.Failure) as caught, explained():
        raise RunError("It failed.", {"token": SECRETS["KAGGLE_API_TOKEN"], "rows": 3})

    assert caught.value.metadata["token"].value == "***"
    assert caught.value.metadata["rows"].value == 3
    assert isinstance(caught.value.__cause__, RunError)
