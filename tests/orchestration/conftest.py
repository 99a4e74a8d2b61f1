"""Two runs of the demo job on a tiny city, made once: the first computes, the second finds everything fresh."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from assets.definitions import defs
from assets.resources import Pipeline, RefusingIOManager
from gsv_pipeline import stages
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking import NullTracker
from tests.dagster_home import Home
from tests.tiny import TINY_TRAINING, tiny_experiment


@dataclass(frozen=True)
class DemoRuns:
    root: Path
    instance: dg.DagsterInstance
    first: dg.ExecuteInProcessResult
    second: dg.ExecuteInProcessResult


def resources(root: Path, *overrides: str) -> dict[str, object]:
    """The code location's resources over another data root, with an experiment that trains in a second."""
    pipeline = Pipeline(data_root=str(root), overrides=[*TINY_TRAINING, *overrides])
    return {"pipeline": pipeline, "io_manager": RefusingIOManager()}


@pytest.fixture(scope="session")
def demo_runs(tiny_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoRuns]:
    root = tmp_path_factory.mktemp("runs") / "data"
    shutil.copytree(tiny_demo, root)
    previous, os.environ["WANDB_MODE"] = os.environ.get("WANDB_MODE"), "disabled"
    job = defs.resolve_job_def("demo")
    with dg.DagsterInstance.ephemeral() as instance:
        runs = [
            job.execute_in_process(partition_key="demo", instance=instance, resources=resources(root)) for _ in range(2)
        ]
        yield DemoRuns(root, instance, runs[0], runs[1])
    os.environ.pop("WANDB_MODE") if previous is None else os.environ.update(WANDB_MODE=previous)


@pytest.fixture
def ready(tiny_layout: Layout) -> Layout:
    """A data root with all that training needs."""
    stages.build_places(tiny_layout, tiny_experiment(tiny_layout), tracker=NullTracker())
    stages.build_benchmark(tiny_layout, "demo_val", tracker=NullTracker())
    return tiny_layout


@pytest.fixture
def home(tmp_path: Path, chain_layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A Dagster home over a data root of its own, in which the whole chain has run without Dagster."""
    made = Home.make(tmp_path / "home", chain_layout.root)
    made.enter(monkeypatch)
    return made
