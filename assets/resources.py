"""What assets are given: the `pipeline` resource, and an IO manager that refuses to pickle."""

import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import dagster as dg
from pydantic import Field, PrivateAttr

from assets.doctor import end_dead_runs
from gsv_pipeline.config import Experiment, load_experiment
from gsv_pipeline.layout import Layout
from gsv_pipeline.sources.own import dataset_row
from gsv_pipeline.tracking import Tracker, Trackers
from gsv_pipeline.tracking.console import ConsoleTracker
from gsv_pipeline.tracking.dagster_log import DagsterLogTracker


class Pipeline(dg.ConfigurableResource["Pipeline"]):
    """Where artifacts live, and what a run changes in its experiment.

    Args:
        data_root: Absolute path of the data root.
        overrides: Settings of the experiment for every step of this run.
        seed: Of the experiment and of the rendered data set.
    """

    data_root: str | None = Field(default=None, description="Where artifacts live; an absolute path.")
    overrides: list[str] = Field(
        default=[], description="Settings of the experiment for every step of this run, such as training.epochs=3."
    )
    seed: int | None = Field(default=None, description="Seed of the experiment and of the rendered data set.")
    _terminal: TextIO | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Free what killed runs hold, for no step would ever get it; and keep hold of the terminal.

        Dagster redirects standard error into a file as soon as the steps start: bars would end there.
        """
        if context.instance is not None:
            end_dead_runs(context.instance)
        if os.isatty(2):
            self._terminal = os.fdopen(os.dup(2), "w")

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Let go of it."""
        if self._terminal is not None:
            self._terminal.close()

    def layout(self) -> Layout:
        """The data root of this run."""
        return Layout.find(self.data_root)

    def experiment(self, name: str) -> Experiment:
        """Experiment `name` with this run's settings.

        Raises:
            ConfigError: Unknown experiment or setting.
        """
        seed = [] if self.seed is None else [f"seed={self.seed}"]
        return load_experiment(self.layout(), name, [*self.overrides, *seed])

    def source_arguments(self, dataset: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What the source of `dataset` is called with: the run's seed where it is rendered, and `arguments`."""
        rendered = dataset_row(self.layout(), dataset).source == "demo" and self.seed is not None
        return {**({"seed": self.seed} if rendered else {}), **arguments}

    def tracker(self, context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> Tracker:
        """The run's log, and the terminal for whoever waits in front of it."""
        return Trackers(DagsterLogTracker(context.log), ConsoleTracker(self._terminal or sys.stderr))


class RefusingIOManager(dg.IOManager):
    """Assets are files at `Layout` paths; a value that an asset returns would be pickled beside them."""

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Refuse.

        Raises:
            Failure: Always.
        """
        raise dg.Failure(
            f"{context.get_identifier()} returned a {type(obj).__name__}; assets return dg.MaterializeResult and write "
            "files through their stage. Annotate the asset '-> dg.MaterializeResult[None]', return materialized(…).",
            allow_retries=False,
        )

    def load_input(self, context: dg.InputContext) -> None:
        """Refuse.

        Raises:
            Failure: Always.
        """
        raise dg.Failure(
            "Assets read files through Layout, not through arguments. Declare the upstream asset in `deps`.",
            allow_retries=False,
        )
