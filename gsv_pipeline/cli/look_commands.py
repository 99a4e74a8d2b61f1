"""Commands that look at things, and make nothing that a stage depends on."""

from pathlib import Path
from typing import Final

import click

from gsv_pipeline import stages, views
from gsv_pipeline.benchmarks.images import is_present
from gsv_pipeline.benchmarks.own import benchmark_problems, benchmark_rows
from gsv_pipeline.cli.options import (
    experiment_option,
    filter_option,
    filter_overrides,
    overrides_argument,
    show_result,
)
from gsv_pipeline.config import experiment_files, experiment_sets, load_experiment
from gsv_pipeline.errors import ConfigError, InputError
from gsv_pipeline.layout import Layout
from gsv_pipeline.sources import SOURCES
from gsv_pipeline.sources.own import dataset_problems, dataset_rows
from gsv_pipeline.tracking.console import ConsoleTracker


@click.command()
@click.argument("database", type=click.Path(path_type=Path))
@click.argument("queries", type=click.Path(path_type=Path))
@overrides_argument
@experiment_option
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="CSV with the columns query,database: one correct pair a line, and every query in it; nothing follows the "
    "comma where no image is correct.",
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
    result = views.match(
        layout,
        chosen,
        database=database,
        queries=queries,
        tracker=ConsoleTracker(),
        labels=labels,
        output=output,
    )
    show_result(result)


@click.command()
@click.argument("experiments", nargs=-1)
@click.option("--resolved", is_flag=True, help="Print every setting, those of defaults and of extended files included.")
@click.pass_obj
def check(layout: Layout, experiments: tuple[str, ...], resolved: bool) -> None:
    """Validate experiments (all of them by default) against the tables, without running anything.

    The module of a `callable:` is imported; its function is not called.
    """
    problems = []
    for name in experiments or experiment_files(layout):
        try:
            experiment = load_experiment(layout, name)
            stages.check_experiment(layout, experiment)
        except InputError as error:
            problems.append(f"{name}: {error}")
        else:
            click.echo(f"{name}: valid")
            if resolved:
                click.echo(experiment.to_yaml())
    if not experiments:
        problems += [*dataset_problems(layout).values(), *benchmark_problems(layout).values()]
    if problems:
        raise ConfigError("\n".join(problems))


@click.group()
def show() -> None:
    """Draw what an artifact holds."""


@show.command("places")
@click.argument("experiment")
@overrides_argument
@filter_option
@click.option("--sample", default=12, show_default=True, type=click.IntRange(1), help="Places on the contact sheet.")
@click.option("--seed", default=1, show_default=True, help="Of the draw of those places.")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="HTML file to write (default: under the data root)."
)
@click.pass_obj
def show_places(
    layout: Layout,
    experiment: str,
    overrides: tuple[str, ...],
    clauses: tuple[str, ...],
    sample: int,
    seed: int,
    output: Path | None,
) -> None:
    """A contact sheet of sampled places, a map, and histograms of images per place, year and month.

    With --filter it shows what another filter would select; nothing is stored but the page.
    """
    chosen = load_experiment(layout, experiment, [*overrides, *filter_overrides(clauses)])
    show_result(views.show_places(layout, chosen, tracker=ConsoleTracker(), sample=sample, seed=seed, output=output))


@click.command("list")
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
        "sources": {name: row.description for name, row in SOURCES.items()},
        "data sets": {name: row.description for name, row in dataset_rows(layout).items()},
        "benchmarks": _benchmarks(layout),
        **{
            f"experiments ({title})": {name: _describe(layout, name) for name in names}
            for title, names in experiment_sets(layout).items()
        },
    }
    for title, rows in described.items():
        click.echo(f"{title}:")
        width = max(map(len, rows), default=0)
        for name, text in rows.items():
            click.echo(f"  {name:<{width}}  {text}")
    for problem in (*dataset_problems(layout).values(), *benchmark_problems(layout).values()):
        click.echo(f"not usable: {problem}", err=True)
    tables = (BACKBONES, AGGREGATORS, LOSSES, MINERS, OPTIMIZERS, SCHEDULES, AUGMENTATIONS)
    for table in tables:
        click.echo(f"{table.kind}: {', '.join(table)}")


def _benchmarks(layout: Layout) -> dict[str, str]:
    """What each is, and whether its images are there."""
    return {
        name: f"{'present' if is_present(layout, row) else 'absent '}  {row.description}"
        for name, row in benchmark_rows(layout).items()
    }


def _describe(layout: Layout, name: str) -> str:
    try:
        return load_experiment(layout, name).description
    except ConfigError as error:
        return f"not valid: {error}"


LOOK_COMMANDS: Final = (show, match, check, list_names)
