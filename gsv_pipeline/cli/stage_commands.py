"""One command per stage, in flow order."""

from collections.abc import Callable
from typing import Final

import click

from gsv_pipeline import stages
from gsv_pipeline.acceptance import judged_report
from gsv_pipeline.catalog.report import LEVELS
from gsv_pipeline.cli.child import command_tracker
from gsv_pipeline.cli.embedding_commands import embed, index, pca
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
from gsv_pipeline.tracking.pipes import current_connection
from gsv_pipeline.training.processes import is_helper

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
        layout, dataset, tracker=command_tracker(), source=source, arguments=pairs(arguments), force=force
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
        layout, dataset, tracker=command_tracker(), look=look, max_quarantined=max_quarantined, force=force
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
    show_result(stages.build_places(layout, chosen, tracker=command_tracker(), force=force))


_TRAIN_HELP: Final = """Train an experiment, or import its weights; an interrupted run goes on.

What is finished is left as it is while its places are the same, and other settings than those that made it are
refused. --restart begins anew in any case, --replace only where settings changed: then the checkpoint that is there is
kept as NAME.previous once the new one is finished (an older NAME.previous goes), and the state of an interrupted
training is set aside. One of other settings goes on from there by the command that began it, until gsv-pipeline clean
frees it.

Ctrl-C and SIGTERM finish the step and save it; a second one ends at once. Out of memory, the batch goes through the
network in smaller pieces (training.micro_batch). Exit codes: 0 done, 1 failed, 2 bad input, 130 Ctrl-C, 143 SIGTERM.

\b
gsv-pipeline train demo                                  train, or go on with it
gsv-pipeline train demo training.patience=3              stop after three validations without a better one
torchrun --nproc-per-node 2 -m gsv_pipeline.cli train demo
                                                         the same on two GPUs, or in two processes
"""


@click.command(help=_TRAIN_HELP)
@click.argument("experiment")
@overrides_argument
@filter_option
@click.option("--restart", is_flag=True, help="Begin anew, whatever is there; a restart that was interrupted goes on.")
@click.option("--replace", is_flag=True, help="Begin anew only if settings changed, instead of refusing.")
@click.pass_obj
def train(
    layout: Layout,
    experiment: str,
    overrides: tuple[str, ...],
    clauses: tuple[str, ...],
    restart: bool,
    replace: bool,
) -> None:
    """Train; `_TRAIN_HELP` is what people read."""
    chosen = load_experiment(layout, experiment, [*overrides, *filter_overrides(clauses)])
    result = stages.train(layout, chosen, tracker=command_tracker(), restart=restart, replace=replace)
    if not is_helper():
        show_result(result)


_BENCHMARK_HELP: Final = """Make database, queries and positives of a benchmark.

\b
gsv-pipeline fetch pitts30k --source folder path=/my/pitts30k
gsv-pipeline benchmark pitts30k_test                     from a copy that is used where it lies
gsv-pipeline benchmark my_walk                           from two folders that data/benchmarks/my_walk.yaml names

Lists of gsv-cities, folders of VPR-datasets-downloader and of VPR-Bench are recognised. Without the images it says
where to get them or whom to ask. `gsv-pipeline list` shows which are there.
"""


@click.command(help=_BENCHMARK_HELP)
@click.argument("benchmark")
@click.option(
    "--admit-deviations",
    is_flag=True,
    help="Take it although counts are others than published, or images are missing or broken, which are left out.",
)
@force_option
@click.pass_obj
def benchmark(layout: Layout, benchmark: str, admit_deviations: bool, force: bool) -> None:
    """Make it; `_BENCHMARK_HELP` is what people read."""
    result = stages.build_benchmark(
        layout, benchmark, tracker=command_tracker(), admit_deviations=admit_deviations, force=force
    )
    show_result(result)


def _evaluation_command(name: str, stage: Callable[..., StageResult], help_text: str) -> click.Command:
    @click.command(name, help=help_text)
    @click.argument("benchmark")
    @experiment_option
    @overrides_argument
    @force_option
    @click.pass_obj
    def command(layout: Layout, benchmark: str, experiment: str, overrides: tuple[str, ...], force: bool) -> None:
        chosen = load_experiment(layout, experiment, overrides)
        show_result(stage(layout, chosen, benchmark, tracker=command_tracker(), force=force))

    return command


index_report = _evaluation_command(
    "index-report", stages.report_indexes, "Measure every kind of index, to choose one for deployment."
)


@click.command()
@click.argument("benchmark")
@experiment_option
@overrides_argument
@click.option(
    "--with-images/--without-images",
    default=None,
    help="Show photographs although their licence admits no copies in a report that is passed on; holds until changed.",
)
@force_option
@click.pass_obj
def evaluate(
    layout: Layout,
    benchmark: str,
    experiment: str,
    overrides: tuple[str, ...],
    with_images: bool | None,
    force: bool,
) -> None:
    """Retrieve, score and write the recall report.

    Where a recall was accepted, the last line says what the gate makes of this one; `gsv-pipeline gate` fails by it.
    """
    chosen = load_experiment(layout, experiment, overrides)
    show_result(
        stages.evaluate(layout, chosen, benchmark, tracker=command_tracker(), with_images=with_images, force=force)
    )
    # A step of Dagster asks the same in the check that follows it.
    judged = judged_report(layout, chosen, benchmark) if current_connection() is None else None
    if judged is not None:
        from gsv_pipeline.cli.gate_lines import gate_line

        click.echo(gate_line(judged))


@click.command()
@force_option
@click.pass_obj
def leaderboard(layout: Layout, force: bool) -> None:
    """Put all recall reports side by side, and print the table."""
    result = stages.write_leaderboard(layout, tracker=command_tracker(), force=force)
    from gsv_pipeline.reports.closing import closing_table

    click.echo(closing_table(layout))
    show_result(result)


STAGE_COMMANDS: Final = (
    fetch,
    catalog,
    places,
    benchmark,
    train,
    embed,
    index,
    index_report,
    pca,
    evaluate,
    leaderboard,
)
