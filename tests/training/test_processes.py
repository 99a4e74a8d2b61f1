"""Two real processes over gloo: told the same, ended together, whatever happens to one of them."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch.distributed import TCPStore

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.evaluation.validator import RecallValidator
from gsv_pipeline.training.board import from_word
from gsv_pipeline.training.processes import Processes, is_helper, join_processes
from tests.evaluation.colours import MeanColour, colour_validation, paint
from tests.training.crew import start
from tests.training.tiny_trainer import trainer


@pytest.fixture
def port() -> Iterator[int]:
    """Of a store like that of torchrun's agent."""
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    yield store.port
    del store


def test_two_processes_share_results_errors_and_stops(port: int) -> None:
    first, second = (
        json.loads(process.communicate(timeout=120)[0])
        for process in start("tests.training.crew", "all", size=2, port=port)
    )
    cached, refused, exchanged, damaged, bug, stopped = zip(first, second, strict=True)
    assert cached[0] == cached[1] == {"artifact": "/there", "metadata": {"steps": 3}, "cached": True}
    assert refused[0] == refused[1] == {"error": "StaleInputError", "text": "places are missing", "number": None}
    assert exchanged[0] == exchanged[1]  # the others return what the first one returns
    assert exchanged[0]["metadata"]["largest"] == 7
    assert exchanged[0]["metadata"]["rows"] == [[0.0] * 3] * 2 + [[1.0] * 3] * 3
    assert exchanged[0]["metadata"]["some"] == 2
    assert exchanged[0]["metadata"]["value"] == {"rank": 0}
    assert exchanged[0]["metadata"]["tensor"] == [0.0, 0.0]
    assert damaged[0] == {"error": "DataError", "text": "image 7 is damaged (in process 1)", "number": None}
    assert damaged[1] == {"error": "DataError", "text": "image 7 is damaged", "number": None}
    assert [end["error"] for end in bug] == ["ZeroDivisionError", "RunError"]
    assert bug[1]["text"] == "ZeroDivisionError: a bug"
    assert [(end["error"], end["number"]) for end in stopped] == [("StoppedError", 15)] * 2


def test_the_first_process_does_not_wait_for_one_that_is_dead(port: int) -> None:
    first, second = start("tests.training.crew", "death", size=2, port=port)
    second.communicate(timeout=120)
    began = time.monotonic()
    (end,) = json.loads(first.communicate(timeout=120)[0])
    assert end["error"] == "RunError"
    assert "Another process of this run ended without a word" in end["text"]
    assert second.returncode == 9
    assert time.monotonic() - began < 30


def test_two_processes_train_as_one_does(port: int, tmp_path: Path) -> None:
    first, second = start("tests.training.crew", "train", str(tmp_path), size=2, port=port)
    outputs = [process.communicate(timeout=120) for process in (first, second)]
    assert first.returncode == second.returncode == 0, outputs
    (told,) = json.loads(outputs[0][0])
    # Not with Adam, whose first steps turn the sign of a gradient near zero into a whole step.
    alone = trainer(tmp_path / "alone", epochs=2, frozen_statistics=True, optimizer="sgd").run()
    weights = [torch.load(tmp_path / f"weights-{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert alone.best_weights is not None
    for name, value in alone.best_weights.items():
        assert torch.equal(weights[0][name], weights[1][name]), name
        torch.testing.assert_close(weights[0][name], value, rtol=1e-4, atol=1e-6, msg=name)
    for row, expected in zip(told["metadata"]["history"], alone.history, strict=True):
        assert row["loss"] == pytest.approx(expected["loss"], rel=1e-4)
        assert row["batch_accuracy"] == pytest.approx(expected["batch_accuracy"])
        assert row["gradient_norm"] == pytest.approx(expected["gradient_norm"], rel=1e-3)
    assert told["metadata"]["has_best"]
    assert [path.name for path in sorted((tmp_path / "state").iterdir())] == ["best-8.ckpt", "last.ckpt"]
    # One process goes on from what two have saved.
    resumed = trainer(tmp_path / "state", epochs=3, frozen_statistics=True, optimizer="sgd").run()
    assert resumed.step == 12


def test_two_processes_validate_as_one_does(port: int, tmp_path: Path) -> None:
    for name in ("whole", "damaged"):
        (tmp_path / name).mkdir()
        paths = paint(tmp_path / name)
    paths[-1].write_bytes(b"no image")  # of the share of the second process
    ends = [
        json.loads(process.communicate(timeout=120)[0])
        for process in start("tests.training.crew", "validate", str(tmp_path), size=2, port=port)
    ]
    alone = RecallValidator([colour_validation(sorted((tmp_path / "whole").iterdir()))], precision="32-true")
    assert ends[0][0] == ends[1][0]
    assert ends[0][0]["metadata"] == {"recalls": alone(MeanColour()), "seen": ["colours"], "own": 8}
    assert [end[1]["error"] for end in ends] == ["DataError", "DataError"]
    assert all("8.png is not an image" in end[1]["text"] for end in ends)


def test_one_process_alone_needs_nobody() -> None:
    with join_processes() as processes:
        assert processes == Processes()
        assert processes.agree(3) == 3
        assert processes.from_first("x") == "x"
        assert processes.own_processors is None
        with pytest.raises(ZeroDivisionError), processes.together():
            raise ZeroDivisionError
    assert not is_helper()


def test_variables_that_torchrun_did_not_set_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "two")
    with pytest.raises(ConfigError, match="WORLD_SIZE is 'two', expected a whole number as torchrun sets it"):
        join_processes().__enter__()
    assert not is_helper()


def test_facts_of_an_error_reach_the_other_processes() -> None:
    word = {"kind": "DataError", "message": "bad", "details": {"image": "7"}, "process": 3}
    error = from_word(word)
    assert str(error) == "bad (in process 3)"
    assert error.details == {"image": "7"}  # type: ignore[attr-defined]


def test_processes_that_find_different_states_do_not_train_on(port: int, tmp_path: Path) -> None:
    trainer(tmp_path / "0", epochs=1).run()
    first, second = (
        json.loads(process.communicate(timeout=120)[0])[0]
        for process in start("tests.training.crew", "resume", str(tmp_path), size=2, port=port)
    )
    assert first["error"] == second["error"] == "RunError"
    assert "Process 1 finds the state after step 0" in second["text"]
    assert "that after step 4" in second["text"]
    assert "put it on a disk that every machine shares" in first["text"]
