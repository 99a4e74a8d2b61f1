"""A person presses Terminate in the UI while a run trains."""

from pathlib import Path

import dagster as dg
import pytest

from gsv_pipeline.layout import Layout
from tests.dagster_home import DEFINITIONS, Home
from tests.graphql import ask
from tests.orchestration.trainers import LONG, assert_it_saved, trainer
from tests.pictures.served import served
from tests.tiny import TINY_TRAINING
from tests.waiting import gone, parent_of, wait_for

LAUNCH = """mutation($config: RunConfigData!) { launchRun(executionParams: {
selector: {repositoryName: "__repository__", repositoryLocationName: "gsv_pipeline", jobName: "train"},
runConfigData: $config, executionMetadata: {tags: [{key: "dagster/partition", value: "demo"}]}}) {
__typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
TERMINATE = """mutation($run: String!) { terminateRun(runId: $run, terminatePolicy: SAFE_TERMINATE) { __typename } }"""
STATUS = """query($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"""


@pytest.mark.slow
def test_a_cancel_in_the_ui_ends_the_training_child_which_saves(
    ready: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = {"config": {"data_root": str(ready.root), "overrides": [*TINY_TRAINING, *LONG]}}
    home = Home.make(tmp_path / "home", ready.root, definitions=DEFINITIONS)
    home.enter(monkeypatch)
    with served(home) as address:
        port = int(address.rpartition(":")[2])
        launched = ask(port, LAUNCH, config={"resources": {"pipeline": pipeline}})["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        run = launched["run"]["runId"]
        child = trainer(ready)
        step = parent_of(child)

        assert ask(port, TERMINATE, run=run) == {"terminateRun": {"__typename": "TerminateRunSuccess"}}

        wait_for(lambda: ask(port, STATUS, run=run)["runOrError"]["status"] != "CANCELING", within_s=120)
        assert ask(port, STATUS, run=run) == {"runOrError": {"status": "CANCELED"}}
        assert gone(child)
        assert gone(step)
    with dg.DagsterInstance.get() as instance:
        assert instance.event_log_storage.get_concurrency_info("gpu").active_run_ids == set()
    assert_it_saved(ready)
