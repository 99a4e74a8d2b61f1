"""Runs as Dagster has them on record, in processes that live, have ended or are other ones by now."""

import subprocess
import sys
import time

import dagster as dg
from dagster import DagsterRunStatus
from dagster._core.events import EngineEventData


@dg.job
def anything() -> None: ...


def process_that_ended() -> int:
    """Its id, which nobody has now."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def run_of(instance: dg.DagsterInstance, process: int | None, *, age_s: float = 0.0) -> dg.DagsterRun:
    """A run that holds the only slot of the pool `gpu`.

    Args:
        instance: Where it is on record.
        process: In which it began; None: nothing tells.
        age_s: Seconds since then.
    """
    run = instance.create_run_for_job(anything, status=DagsterRunStatus.STARTED)
    if process is not None:
        told = dg.DagsterEvent(
            event_type_value=dg.DagsterEventType.ENGINE_EVENT.value,
            job_name=run.job_name,
            message="Executing steps",
            event_specific_data=EngineEventData.in_process(process),
        )
        instance.report_dagster_event(told, run.run_id, timestamp=time.time() - age_s)
    instance.event_log_storage.set_concurrency_slots("gpu", 1)
    instance.event_log_storage.claim_concurrency_slot("gpu", run.run_id, "checkpoint")
    return run
