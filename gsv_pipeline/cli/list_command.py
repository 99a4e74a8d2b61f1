"""`gsv-pipeline list`: every name in one line, or all that is known of one name."""

from collections.abc import Iterable, Mapping
from typing import Any

import click

from gsv_pipeline.benchmarks.images import is_present
from gsv_pipeline.benchmarks.own import benchmark_problems, benchmark_rows
from gsv_pipeline.cli.described import benchmark_lines, dataset_lines, experiment_lines, part_lines
from gsv_pipeline.config import experiment_files, experiment_sets, load_experiment
from gsv_pipeline.errors import ConfigError
from gsv_pipeline.layout import Layout
from gsv_pipeline.registry import Registry, unknown_name
from gsv_pipeline.sources import SOURCES
from gsv_pipeline.sources.own import dataset_problems, dataset_rows


@click.command("list")
@click.argument("name", required=False)
@click.pass_obj
def list_names(layout: Layout, name: str | None) -> None:
    """Show data sets, benchmarks, experiments and every part an experiment can be made of.

    With the NAME of one, all that is known of it: of a benchmark its variant, protocol, counts, licence, source, how
    to get it, and published recalls.
    """
    for line in _everything(layout) if name is None else _one(layout, name):
        click.echo(line)
    if name is None:
        for problem in (*dataset_problems(layout).values(), *benchmark_problems(layout).values()):
            click.echo(f"not usable: {problem}", err=True)


def _everything(layout: Layout) -> Iterable[str]:
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
        yield f"{title}:"
        width = max(map(len, rows), default=0)
        yield from (f"  {name:<{width}}  {text}" for name, text in rows.items())
    yield from (f"{table.kind}: {', '.join(table)}" for table in _tables())
    yield "All that is known of one of these: gsv-pipeline list NAME"


def _one(layout: Layout, name: str) -> list[str]:
    """A data set and a benchmark may share a name: then both.

    Raises:
        ConfigError: Nothing is called so, with a guess at what was meant; or the file that defines it cannot be used.
    """
    found = []
    if name in dataset_rows(layout):
        found += dataset_lines(layout, name)
    if name in benchmark_rows(layout):
        found += benchmark_lines(layout, name)
    if name in experiment_files(layout):
        found += experiment_lines(layout, name)
    for table in _tables():
        if name in table:
            found += part_lines(table, name)
    if name in SOURCES:
        found += [f"source {name}", f"  {SOURCES[name].description}"]
    if not found:
        problems = {**dataset_problems(layout), **benchmark_problems(layout)}
        raise ConfigError(problems.get(name) or _unknown(layout, name))
    return found


def _unknown(layout: Layout, name: str) -> str:
    names = {*SOURCES, *dataset_rows(layout), *benchmark_rows(layout), *experiment_files(layout)}
    names.update(*_tables())
    guess, _, _ = unknown_name("name", name, names).partition(" Available: ")
    return f"{guess} gsv-pipeline list shows all {len(names)}."


def _tables() -> tuple[Registry[Any], ...]:
    from gsv_pipeline.models.aggregators import AGGREGATORS
    from gsv_pipeline.models.backbones import BACKBONES
    from gsv_pipeline.training.augmentation import AUGMENTATIONS
    from gsv_pipeline.training.losses import LOSSES
    from gsv_pipeline.training.miners import MINERS
    from gsv_pipeline.training.optimizers import OPTIMIZERS, SCHEDULES

    return BACKBONES, AGGREGATORS, LOSSES, MINERS, OPTIMIZERS, SCHEDULES, AUGMENTATIONS


def _benchmarks(layout: Layout) -> Mapping[str, str]:
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
