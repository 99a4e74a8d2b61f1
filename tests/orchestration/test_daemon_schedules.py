"""Schedules under a real daemon: the tick that is due asks for a run, and the run does what the schedule promises."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import ScheduleInstigatorData, TickStatus

from gsv_pipeline.evaluation.history_file import read_history
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest
from tests.dagster_home import Home
from tests.orchestration.accepted import BENCHMARKS, accepted_experiment
from tests.orchestration.daemons import Daemon, daemon, switch_on
from tests.waiting import wait_for

ON_TIME = timedelta(minutes=1)


def last_sunday(now: datetime) -> datetime:
    """The last Sunday at 03:00."""
    at = (now - timedelta(days=now.isoweekday() % 7)).replace(hour=3, minute=0, second=0, microsecond=0)
    return at if at <= now else at - timedelta(days=7)


def last_first_of_a_month(now: datetime) -> datetime:
    """The last first of a month at 05:00."""
    at = now.replace(day=1, hour=5, minute=0, second=0, microsecond=0)
    return at if at <= now else (at - timedelta(days=1)).replace(day=1)


def switched_on_before(instance: dg.DagsterInstance, due: Mapping[str, datetime]) -> None:
    """As if every schedule had been switched on just before it was due the last time, and no daemon had run since."""
    for state in instance.all_instigator_state():
        data = state.instigator_data
        assert isinstance(data, ScheduleInstigatorData)
        begun = (due[state.instigator_name] - ON_TIME).timestamp()
        instance.update_instigator_state(state.with_data(ScheduleInstigatorData(data.cron_schedule, begun)))


def runs_of_all(
    instance: dg.DagsterInstance, running: Daemon, schedules: Mapping[str, datetime]
) -> list[dg.DagsterRun]:
    """The run of each schedule, as soon as all have ended."""

    def have_ended() -> bool:
        found = instance.get_runs()
        return running.is_gone() or (len(found) >= len(schedules) and all(run.is_finished for run in found))

    wait_for(have_ended, within_s=240)
    assert not running.is_gone(), running.said()
    return list(instance.get_runs())


def ticks(instance: dg.DagsterInstance) -> dict[str, list[tuple[datetime, TickStatus]]]:
    """Schedule -> when it was due and what became of it."""
    return {
        state.instigator_name: [
            (datetime.fromtimestamp(tick.timestamp, UTC), tick.status)
            for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id)
        ]
        for state in instance.all_instigator_state()
    }


@pytest.mark.slow
def test_the_daemon_runs_what_was_due_and_everything_is_made_again_although_nothing_changed(
    home: Home, chain_layout: Layout
) -> None:
    accepted_experiment(chain_layout, "mine")
    before = {name: read_manifest(chain_layout.recall_report(name, "mine")) for name in BENCHMARKS}
    checkpoint = read_manifest(chain_layout.checkpoint("mine"))
    assert [len(read_history(chain_layout.history(name, "mine"))) for name in BENCHMARKS] == [1, 1]
    now = datetime.now(UTC)
    due = {"rebenchmark_weekly": last_sunday(now), "revalidate_monthly": last_first_of_a_month(now)}
    switch_on(home, "schedule")

    with dg.DagsterInstance.from_config(str(home.folder)) as instance:
        switched_on_before(instance, due)
        with daemon(home) as running:
            runs = {run.tags["dagster/schedule_name"]: run for run in runs_of_all(instance, running, due)}
        assert ticks(instance) == {name: [(at, TickStatus.SUCCESS)] for name, at in due.items()}

    assert {name: run.status for name, run in runs.items()} == dict.fromkeys(due, dg.DagsterRunStatus.SUCCESS)
    weekly, monthly = runs["rebenchmark_weekly"], runs["revalidate_monthly"]
    assert weekly.tags["dagster/partition"] == "mine"
    assert weekly.tags["dagster/run_key"] == f"{due['rebenchmark_weekly'].isoformat()} mine"
    for name, manifest in before.items():
        assert manifest is not None
        for artifact in (chain_layout.embeddings, chain_layout.faiss_index, chain_layout.recall_report):
            made = read_manifest(artifact(name, "mine"))
            assert made is not None
            assert made.provenance["dagster_run"] == weekly.run_id, made
        first, second = read_history(chain_layout.history(name, "mine"))
        assert (first.report, first.date) == (manifest.data_version, manifest.created)
        assert (second.recall_at, second.dagster_run) == (first.recall_at, weekly.run_id)
        assert second.date > first.date
    assert read_manifest(chain_layout.checkpoint("mine")) == checkpoint
    catalog = read_manifest(chain_layout.catalog("demo"))
    assert catalog is not None
    assert (catalog.config["look"], catalog.provenance["dagster_run"]) == ("full", monthly.run_id)
