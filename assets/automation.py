"""What happens by itself: two schedules and two sensors, all of them off until somebody switches them on."""

import json
import os
from collections.abc import Sequence
from typing import Final

import dagster as dg

from assets.dataset import CATALOG_ASSETS
from assets.incidents import incident_of, layout_of
from assets.jobs import catalog_keys, evaluation_keys
from assets.partitions import LAYOUT
from assets.presence import comparable_benchmarks, present_benchmarks, runnable_benchmarks
from assets.run_requests import new_checkpoints, rebenchmark_requests, revalidate_requests
from gsv_pipeline.incidents import WEBHOOK_VARIABLE, message_of, post, write_incident

TIMEZONE: Final = "UTC"
CHECKPOINT_LOOK_S: Final = 30
INCIDENT_LOOK_S: Final = 10

# Not jobs, but all assets that a run may need: which of them it gets is decided when it is asked for.
_COMPARED: Final = dg.AssetSelection.assets(*evaluation_keys(comparable_benchmarks(LAYOUT)))
_EVALUATED: Final = dg.AssetSelection.assets(*evaluation_keys(runnable_benchmarks(LAYOUT)))
_CATALOGS: Final = dg.AssetSelection.assets(*catalog_keys(list(CATALOG_ASSETS)))


@dg.schedule(
    cron_schedule="0 3 * * 0",
    execution_timezone=TIMEZONE,
    target=_COMPARED,
    description=f"Sundays at 03:00 {TIMEZONE}, for every experiment with an accepted recall: describes, indexes and "
    "evaluates all benchmarks that are there again, although nothing changed. What is retrieved is compared with what "
    "was retrieved before, R@1 with the accepted one, and the history gets a line: that is how drift of packages or "
    "hardware is seen. Catalogs, places and checkpoints are left alone.",
)
def rebenchmark_weekly(context: dg.ScheduleEvaluationContext) -> Sequence[dg.RunRequest] | dg.SkipReason:
    """One run per accepted experiment."""
    requests = rebenchmark_requests(LAYOUT, context.scheduled_execution_time)
    return requests or dg.SkipReason(
        "No experiment of this code location has an accepted recall (gsv-pipeline accept EXPERIMENT --reason …), or "
        f"no benchmark's images are below {LAYOUT.root}."
    )


@dg.schedule(
    cron_schedule="0 5 1 * *",
    execution_timezone=TIMEZONE,
    target=_CATALOGS,
    description=f"The first of every month at 05:00 {TIMEZONE}, for every data set that is there: decodes every image "
    "in full, since damage to a disk changes bytes and no date. Takes minutes for 100,000 images.",
)
def revalidate_monthly(context: dg.ScheduleEvaluationContext) -> Sequence[dg.RunRequest] | dg.SkipReason:
    """One run per data set."""
    requests = revalidate_requests(LAYOUT, context.scheduled_execution_time)
    return requests or dg.SkipReason(f"No data set with a catalog is below {LAYOUT.root}. Fetch one.")


@dg.sensor(
    target=_EVALUATED,
    minimum_interval_seconds=CHECKPOINT_LOOK_S,
    description="Benchmarks every checkpoint that is new or has changed, whoever made it (a run, a shell, "
    "`dvc repro`), on all benchmarks that are there; what is up to date is not computed again. When it is switched on "
    "for the first time, all checkpoints are new to it.",
)
def benchmark_new_checkpoint(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """One run per checkpoint."""
    if not present_benchmarks(LAYOUT):
        return dg.SkipReason(f"No benchmark's images are below {LAYOUT.root}. Fetch a data set.")
    known = json.loads(context.cursor or "{}")
    found = new_checkpoints(LAYOUT, known)
    for remark in found.remarks if found.requests else ():
        context.log.warning(remark)
    # Nothing that was benchmarked is forgotten: a checkpoint that is away for a moment is not new when it is back.
    cursor = json.dumps({**known, **found.known}, sort_keys=True)
    if found.requests:
        return dg.SensorResult(run_requests=found.requests, cursor=cursor)
    told = "; ".join(found.remarks) or f"{len(found.known)} checkpoints, none of them new."
    return dg.SensorResult(skip_reason=told, cursor=cursor)


@dg.run_failure_sensor(
    name="report_incident",
    minimum_interval_seconds=INCIDENT_LOOK_S,
    # Runs of a shell belong to no code location, and are to be reported too.
    monitor_all_code_locations=True,
    description="Writes what is known of every run that fails, or whose check does not pass, to "
    f"`incidents/` below the data root, and posts it to the address in `{WEBHOOK_VARIABLE}`, where that is set, as "
    'Slack takes it: `{"text": "…"}`. The variable must be set where the daemon is started.',
)
def report_incident(context: dg.RunFailureSensorContext) -> None:
    """One file and one message per run; what goes wrong in writing and posting it is logged, never raised."""
    run = context.dagster_run
    incident, file = incident_of(context.instance, run), None
    try:
        file = write_incident(layout_of(run), incident)
    except OSError as error:
        context.log.warning(f"The incident of run {run.run_id} was not written: {error.strerror}.")
    url = os.environ.get(WEBHOOK_VARIABLE, "")
    reason = post(url, message_of(incident, file=file)) if url else ""
    if reason:
        context.log.warning(f"The webhook was not told of run {run.run_id}: {reason}.")


SCHEDULES: Final = [rebenchmark_weekly, revalidate_monthly]
SENSORS: Final = [benchmark_new_checkpoint, report_incident]
