"""Forgets runs of Dagster that ended long ago: their rows, event logs and output. Artifacts and their history stay.

`dagster run delete` leaves a run's event log and output on the disk; this removes them too. Run it in the repository:

    DAGSTER_HOME=$PWD .venv/bin/python docs/operations/forget_runs.py --days 90 --yes
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click
import dagster as dg

ENDED: Final = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
SQLITE_SUFFIXES: Final = ("", "-wal", "-shm")


def ended_before(instance: dg.DagsterInstance, moment: datetime) -> Sequence[dg.DagsterRun]:
    """Runs that were asked for before `moment` and are over."""
    return instance.get_runs(dg.RunsFilter(statuses=ENDED, created_before=moment))


def forget(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Remove all that the instance keeps of a run, but the latest materialization of its assets."""
    instance.delete_run(run.run_id)
    instance.compute_log_manager.delete_logs(prefix=[run.run_id])
    # On SQLite every run has an event log of its own; other storages have none to remove.
    path_for_shard = getattr(instance.event_log_storage, "path_for_shard", None)
    for suffix in SQLITE_SUFFIXES if path_for_shard else ():
        Path(f"{path_for_shard(run.run_id)}{suffix}").unlink(missing_ok=True)


@click.command()
@click.option("--days", type=click.IntRange(1), default=90, show_default=True, help="Runs that are older than this.")
@click.option("--yes", is_flag=True, help="Forget them; without this it only counts them.")
def main(days: int, yes: bool) -> None:
    """Forget runs that ended long ago."""
    os.environ.setdefault("DAGSTER_HOME", str(Path.cwd()))  # the repository has its dagster.yaml at the top
    if not (Path(os.environ["DAGSTER_HOME"]) / "dagster.yaml").is_file():
        raise click.UsageError(
            f"{os.environ['DAGSTER_HOME']} holds no dagster.yaml. Run this in the repository, or set DAGSTER_HOME."
        )
    with dg.DagsterInstance.get() as instance:
        runs = ended_before(instance, datetime.now(UTC) - timedelta(days=days))
        for run in runs if yes else ():
            forget(instance, run)
    click.echo(f"{len(runs)} runs older than {days} days {'are forgotten' if yes else 'would go; --yes forgets them'}")


if __name__ == "__main__":
    main()
