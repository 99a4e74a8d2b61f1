"""What reaches the step over Dagster Pipes: the messages themselves, read from the file that Dagster would read."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dagster_pipes import DAGSTER_PIPES_CONTEXT_ENV_VAR, DAGSTER_PIPES_MESSAGES_ENV_VAR, PipesContext, encode_param

from gsv_pipeline.tracking import dagster_log
from gsv_pipeline.tracking.pipes import (
    CONTEXT_VARIABLE,
    ERROR,
    RANK_VARIABLE,
    RESULT,
    PipesTracker,
    connection,
    current_connection,
)

STEP_DATA = {
    "asset_keys": ["checkpoint"],
    "code_version_by_asset_key": {},
    "provenance_by_asset_key": {},
    "partition_key": "demo",
    "partition_key_range": None,
    "partition_time_window": None,
    "run_id": "1",
    "job_name": "train",
    "retry_number": 0,
    "extras": {},
}
Messages = Callable[[], list[tuple[str, Any]]]


@pytest.fixture
def messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Messages:
    """A process that a step started; returns what it has told so far, `(method, parameters)` each."""
    folder = tmp_path / "step"
    folder.mkdir()
    (folder / "context").write_text(json.dumps(STEP_DATA))
    (folder / "messages").touch()
    monkeypatch.setenv(DAGSTER_PIPES_CONTEXT_ENV_VAR, encode_param({"path": str(folder / "context")}))
    monkeypatch.setenv(DAGSTER_PIPES_MESSAGES_ENV_VAR, encode_param({"path": str(folder / "messages")}))
    monkeypatch.setattr(PipesContext, "_instance", None)

    def read() -> list[tuple[str, Any]]:
        lines = (folder / "messages").read_text().splitlines()
        return [(message["method"], message["params"]) for message in map(json.loads, lines)]

    return read


def lines(messages: Messages) -> list[str]:
    return [params["message"] for method, params in messages() if method == "log"]


def test_the_variable_is_the_one_that_dagster_sets() -> None:
    assert CONTEXT_VARIABLE == DAGSTER_PIPES_CONTEXT_ENV_VAR


def test_a_connection_opens_tells_and_closes(messages: Messages) -> None:
    with connection() as step:
        assert step is not None
        step.message("Decoding demo_val")
        step.hand_over(RESULT, {"cached": False})

    assert [method for method, _ in messages()] == ["opened", "log", "report_custom_message", "closed"]
    assert lines(messages) == ["Decoding demo_val"]
    assert messages()[2][1] == {"payload": {"result": {"cached": False}}}
    assert messages()[3][1] == {}


def test_whoever_is_called_inside_speaks_over_the_same_connection(messages: Messages) -> None:
    with connection():
        inner = current_connection()
        assert inner is not None
        inner.message("from inside")

    assert [method for method, _ in messages()] == ["opened", "log", "closed"]


def test_a_thousand_steps_are_few_lines_and_a_validation_is_one_at_once(
    messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(100_000))
    monkeypatch.setattr(dagster_log.time, "monotonic", lambda: float(next(clock)) / 10)  # a step takes 0.1 s

    with connection() as step:
        assert step is not None
        with step.progress("Training", total=1000, unit="step") as bar:
            for number in range(1, 1001):
                step.log({"train/loss": 0.5, "train/images_per_s": 312.0, "train/learning_rate": 1e-4}, number)
                bar.advance(1, loss=0.25)
                if number == 600:
                    step.log({"demo_val/R@1": 0.6123, "demo_val/R@5": 0.9}, number)

    told = lines(messages)
    (validation,) = [line for line in told if line.startswith("Step")]
    assert validation == "Step 600: demo_val/R@1 0.6123, demo_val/R@5 0.9000"
    assert 3 <= len(told) <= 12
    assert "of 1000 (10.0 step/s" in told[0]
    assert told[0].endswith("loss 0.250, images_per_s 312.000)")


def test_bars_of_other_work_show_no_numbers_of_training(messages: Messages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dagster_log, "LINE_EVERY_S", 0.0)

    with connection() as step:
        assert step is not None
        step.log({"train/images_per_s": 312.0}, 1)
        with step.progress("Describing demo_val", total=4) as bar:
            bar.advance(2)

    assert "images_per_s" not in lines(messages)[0]


def test_a_step_that_is_gone_does_not_end_the_work(messages: Messages, tmp_path: Path) -> None:
    with connection() as step:
        assert step is not None
        for path in (tmp_path / "step").iterdir():
            path.unlink()
        (tmp_path / "step").rmdir()
        step.message("to nobody")
        step.hand_over(ERROR, {"text": "to nobody"})
        step.close()
        step.message("after the end")


def fail(*, after_the_last_word: bool) -> None:
    with connection() as step:
        assert step is not None
        if after_the_last_word:
            step.close()
        raise KeyError("lost")


def test_a_bug_arrives_with_its_traceback(messages: Messages) -> None:
    with pytest.raises(KeyError):
        fail(after_the_last_word=False)

    method, params = messages()[-1]
    assert method == "closed"
    assert params["exception"]["name"] == "KeyError"
    assert any("in fail" in line for line in params["exception"]["stack"])


def test_an_error_after_the_last_word_is_no_news(messages: Messages) -> None:
    with pytest.raises(KeyError):
        fail(after_the_last_word=True)

    assert messages()[-1] == ("closed", {})


def test_of_several_processes_the_first_one_speaks(messages: Messages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RANK_VARIABLE, "1")

    with connection() as step:
        assert step is None
        assert current_connection() is None

    assert messages() == []


def test_outside_dagster_nothing_is_imported() -> None:
    code = (
        "import sys, gsv_pipeline.cli.child as child\n"
        "with child.as_child():\n"
        "    child.command_tracker().message('hello')\n"
        "print('dagster_pipes' in sys.modules)"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DAGSTER")}
    done = subprocess.run([sys.executable, "-c", code], env=clean, capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
    assert done.stderr == "hello\n"


def test_without_the_package_a_child_works_and_tells_nothing(
    messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dagster_pipes", None)

    with connection() as step:
        assert step is None


def test_a_tracker_takes_everything(messages: Messages, tmp_path: Path) -> None:
    with connection() as step:
        assert isinstance(step, PipesTracker)
        step.table("recall", ["method", "R@1"], [["demo", 0.8]])
        step.artifact("model", tmp_path, "model")
        step.picture("gallery", tmp_path / "gallery.png", 3)

    assert lines(messages) == [f"gallery at step 3: {tmp_path / 'gallery.png'}"]
