"""A run that failed, read from Dagster's event log as the library's incident; and the hook that writes it at once."""

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import dagster as dg

from assets.partitions import LAYOUT
from gsv_pipeline.incidents import Failed, Incident, write_incident
from gsv_pipeline.layout import Layout

UI_VARIABLE: Final = "GSV_UI_URL"
UI: Final = "http://127.0.0.1:3000"
"""Where `make ui` serves it."""
PARTITION_TAG: Final = "dagster/partition"
_ASSETS: Final = "__ASSET_JOB"
_ANONYMOUS: Final = "__anonymous_asset_job_"
"""How Dagster 1.13 calls what has no job: assets that somebody materializes, and those of a schedule or sensor."""


@dg.failure_hook(name="incident")
def incident_hook(context: dg.HookContext) -> None:
    """Write the incident of a step that failed, also where no daemon runs; what goes wrong here is said and left."""
    run = context.instance.get_run_by_id(context.run_id)
    if run is None:
        return
    try:
        path = write_incident(layout_of(run), incident_of(context.instance, run))
    except OSError as error:
        context.log.warning(f"The incident was not written: {error.strerror}.")
        return
    context.log.info(f"The incident is told in {path}")


def incident_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Incident:
    """What the event log tells of a run that failed, so far."""
    failed = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    kinds = {*failed, dg.DagsterEventType.ASSET_CHECK_EVALUATION}
    events = [entry.dagster_event for entry in instance.all_logs(run.run_id, of_type=kinds) if entry.dagster_event]
    checks = tuple(_failed_checks(events))
    whole = [event.message or "" for event in events if event.event_type == dg.DagsterEventType.RUN_FAILURE]
    return Incident(
        run=run.run_id,
        job=_name(run),
        partition=run.tags.get(PARTITION_TAG, ""),
        created=_created(instance, run),
        message=whole[-1] if whole else "",
        steps=tuple(_failed_steps(events)),
        checks=checks,
        links=_links(run, events),
    )


def layout_of(run: dg.DagsterRun) -> Layout:
    """The data root that a run works on: its own, where its configuration names one."""
    configured: Any = run.run_config
    for name in ("resources", "pipeline", "config", "data_root"):
        configured = configured.get(name) if isinstance(configured, Mapping) else None
    return Layout.find(configured) if isinstance(configured, str) else LAYOUT


def _name(run: dg.DagsterRun) -> str:
    """The job; where Dagster made one up, the schedule, sensor or assets behind it."""
    if run.job_name.startswith(_ANONYMOUS):
        return run.job_name.removeprefix(_ANONYMOUS)
    if run.job_name != _ASSETS:
        return run.job_name
    assets = sorted(key.to_user_string() for key in run.asset_selection or ())
    return assets[0] if len(assets) == 1 else f"{len(assets)} assets"


def _created(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    record = instance.get_run_record_by_id(run.run_id)
    asked = record.create_timestamp if record else datetime.now(UTC)
    return asked.astimezone(UTC).isoformat(timespec="seconds")


def _failed_steps(events: list[dg.DagsterEvent]) -> Iterator[Failed]:
    """Steps with what was raised; a check that did not pass is told as such."""
    for event in events:
        if event.event_type != dg.DagsterEventType.STEP_FAILURE:
            continue
        data = event.step_failure_data
        error = data.error
        if error is not None and error.cls_name == "DagsterAssetCheckFailedError":
            continue
        text = data.user_failure_data.description if data.user_failure_data else None
        root = error.cause if error is not None and error.cause else error
        yield Failed(event.step_key or "", text or (root.message.strip() if root else "") or "No reason is known.")


def _failed_checks(events: list[dg.DagsterEvent]) -> Iterator[Failed]:
    for event in events:
        if event.event_type != dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            continue
        found = event.asset_check_evaluation_data
        if not found.passed and found.severity == dg.AssetCheckSeverity.ERROR:
            name = f"{found.asset_key.to_user_string()}: {found.check_name}"
            yield Failed(name, found.description or "It did not pass.")


def _links(run: dg.DagsterRun, events: list[dg.DagsterEvent]) -> dict[str, str]:
    """The run in the UI, and the page of each asset whose check did not pass."""
    links = {"run": f"{os.environ.get(UI_VARIABLE, UI).rstrip('/')}/runs/{run.run_id}"}
    for event in events:
        if event.event_type != dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            continue
        found = event.asset_check_evaluation_data
        page = layout_of(run).root.joinpath(*found.asset_key.path, found.partition or "")
        if not found.passed and found.severity == dg.AssetCheckSeverity.ERROR and (html := _page(page)):
            links[found.asset_key.to_user_string()] = html
    return links


def _page(artifact: Path) -> str:
    return next((str(path) for path in sorted(artifact.glob("*.html"))), "")
