"""What assets are given: the `pipeline` resource, and an IO manager that refuses to pickle."""

import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import dagster as dg
from pydantic import Field, PrivateAttr

from assets.doctor import end_dead_runs
from gsv_pipeline.config import Experiment, load_experiment
from gsv_pipeline.errors import ConfigError
from gsv_pipeline.layout import Layout
from gsv_pipeline.provenance import RUN_VARIABLE
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
        processes: That train together on this machine.
    """

    data_root: str | None = Field(default=None, description="Where artifacts live; an absolute path.")
    overrides: list[str] = Field(
        default=[], description="Settings of the experiment for every step of this run, such as training.epochs=3."
    )
    seed: int | None = Field(default=None, description="Seed of the experiment and of the rendered data set.")
    processes: int = Field(
        default=1,
        ge=1,
        description="Processes that train together on this machine, one per GPU; more than one run under torchrun.",
    )
    _terminal: TextIO | None = PrivateAttr(default=None)
    _outer_run: str | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Free what killed runs hold, which no step would ever get; tell stages the run; keep hold of the terminal.

        Dagster redirects standard error into a file as soon as the steps start: bars would end there.
        """
        if context.instance is not None:
            end_dead_runs(context.instance)
        self._outer_run = os.environ.get(RUN_VARIABLE)
        _set_run(context.run.run_id if context.run else None)
        if os.isatty(2):
            self._terminal = os.fdopen(os.dup(2), "w")

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Let go of it."""
        _set_run(self._outer_run)
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

    def experiment_of(self, context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> Experiment:
        """The experiment that the run is about, with this run's settings.

        Raises:
            ConfigError: The run names none, or one with a setting that it does not have.
        """
        if not context.has_partition_key:
            tag = '{"dagster/partition": "demo"}'
            raise ConfigError(
                f"{context.op_def.name} is about one experiment, and the run names none. In a shell, add "
                f"--tags '{tag}'; in the UI, choose a partition. gsv-pipeline list names the experiments."
            )
        return self.experiment(context.partition_key)

    def check_named(self, context: dg.AssetExecutionContext) -> None:
        """For assets of no experiment, the first of a run about one: Dagster would find a wrong name later.

        Raises:
            ConfigError: The run names an experiment that does not exist, or settings that it does not have.
        """
        if context.has_partition_key:
            self.experiment_of(context)

    def source_arguments(self, dataset: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What the source of `dataset` is called with: the run's seed where it is rendered, and `arguments`."""
        rendered = dataset_row(self.layout(), dataset).source == "demo" and self.seed is not None
        return {**({"seed": self.seed} if rendered else {}), **arguments}

    def command(self, *arguments: str) -> list[str]:
        """The command line of `gsv-pipeline ARGUMENTS` over this data root, in as many processes as the run has."""
        torchrun = ["torch.distributed.run", "--standalone", f"--nproc-per-node={self.processes}", "-m"]
        launcher = torchrun if self.processes > 1 else []
        root = str(self.layout().root)
        return [sys.executable, "-m", *launcher, "gsv_pipeline.cli", "--data-root", root, *arguments]

    def terminal(self) -> str | None:
        """The device of the terminal that Dagster hides, for a child process to show its bars on; None without one."""
        if self._terminal is None:
            return None
        try:
            return os.ttyname(self._terminal.fileno())
        except OSError:
            return None  # it was closed, or belongs to the outside of a container

    def tracker(self, context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> Tracker:
        """The run's log, and the terminal for whoever waits in front of it."""
        return Trackers(DagsterLogTracker(context.log), ConsoleTracker(self._terminal or sys.stderr))


def _set_run(run_id: str | None) -> None:
    if run_id is None:
        os.environ.pop(RUN_VARIABLE, None)
    else:
        os.environ[RUN_VARIABLE] = run_id


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
