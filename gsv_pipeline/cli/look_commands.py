"""Commands that look at things, and make nothing that a stage depends on."""

from pathlib import Path
from typing import Final

import click

from gsv_pipeline import stages, views
from gsv_pipeline.benchmarks.own import benchmark_problems
from gsv_pipeline.cli.list_command import list_names
from gsv_pipeline.cli.options import (
    experiment_option,
    filter_option,
    filter_overrides,
    names_and_settings,
    overrides_argument,
    show_result,
)
from gsv_pipeline.config import experiment_files, load_experiment
from gsv_pipeline.errors import ConfigError, InputError
from gsv_pipeline.layout import Layout
from gsv_pipeline.sources.own import dataset_problems
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
@click.argument("experiments", nargs=-1, metavar="[EXPERIMENT]... [KEY=VALUE]...")
@click.option("--resolved", is_flag=True, help="Print every setting, those of defaults and of extended files included.")
@click.pass_obj
def check(layout: Layout, experiments: tuple[str, ...], resolved: bool) -> None:
    """Validate experiments (all of them by default) against the tables, without running anything.

    With KEY=VALUE as they would be with those settings. The module of a `callable:` is imported; its function is not
    called.
    """
    names, overrides = names_and_settings(experiments)
    problems = []
    for name in names or experiment_files(layout):
        try:
            experiment = load_experiment(layout, name, overrides)
            stages.check_experiment(layout, experiment)
        except InputError as error:
            problems.append(f"{name}: {error}")
        else:
            click.echo(f"{name}: valid")
            if resolved:
                click.echo(experiment.to_yaml())
    if not names:
        problems += [*dataset_problems(layout).values(), *benchmark_problems(layout).values()]
    if problems:
        raise ConfigError("\n".join(problems))


class _Shown(click.Group):
    """Says what may be shown to whoever names an experiment alone."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command and its arguments."""
        if args[0] not in self.commands and not args[0].startswith("-"):
            ways = " or ".join(f"gsv-pipeline show {name} EXPERIMENT" for name in self.commands)
            ctx.fail(f"'{args[0]}' cannot be shown. Say what of an experiment to draw: {ways}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Shown)
def show() -> None:
    """Draw what an artifact holds: gsv-pipeline show places EXPERIMENT."""


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


LOOK_COMMANDS: Final = (show, match, check, list_names)
