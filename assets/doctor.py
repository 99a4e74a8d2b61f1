"""Runs that were killed: Dagster believes that they still run, and that they still hold their slot of a pool."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import dagster as dg

_UNDER_WAY: Final = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
_PROC: Final = Path("/proc")
_STATE: Final = 3
_START: Final = 22
"""Fields of /proc/PID/stat (man 5 proc_pid_stat): whether it runs, and when it began, in ticks since the boot."""
_CLOCKS_S: Final = 60.0
"""Whoever sets the clock moves the time of the boot, but not that of an event: no run must die of it."""


def end_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark killed runs as failed and give back what they hold; a run that waits for the slot then goes on.

    Args:
        instance: Its unfinished runs are looked at, and every run that holds a slot.

    Returns:
        Ids of the runs that were ended or freed, sorted.
    """
    storage = instance.event_log_storage
    pools = storage.get_concurrency_infos(sorted(storage.get_concurrency_keys())).values()
    holders = {run_id for pool in pools for run_id in pool.active_run_ids | pool.pending_run_ids}
    unfinished = {run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=_UNDER_WAY))}
    ended = []
    for run_id in sorted(holders | unfinished):
        run = instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:
            if _is_alive(instance, run_id):
                continue
            instance.report_run_failed(run, "The process of this run is gone: it was killed.")
        storage.free_concurrency_slots_for_run(run_id)
        ended.append(run_id)
    return ended


def _is_alive(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether the process that executes the run exists; unknown counts as alive, so nothing is taken from a run."""
    process = _process_of(instance, run_id)
    if process is None:
        return True
    try:
        os.kill(process.number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it exists, and belongs to somebody else
    return _may_be(process)


@dataclass(frozen=True, slots=True)
class _Process:
    """The process of a run's executor.

    Args:
        number: Its id, which the kernel gives to another one when it is gone.
        told: When the run told it, in seconds since 1970: it was started before.
    """

    number: int
    told: float


def _process_of(instance: dg.DagsterInstance, run_id: str) -> _Process | None:
    """The process in the run's first engine event that names one: that of its executor."""
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        event = entry.dagster_event
        pid = event.engine_event_data.metadata.get("pid") if event is not None else None
        if pid is not None:
            return _Process(int(str(pid.value)), entry.timestamp)
    return None


def _may_be(process: _Process) -> bool:
    """Whether what has the id now is not known to be another process, or one that has ended and nobody collects."""
    try:
        # The second field is the name of the program, in brackets, and may hold anything.
        fields = (_PROC / str(process.number) / "stat").read_text().rpartition(")")[2].split()
        lines = (_PROC / "stat").read_text().splitlines()
    except OSError:
        return True  # not Linux, or it has just ended: the next look says so
    (boot,) = (int(line.split()[1]) for line in lines if line.startswith("btime "))
    begun = boot + int(fields[_START - _STATE]) / os.sysconf("SC_CLK_TCK")
    return fields[0] != "Z" and begun < process.told + _CLOCKS_S


def main() -> None:
    """`python -m assets.doctor`, from the repository root: end the dead runs of its instance and say which."""
    with _instance() as instance:
        ended = end_dead_runs(instance)
    click.echo("\n".join(f"ended {run_id}" for run_id in ended) or "every run that is under way lives")


def _instance() -> dg.DagsterInstance:
    """That of DAGSTER_HOME, else that of this folder: the same as `dagster job execute` and `dagster dev` take."""
    if os.environ.get("DAGSTER_HOME"):
        return dg.DagsterInstance.get()
    if not Path("dagster.yaml").is_file():
        raise click.ClickException(
            f"There is no dagster.yaml in {Path.cwd()}. Run this in the repository, or set DAGSTER_HOME."
        )
    return dg.DagsterInstance.from_config(str(Path.cwd()))


if __name__ == "__main__":
    main()
