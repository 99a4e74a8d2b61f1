"""How `dvc` and `git` are started, listened to and refused; and what the command line prints of versions."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gsv_pipeline import cli
from gsv_pipeline.data_versions import commands
from gsv_pipeline.data_versions.commands import ask_git, run_dvc, run_git
from gsv_pipeline.errors import ConfigError, RunError, StoppedError
from gsv_pipeline.tracking import NullTracker
from tests.versioned import FREE, PROTECTED, Repository, contents

BARS = r"\n!\n  0%% Adding...|    |0/9 [00:00<?]\r 50%% Adding...|##  |5/9 [00:01<00:01]\r\x1b[A"


class _Told(NullTracker):
    def __init__(self) -> None:
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)


@pytest.fixture
def fake_dvc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a script in place of `dvc`, where it is looked for: beside the interpreter."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    (tmp_path / "bin").mkdir()

    def write(script: str) -> None:
        path = tmp_path / "bin" / "dvc"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return write


def test_progress_becomes_messages_and_only_words_become_errors(
    fake_dvc: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "HEARTBEAT_S", 0.0)
    told = _Told()
    fake_dvc(f"printf '{BARS}' >&2; echo \"$@ $DVC_NO_ANALYTICS\"")
    assert run_dvc(tmp_path, "add", "folder", tracker=told) == "add folder 1\n"
    assert told.messages == ["dvc add: 0% Adding...| |0/9 [00:00<?]", "dvc add: 50% Adding...|## |5/9 [00:01<00:01]"]

    fake_dvc(f"printf '{BARS}' >&2; echo 'a warning' >&2; echo 'ERROR: no such thing' >&2; exit 255")
    with pytest.raises(RunError, match="^`dvc add folder` failed: no such thing$") as caught:
        run_dvc(tmp_path, "add", "folder", tracker=told)
    assert caught.value.details["said"] == "no such thing"
    fake_dvc("exit 3")
    with pytest.raises(RunError, match="it ended with 3"):
        run_dvc(tmp_path, "add", tracker=told)


def test_dvc_ends_when_this_process_is_told_to(
    fake_dvc: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "HEARTBEAT_S", 0.0)
    fake_dvc(f"trap 'echo ended > ended; exit' TERM; printf '{BARS}' >&2; while :; do sleep 0.1; done")

    class Stopped(NullTracker):
        def message(self, text: str) -> None:
            raise StoppedError("stopped by SIGTERM")

    with pytest.raises(StoppedError):
        run_dvc(tmp_path, "add", tracker=Stopped())
    assert (tmp_path / "ended").read_text() == "ended\n"


def test_missing_programs_and_running_stages_are_named(
    fake_dvc: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"DVC is not installed.*pip install 'gsv-pipeline\[dvc\]'"):
        run_dvc(tmp_path, "add", tracker=NullTracker())
    with pytest.raises(ConfigError, match="Git is not on the PATH"):
        run_git(tmp_path, "status")
    fake_dvc("echo never")
    monkeypatch.setenv("DVC_STAGE", "fetch")
    with pytest.raises(ConfigError, match="started by the stage 'fetch' of DVC.*after `dvc repro`"):
        run_dvc(tmp_path, "add", tracker=NullTracker())


def test_git_that_says_no_is_an_error_or_nothing(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a git repository"):
        run_git(tmp_path, "status")
    assert ask_git(tmp_path, "status") is None


def test_the_worked_example_of_the_docs(
    repository: Repository, fetch: Callable[[str], Path], copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str, at: Repository = repository) -> str:
        capsys.readouterr()
        assert cli.run(["--data-root", str(at.layout.root), "data", *arguments]) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    artifact = fetch(PROTECTED)
    alone = run("snapshot", PROTECTED)
    assert "hash alone, the bytes stay where they lie" in alone
    assert "git add data/dataset/gsv_cities.version.json && git commit" in alone
    first = run("snapshot", PROTECTED, "--copy", "-m", "GSV-Cities as published")
    assert "files: 7 (6." in first
    assert "kept by DVC" in first
    assert "Committed as" in first
    assert "git holds this version already." in run("snapshot", PROTECTED)

    before = contents(artifact)
    removed = sorted((artifact / "Images" / "London").iterdir())[0]
    removed.unlink()
    run("snapshot", PROTECTED, "-m", "Without one image")
    listed = run("versions", PROTECTED).splitlines()
    assert [line[0] for line in listed] == ["*", " "]
    assert [line.split("kB")[1].strip() for line in listed] == ["Without one image", "GSV-Cities as published"]
    restored = run("restore", PROTECTED, listed[1].split()[0])
    assert contents(artifact) == before
    assert "new times" not in restored  # they are those that the images had

    repository.dvc("remote", "add", "-d", "storage", str(tmp_path / "storage"))
    assert f"is on the remote 'storage' ({tmp_path / 'storage'})" in run("push", PROTECTED)
    repository.git("commit", "--quiet", "--all", "-m", "Back to the first version")
    other = repository.clone(tmp_path / "clone")
    pulled = run("pull", PROTECTED, at=other)
    assert str(other.layout.dataset(PROTECTED)) in pulled
    assert "new times, so the catalog looks at them once more: gsv-pipeline catalog gsv_cities" in pulled
    assert contents(other.layout.dataset(PROTECTED)) == before
    assert "No version of 'town' was committed" in run("versions", FREE)
