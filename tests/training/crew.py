"""Processes as torchrun starts them, `python -m tests.training.crew SCENARIO` each; the test holds their store."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gsv_pipeline.errors import DataError, StaleInputError, StoppedError
from gsv_pipeline.production import StageResult
from gsv_pipeline.training.processes import Processes, join_processes

REPOSITORY = Path(__file__).parents[2]
Report = dict[str, Any]


def start(module: str, *arguments: str, size: int, port: int, **variables: str) -> list["subprocess.Popen[str]"]:
    """Start `size` processes; the caller holds the store at `port`, as torchrun's agent does."""
    command = [sys.executable, "-m", module, *arguments]
    shared = {
        "WORLD_SIZE": str(size), "LOCAL_WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
        "TORCHELASTIC_USE_AGENT_STORE": "True", "OMP_NUM_THREADS": "1", "WANDB_MODE": "disabled",
    }  # fmt: skip
    return [
        subprocess.Popen(
            command,
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank), **variables},
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]


def ended(work: Callable[[Processes], StageResult]) -> Report:
    """What came of it in this process."""
    try:
        with join_processes() as processes:
            result = work(processes)
    except BaseException as error:  # noqa: BLE001 - stops too are reported
        return {"error": type(error).__name__, "text": str(error), "number": getattr(error, "number", None)}
    return {"artifact": str(result.artifact), "metadata": result.metadata, "cached": result.cached}


def in_parts(
    lead: Callable[[Processes], StageResult], assist: Callable[[Processes], object]
) -> Callable[[Processes], StageResult]:
    def work(processes: Processes) -> StageResult:
        if processes.is_first:
            return processes.lead(lambda: lead(processes))
        return processes.follow(lambda: assist(processes))

    return work


def nothing_to_do(processes: Processes) -> StageResult:
    return StageResult(Path("/there"), {"steps": 3}, "abc", cached=True)


def refuse(processes: Processes) -> StageResult:
    raise StaleInputError("places are missing", {"run": "gsv-pipeline places"})


def unused(processes: Processes) -> None:
    raise AssertionError("nothing was to be done")


def exchange(processes: Processes) -> Report:
    import torch

    own = np.full((2 + processes.rank, 3), processes.rank, dtype=np.float32)
    nothing = own[:0] if processes.rank == 1 else own
    tensor = torch.full((2,), float(processes.rank))
    processes.same_tensors([tensor])
    return {
        "largest": processes.agree(7 * processes.rank),
        "rows": processes.gather_rows(own).tolist(),
        "some": len(processes.gather_rows(nothing)),
        "value": processes.from_first({"rank": processes.rank}),
        "tensor": tensor.tolist(),
        "processors": processes.own_processors,
    }


def lead_exchange(processes: Processes) -> StageResult:
    processes.begin()
    return StageResult(Path("/made"), exchange(processes), "abc", cached=False)


def fail_in(rank: int, error: BaseException) -> Callable[[Processes], StageResult]:
    def part(processes: Processes) -> StageResult:
        if processes.is_first:
            processes.begin()
        for _ in range(3):
            with processes.together():
                if processes.rank == rank and _ == 1:
                    raise error
        return nothing_to_do(processes)

    return in_parts(part, part)


def stop_together(processes: Processes) -> StageResult:
    if processes.is_first:
        processes.begin()
    number = processes.agree(15 if processes.rank == 1 else 0)
    raise StoppedError("asked to stop", number)


def die_without_a_word(processes: Processes) -> StageResult:
    """The second process is gone in the middle; the first one waits for it."""
    if processes.is_first:
        processes.begin()
    processes.agree(0)
    if processes.rank == 1:
        os._exit(9)
    processes.agree(0)
    return nothing_to_do(processes)


def train(processes: Processes) -> StageResult:
    """Train in all processes; the weights and what was logged end up in the folder that the second argument names."""
    import torch

    from gsv_pipeline.config import Training
    from gsv_pipeline.training.fit import _fabric
    from tests.training.tiny_trainer import trainer

    if processes.is_first:
        processes.begin()
    seen: list[float] = []

    def validate(model: torch.nn.Module) -> dict[str, float]:
        seen.append(float(sum(value.double().sum() for value in model.state_dict().values())))
        return {"val/R@1": 0.5}

    fabric = _fabric(Training(precision="32-true"), processes)
    folder = Path(sys.argv[2])
    alike = {"frozen_statistics": True, "optimizer": "sgd", "epochs": 2}
    run = trainer(folder / "state", fabric=fabric, processes=processes, validate=validate, **alike)
    done = run.run()
    torch.save(run.bare_model.state_dict(), folder / f"weights-{processes.rank}.pt")
    has_best = done.best_weights is not None
    return StageResult(folder, {"history": done.history, "seen": seen, "has_best": has_best}, "", cached=False)


def resume(processes: Processes) -> StageResult:
    """Each process looks for the state in a folder of its own, as on machines that share no disk."""
    from gsv_pipeline.config import Training
    from gsv_pipeline.training.fit import _fabric
    from tests.training.tiny_trainer import trainer

    if processes.is_first:
        processes.begin()
    fabric = _fabric(Training(precision="32-true"), processes)
    folder = Path(sys.argv[2]) / str(processes.rank)
    trainer(folder, fabric=fabric, processes=processes).run()
    return nothing_to_do(processes)


def validate(name: str) -> Callable[[Processes], StageResult]:
    """Recalls of images in the folder `name` inside the second argument, shared by fours."""

    def part(processes: Processes) -> StageResult:
        from gsv_pipeline.evaluation import validator
        from tests.evaluation.colours import MeanColour, colour_validation

        if processes.is_first:
            processes.begin()
        validator.SHARED_IMAGES = 4  # type: ignore[misc]
        paths = sorted((Path(sys.argv[2]) / name).iterdir())
        own = validator.own_images(len(paths), processes)
        item = colour_validation(paths, own=own)
        seen: list[str] = []
        recalls = validator.RecallValidator(
            [item], precision="32-true", processes=processes, on_retrieval=lambda name, *_: seen.append(name)
        )(MeanColour())
        return StageResult(Path(name), {"recalls": dict(recalls), "seen": seen, "own": own.stop}, "", cached=False)

    return in_parts(part, part)


SCENARIOS: dict[str, list[Callable[[Processes], StageResult]]] = {
    "all": [
        in_parts(nothing_to_do, unused),
        in_parts(refuse, unused),
        in_parts(lead_exchange, exchange),
        fail_in(1, DataError("image 7 is damaged", {"image": "7"})),
        fail_in(0, ZeroDivisionError("a bug")),
        in_parts(stop_together, stop_together),
    ],
    "train": [in_parts(train, train)],
    "resume": [in_parts(resume, resume)],
    "validate": [validate("whole"), validate("damaged")],
    "death": [in_parts(die_without_a_word, die_without_a_word)],
}

if __name__ == "__main__":
    print(json.dumps([ended(work) for work in SCENARIOS[sys.argv[1]]]))
