"""What a run has made, and what the daemon does about one that failed."""

import dagster as dg

from assets.automation import report_incident
from gsv_pipeline.benchmarks import BENCHMARKS

STEPS = ("benchmark", "embeddings", "faiss_index", "recall_report")
DEMO_BENCHMARKS = [name for name, row in BENCHMARKS.items() if row.dataset == "demo"]
DEMO_CHAIN = {
    "dataset/demo",
    "catalog/demo",
    "places",
    "checkpoint",
    "leaderboard",
    *(f"{step}/{name}" for step in STEPS for name in DEMO_BENCHMARKS),
}


def materializations(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetMaterialization]:
    """Key -> what was recorded of it."""
    made = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    return {item.asset_key.to_user_string(): item for item in made}


def report(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> None:
    """What the daemon does when it sees that a run has failed."""
    (event,) = [event for event in result.all_events if event.event_type == dg.DagsterEventType.RUN_FAILURE]
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    with dg.build_run_status_sensor_context("report_incident", event, instance, run) as context:
        report_incident(context.for_run_failure())
