"""One command per stage, in flow order."""

from collections.abc import Callable
from typing import Final

import click

from gsv_pipeline import stages
from gsv_pipeline.catalog.report import LEVELS
from gsv_pipeline.cli.options import (
    experiment_option,
    filter_option,
    filter_overrides,
    force_option,
    overrides_argument,
    pairs,
    show_result,
)
from gsv_pipeline.config import load_experiment
from gsv_pipeline.layout import Layout
from gsv_pipeline.production import StageResult
from gsv_pipeline.sources import SOURCES
from gsv_pipeline.tracking.console import ConsoleTracker

_FETCH_HELP: Final = """Get a data set from its source; KEY=VALUE are the source's arguments.

\b
gsv-pipeline fetch demo seed=2                           render another city
gsv-pipeline fetch gsv_cities                            download it from Kaggle
gsv-pipeline fetch gsv_cities --source folder path=/my/copy
                                                         use a copy where it lies
gsv-pipeline fetch gsv_cities_light                      download the small release
gsv-pipeline fetch my_town --source photographs path=/photos/town
                                                         use your own photographs
"""


@click.command(help=_FETCH_HELP)
@click.argument("dataset")
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--source", help=f"Where from: {', '.join(SOURCES)} (default: the data set's own). Names a new data set too."
)
@force_option
@click.pass_obj
def fetch(layout: Layout, dataset: str, arguments: tuple[str, ...], source: str | None, force: bool) -> None:
    """Fetch; `_FETCH_HELP` is what people read."""
    result = stages.fetch_dataset(
        layout, dataset, tracker=ConsoleTracker(), source=source, arguments=pairs(arguments), force=force
    )
    show_result(result)


@click.command()
@click.argument("dataset")
@click.option(
    "--look",
    type=click.Choice(list(LEVELS)),
    default="quick",
    show_default=True,
    help="; ".join(f"{level}: {meaning}" for level, meaning in LEVELS.items()) + ".",
)
@click.option(
    "--max-quarantined",
    type=click.FloatRange(0, 1),
    help="Largest share of unusable images with which the data set is sound (default: the data set's, mostly 0.01).",
)
@force_option
@click.pass_obj
def catalog(layout: Layout, dataset: str, look: str, max_quarantined: float | None, force: bool) -> None:
    """Make the table of all images and validate it.

    What cannot be used goes to quarantine.parquet with its reason; validation.html tells it to people. Cities and
    images that did not change since the last time are not looked at again, but by a full look.
    """
    result = stages.build_catalog(
        layout, dataset, tracker=ConsoleTracker(), look=look, max_quarantined=max_quarantined, force=force
    )
    show_result(result)
    stages.require_sound(layout, dataset)


@click.command()
@click.argument("experiment")
@overrides_argument
@filter_option
@force_option
@click.pass_obj
def places(layout: Layout, experiment: str, overrides: tuple[str, ...], clauses: tuple[str, ...], force: bool) -> None:
    """Select the places that an experiment trains on.

    Prints how many images and places each clause of the filter removed. `gsv-pipeline show places` draws them.
    """
    chosen = load_experiment(layout, experiment, [*overrides, *filter_overrides(clauses)])
    show_result(stages.build_places(layout, chosen, tracker=ConsoleTracker(), force=force))


@click.command()
@click.argument("experiment")
@overrides_argument
@filter_option
@click.option("--restart", is_flag=True, help="Train anew although a checkpoint or an interrupted run is there.")
@click.option("--replace", is_flag=True, help="Train anew only if settings changed, instead of refusing.")
@click.pass_obj
def train(
    layout: Layout,
    experiment: str,
    overrides: tuple[str, ...],
    clauses: tuple[str, ...],
    restart: bool,
    replace: bool,
) -> None:
    """Train an experiment, or import its weights; an interrupted run goes on."""
    chosen = load_experiment(layout, experiment, [*overrides, *filter_overrides(clauses)])
    show_result(stages.train(layout, chosen, tracker=ConsoleTracker(), restart=restart, replace=replace))


@click.command()
@click.argument("benchmark")
@force_option
@click.pass_obj
def benchmark(layout: Layout, benchmark: str, force: bool) -> None:
    """Make database, queries and positives of a benchmark."""
    show_result(stages.build_benchmark(layout, benchmark, tracker=ConsoleTracker(), force=force))


def _evaluation_command(name: str, stage: Callable[..., StageResult], help_text: str) -> click.Command:
    @click.command(name, help=help_text)
    @click.argument("benchmark")
    @experiment_option
    @overrides_argument
    @force_option
    @click.pass_obj
    def command(layout: Layout, benchmark: str, experiment: str, overrides: tuple[str, ...], force: bool) -> None:
        chosen = load_experiment(layout, experiment, overrides)
        show_result(stage(layout, chosen, benchmark, tracker=ConsoleTracker(), force=force))

    return command


embed = _evaluation_command("embed", stages.embed, "Describe a benchmark's images with an experiment's checkpoint.")
index = _evaluation_command("index", stages.build_index, "Build the FAISS index over a benchmark's database.")
evaluate = _evaluation_command("evaluate", stages.evaluate, "Retrieve, score and write the recall report.")


@click.command()
@force_option
@click.pass_obj
def leaderboard(layout: Layout, force: bool) -> None:
    """Put all recall reports side by side, and print the table."""
    result = stages.write_leaderboard(layout, tracker=ConsoleTracker(), force=force)
    from gsv_pipeline.reports.closing import closing_table

    click.echo(closing_table(layout))
    show_result(result)


STAGE_COMMANDS: Final = (fetch, catalog, places, benchmark, train, embed, index, evaluate, leaderboard)
