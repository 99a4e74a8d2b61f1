"""`gsv-pipeline <stage>`: the stages for a shell. The only place that prints."""

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

import click

from gsv_pipeline import __version__, stages
from gsv_pipeline.benchmarks import BENCHMARKS
from gsv_pipeline.config import experiment_files, load_experiment, parse_setting
from gsv_pipeline.errors import ConfigError, GsvError, InputError, StoppedError
from gsv_pipeline.layout import DATA_ROOT_VARIABLE, Layout
from gsv_pipeline.production import StageResult
from gsv_pipeline.sources import DATASETS
from gsv_pipeline.tracking.console import ConsoleTracker

EXIT_INPUT: Final = 2
EXIT_RUN: Final = 1
EXIT_STOPPED: Final = 143

_force = click.option("--force", is_flag=True, help="Compute even when nothing changed.")
_experiment = click.option("--experiment", "-e", required=True, help="Name of an experiment; see `gsv-pipeline list`.")
_overrides = click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--data-root",
    type=click.Path(path_type=Path),
    help=f"Where artifacts live (default: {DATA_ROOT_VARIABLE}, else data/ of the repository).",
)
@click.version_option(__version__, prog_name="gsv-pipeline")
@click.pass_context
def cli(context: click.Context, data_root: Path | None) -> None:
    """From street photographs to visual place recognition recall reports.

    The stages in flow order: fetch, catalog, places, benchmark, train, embed, index, evaluate, leaderboard.
    Each one skips what is fresh. KEY=VALUE changes a setting of the experiment, for example training.epochs=3.
    """
    context.obj = Layout.find(data_root)


@cli.command()
@click.argument("dataset")
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE]...")
@_force
@click.pass_obj
def fetch(layout: Layout, dataset: str, arguments: tuple[str, ...], force: bool) -> None:
    """Get a data set from its source; KEY=VALUE are the source's arguments (seed=2, path=/my/copy)."""
    _show(stages.fetch_dataset(layout, dataset, tracker=ConsoleTracker(), arguments=_pairs(arguments), force=force))


@cli.command()
@click.argument("dataset")
@_force
@click.pass_obj
def catalog(layout: Layout, dataset: str, force: bool) -> None:
    """Make the table of all images and validate it."""
    _show(stages.build_catalog(layout, dataset, tracker=ConsoleTracker(), force=force))


@cli.command()
@click.argument("experiment")
@_overrides
@_force
@click.pass_obj
def places(layout: Layout, experiment: str, overrides: tuple[str, ...], force: bool) -> None:
    """Select the places that an experiment trains on."""
    chosen = load_experiment(layout, experiment, overrides)
    _show(stages.build_places(layout, chosen, tracker=ConsoleTracker(), force=force))


@cli.command()
@click.argument("experiment")
@_overrides
@click.option("--restart", is_flag=True, help="Train anew although a checkpoint or an interrupted run is there.")
@click.option("--replace", is_flag=True, help="Train anew only if settings changed, instead of refusing.")
@click.pass_obj
def train(layout: Layout, experiment: str, overrides: tuple[str, ...], restart: bool, replace: bool) -> None:
    """Train an experiment, or import its weights; an interrupted run goes on."""
    chosen = load_experiment(layout, experiment, overrides)
    _show(stages.train(layout, chosen, tracker=ConsoleTracker(), restart=restart, replace=replace))


@cli.command()
@click.argument("benchmark")
@_force
@click.pass_obj
def benchmark(layout: Layout, benchmark: str, force: bool) -> None:
    """Make database, queries and positives of a benchmark."""
    _show(stages.build_benchmark(layout, benchmark, tracker=ConsoleTracker(), force=force))


def _evaluation_command(name: str, stage: Callable[..., StageResult], help_text: str) -> None:
    @cli.command(name, help=help_text)
    @click.argument("benchmark")
    @_experiment
    @_overrides
    @_force
    @click.pass_obj
    def command(layout: Layout, benchmark: str, experiment: str, overrides: tuple[str, ...], force: bool) -> None:
        chosen = load_experiment(layout, experiment, overrides)
        _show(stage(layout, chosen, benchmark, tracker=ConsoleTracker(), force=force))


_evaluation_command("embed", stages.embed, "Describe a benchmark's images with an experiment's checkpoint.")
_evaluation_command("index", stages.build_index, "Build the FAISS index over a benchmark's database descriptors.")
_evaluation_command("evaluate", stages.evaluate, "Retrieve, score and write the recall report.")


@cli.command()
@_force
@click.pass_obj
def leaderboard(layout: Layout, force: bool) -> None:
    """Put all recall reports side by side, and print the table."""
    result = stages.write_leaderboard(layout, tracker=ConsoleTracker(), force=force)
    from gsv_pipeline.reports.closing import closing_table

    click.echo(closing_table(layout))
    _show(result)


@cli.command()
@click.argument("database", type=click.Path(path_type=Path))
@click.argument("queries", type=click.Path(path_type=Path))
@_overrides
@_experiment
@click.option(
    "--labels", type=click.Path(path_type=Path), help="CSV with the columns query,database: one correct pair a line."
)
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="HTML file to write (default: under the data root)."
)
@click.pass_obj
def match(
    layout: Layout,
    database: Path,
    queries: Path,
    experiment: str,
    overrides: tuple[str, ...],
    labels: Path | None,
    output: Path | None,
) -> None:
    """Find the DATABASE photographs that show the places of the QUERIES, and draw them.

    Any two folders of images. Names that hold coordinates (as GSV-Cities or VPR-datasets-downloader write them) or
    --labels turn the page into a scored one.
    """
    chosen = load_experiment(layout, experiment, overrides)
    result = stages.match(
        layout,
        chosen,
        database=database,
        queries=queries,
        tracker=ConsoleTracker(),
        labels=labels,
        output=output,
    )
    _show(result)


@cli.command()
@click.argument("experiments", nargs=-1)
@click.pass_obj
def check(layout: Layout, experiments: tuple[str, ...]) -> None:
    """Validate experiments (all of them by default) against the tables, without running anything."""
    problems = []
    for name in experiments or experiment_files(layout):
        try:
            stages.check_experiment(load_experiment(layout, name))
        except InputError as error:
            problems.append(f"{name}: {error}")
        else:
            click.echo(f"{name}: valid")
    if problems:
        raise ConfigError("\n".join(problems))


@cli.command("list")
@click.pass_obj
def list_names(layout: Layout) -> None:
    """Show data sets, benchmarks, experiments and every part an experiment can be made of."""
    from gsv_pipeline.models.aggregators import AGGREGATORS
    from gsv_pipeline.models.backbones import BACKBONES
    from gsv_pipeline.training.augmentation import AUGMENTATIONS
    from gsv_pipeline.training.losses import LOSSES
    from gsv_pipeline.training.miners import MINERS
    from gsv_pipeline.training.optimizers import OPTIMIZERS, SCHEDULES

    described = {
        "data sets": {name: row.description for name, row in DATASETS.items()},
        "benchmarks": {name: row.description for name, row in BENCHMARKS.items()},
        "experiments": {name: _describe(layout, name) for name in experiment_files(layout)},
    }
    for title, rows in described.items():
        click.echo(f"{title}:")
        for name, text in rows.items():
            click.echo(f"  {name:<18} {text}")
    tables = (BACKBONES, AGGREGATORS, LOSSES, MINERS, OPTIMIZERS, SCHEDULES, AUGMENTATIONS)
    for table in tables:
        click.echo(f"{table.kind}: {', '.join(table)}")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point: runs a command and turns failures into one message and an exit code."""
    signal.signal(signal.SIGTERM, _stop)
    # Before torch is imported: threads that wait sleep instead of spinning; on busy cores that is several times faster.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 success, 2 bad input, 1 run-time failure, 143 stopped."""
    try:
        cli(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except click.exceptions.Exit as error:
        return int(error.exit_code)
    except click.ClickException as error:
        error.show()
        return EXIT_INPUT
    except (KeyboardInterrupt, click.Abort, StoppedError):
        click.echo("Stopped. What was finished is kept; run the same command again to go on.", err=True)
        return EXIT_STOPPED
    except GsvError as error:
        click.echo(f"Error: {error}", err=True)
        return EXIT_INPUT if isinstance(error, InputError) else EXIT_RUN
    return 0


def _stop(number: int, frame: FrameType | None) -> None:
    raise StoppedError("stopped by SIGTERM")


def _pairs(arguments: tuple[str, ...]) -> dict[str, Any]:
    return dict(parse_setting(argument) for argument in arguments)


def _describe(layout: Layout, name: str) -> str:
    try:
        return load_experiment(layout, name).description
    except ConfigError as error:
        return f"not valid: {error}"


def _show(result: StageResult) -> None:
    for name, value in result.metadata.items():
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        click.echo(f"  {name}: {shown}")
    click.echo(f"{result.artifact}{'  (unchanged)' if result.cached else ''}")


if __name__ == "__main__":
    main()
