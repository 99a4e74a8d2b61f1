"""Runs the chain of a report again as commands of its own code, and compares."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import gsv_pipeline
from gsv_pipeline.errors import DataError, RunError
from gsv_pipeline.evaluation.agreement import Agreement, agreement
from gsv_pipeline.evaluation.history import recorded_steps
from gsv_pipeline.evaluation.history_changes import DATA, Change, step_changes
from gsv_pipeline.evaluation.history_file import Step
from gsv_pipeline.layout import DATA_ROOT_VARIABLE, Layout
from gsv_pipeline.manifest import read_manifest
from gsv_pipeline.provenance import RUN_VARIABLE
from gsv_pipeline.reproduction.checkout import own_repository, worktree
from gsv_pipeline.reproduction.ground import prepared_root
from gsv_pipeline.reproduction.plan import AGAIN, Plan, plan_reproduction
from gsv_pipeline.tracking import Tracker

_NOT_INHERITED: Final = (
    DATA_ROOT_VARIABLE,
    RUN_VARIABLE,
    "DAGSTER_PIPES_CONTEXT",
    "DAGSTER_PIPES_MESSAGES",
    "LOCAL_RANK",
    "RANK",
    "WORLD_SIZE",
)
"""What a step of Dagster or torchrun tells its own children; these are none."""
_COMMANDS: Final = """
import json, sys
from gsv_pipeline.cli import run
for arguments in json.loads(sys.argv[1]):
    print("Running: gsv-pipeline", *arguments[2:], file=sys.stderr, flush=True)
    code = run(arguments)
    if code:
        sys.exit(code)
"""
"""All commands in one process: torch is imported once. `run` has been there since the first release."""
_STOP_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A report that was made again.

    Args:
        key: Of the report.
        commit: Of the code that ran; empty where it was today's.
        agreement: Then and now.
        changes: What else was different: packages, hardware, and with today's code that.
        folder: Where all of it lies, if it was kept.
    """

    key: str
    commit: str
    agreement: Agreement
    changes: Sequence[Change]
    folder: Path | None


def reproduce(
    layout: Layout,
    name: str,
    *,
    tracker: Tracker,
    here: bool = False,
    keep: bool = False,
    repository: Path | None = None,
) -> Reproduction:
    """Run the chain of a report again, in a worktree of its commit and a data root of its own, and compare.

    Args:
        layout: Where to look for the report.
        name: Its key, or a path into it.
        tracker: Told what runs.
        here: Run the code that is here, and not that of the report's commit.
        keep: Leave the worktree and the data root.
        repository: That knows the commit; the one that this code runs from if None.

    Raises:
        ConfigError: No such report, or code that no commit holds.
        DataError: The chain is broken, or a data set is not what it was and cannot be brought back.
        RunError: A command failed.
    """
    plan = plan_reproduction(layout, name, here=here)
    with (
        _folder(keep=keep) as folder,
        _code(plan, folder, repository=repository, keep=keep) as code,
        prepared_root(plan, folder, tracker=tracker, keep=keep) as ground,
    ):
        _run(plan.commands(), code=code, ground=ground)
        report = ground.root / plan.again
        _check_code(plan, report)
        found = agreement(plan.report, report)
        changes = step_changes(plan.steps, _renamed(recorded_steps(ground, report)))
    return Reproduction(plan.key, plan.commit, found, _told(changes, plan.key), folder if keep else None)


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="gsv-reproduce-")).resolve()
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _code(plan: Plan, folder: Path, *, repository: Path | None, keep: bool) -> Iterator[Path]:
    """The folder that holds the package to run."""
    if not plan.commit:
        yield Path(gsv_pipeline.__file__).resolve().parents[1]
        return
    with worktree(repository or own_repository(), plan.commit, folder / "code", keep=keep) as code:
        yield code


def _run(commands: Sequence[Sequence[str]], *, code: Path, ground: Layout) -> None:
    """Commands of that code in a process of its own; what they say goes to where ours goes.

    Raises:
        RunError: One of them failed.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    # Modules of callables may lie in the working directory; the code itself comes first.
    folders = (str(code), str(Path.cwd()), environment.get("PYTHONPATH", ""))
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, folders))
    environment.update({"WANDB_MODE": "disabled", "PYTHONDONTWRITEBYTECODE": "1"})
    whole = [["--data-root", str(ground.root), *command] for command in commands]
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMANDS, json.dumps(whole)],
        cwd=code,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        code_of_exit = process.wait()
    except BaseException:
        _end(process)
        raise
    if code_of_exit:
        raise RunError(
            f"The report could not be made again: a command ended with {code_of_exit}, and what it said stands above. "
            "With --keep the code and the data root stay for a look."
        )


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _check_code(plan: Plan, report: Path) -> None:
    """Whether it was the commit's code that ran: a package of the same name elsewhere must not stand in for it."""
    made = read_manifest(report)
    if made is None:
        raise DataError(f"All commands ended well, but there is no {report}.")
    ran = str(made.provenance.get("git", ""))
    if plan.commit and not ran.startswith(plan.commit):
        raise RunError(f"The code that ran was {ran or 'of no commit'}, expected {plan.commit}. Look at PYTHONPATH.")


def _renamed(steps: dict[str, Step]) -> dict[str, Step]:
    """Under the names that they had the first time."""
    return {key.removesuffix(AGAIN): _with_old_inputs(step) for key, step in steps.items()}


def _with_old_inputs(step: Step) -> Step:
    inputs = tuple(name.removesuffix(AGAIN) for name in step.inputs)
    return Step(step.version, step.created, inputs, step.rooms, step.config, step.surroundings, step.dagster_run)


def _told(changes: Sequence[Change], report: str) -> list[Change]:
    """Data are given, and the report holds the experiment's new name: other versions of these say nothing."""
    return [change for change in changes if change.kind != DATA and not change.what.startswith(f"{report}:")]
