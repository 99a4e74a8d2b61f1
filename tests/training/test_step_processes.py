"""Two processes on gloo train as one does."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from gsv_pipeline.training.step import METRICS
from tests.ports import free_port
from tests.training.small_steps import convap, cpu, furthest
from tests.training.step_process import SCENARIOS, WORLD_SIZE, run

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[list[dict[str, Any]]]:
    """What each process gave, by scenario."""
    folder = tmp_path_factory.mktemp("processes")
    environment = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.training.step_process", str(folder)],
            cwd=ROOT,
            env={**environment, "LOCAL_RANK": str(rank)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for rank in range(WORLD_SIZE)
    ]
    errors = [process.communicate(timeout=120)[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0] * WORLD_SIZE, "\n".join(errors)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(WORLD_SIZE)]


@pytest.mark.parametrize("number", [number for number, scenario in enumerate(SCENARIOS) if scenario.spoilt is None])
def test_two_processes_give_the_gradients_and_the_numbers_of_one(
    found: list[list[dict[str, Any]]], number: int
) -> None:
    alone = run(cpu(), replace(SCENARIOS[number], micro_batch=None))
    for rank in range(WORLD_SIZE):
        of_process = found[rank][number]
        assert furthest(of_process["gradients"], alone["gradients"]) <= 1e-5
        torch.testing.assert_close(of_process["numbers"], alone["numbers"], rtol=1e-5, atol=1e-6)
    first, second = (found[rank][number]["weights"] for rank in range(WORLD_SIZE))
    assert all(torch.equal(first[name], second[name]) for name in first), "processes stay alike"
    passes = [found[rank][number]["passes"] for rank in range(WORLD_SIZE)]
    assert passes[0] == passes[1], "synchronised batch norm waits for the other in each pass"


def test_a_descriptor_that_is_not_finite_in_one_process_stops_the_update_in_all(
    found: list[list[dict[str, Any]]],
) -> None:
    (number,) = (number for number, scenario in enumerate(SCENARIOS) if scenario.spoilt is not None)
    before = convap().state_dict()
    for rank in range(WORLD_SIZE):
        assert found[rank][number]["numbers"][METRICS.index("finite")] == 0.0
        assert all(torch.equal(value, before[name]) for name, value in found[rank][number]["weights"].items())


def test_the_scenarios_are_even_uneven_in_pieces_and_fewer_than_processes() -> None:
    assert {(scenario.num_places % WORLD_SIZE, scenario.micro_batch is None) for scenario in SCENARIOS} == {
        (0, True), (0, False), (1, True), (1, False),
    }  # fmt: skip
    assert min(scenario.num_places for scenario in SCENARIOS) < WORLD_SIZE
