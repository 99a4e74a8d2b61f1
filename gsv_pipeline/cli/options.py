"""What commands share: options, KEY=VALUE pairs, and how a result is shown."""

import json
from collections.abc import Sequence
from typing import Any, Final

import click

from gsv_pipeline.cli.child import hand_over
from gsv_pipeline.config import parse_setting
from gsv_pipeline.errors import ConfigError
from gsv_pipeline.production import StageResult

_AS_TYPED: Final = frozenset({"handle", "lists", "path", "sha256", "table", "url"})

force_option = click.option("--force", is_flag=True, help="Compute even when nothing changed.")
experiment_option = click.option(
    "--experiment", "-e", required=True, help="Name of an experiment; see `gsv-pipeline list`."
)
filter_option = click.option(
    "--filter",
    "clauses",
    multiple=True,
    metavar="CLAUSE=VALUE",
    help="A clause of the filter, such as hemisphere=north, years=2012-2016, months=july, min_images_per_place=16. "
    "May be given several times; the same as places.CLAUSE=VALUE.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="For programs: everything, as JSON.")
overrides_argument = click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")


def names_and_settings(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """What was typed, apart: names, and `KEY=VALUE` settings; no name holds a `=`."""
    return [item for item in arguments if "=" not in item], [item for item in arguments if "=" in item]


def pairs(arguments: Sequence[str]) -> dict[str, Any]:
    """`key=value` texts as a mapping; paths, addresses and hashes are taken as they are typed.

    Raises:
        ConfigError: No `=`, no value, or a value that is not readable as YAML.
    """
    return dict(_pair(argument) for argument in arguments)


def _pair(argument: str) -> tuple[str, Any]:
    key, separator, text = argument.partition("=")
    if key.strip() not in _AS_TYPED or not separator:
        return parse_setting(argument)
    if not text.strip():
        raise ConfigError(f"'{argument}' has no value. Expected {key.strip()}=VALUE.")
    return key.strip(), text


def filter_overrides(clauses: Sequence[str]) -> list[str]:
    """`--filter` clauses as settings of the experiment.

    Raises:
        ConfigError: A clause without a value: an empty variable of a shell must not mean "everything".
    """
    for clause in clauses:
        if not clause.partition("=")[2].strip():
            raise ConfigError(f"--filter '{clause}' has no value. Expected CLAUSE=VALUE, for example hemisphere=north.")
    return [f"places.{clause}" for clause in clauses]


def show_result(result: StageResult) -> None:
    """Print what a stage found, and where its artifact is; or give it to the step of Dagster that asked for it."""
    if hand_over(result):
        return
    for name, value in result.metadata.items():
        if name == "clauses":
            show_clauses(value)
            continue
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        click.echo(f"  {name}: {shown}")
    click.echo(f"{result.artifact}{'  (unchanged)' if result.cached else ''}")


def show_clauses(clauses: Sequence[dict[str, Any]]) -> None:
    """What each clause of a filter left, as a table."""
    width = max(len(clause["name"]) for clause in clauses)
    click.echo(f"  {'filter':<{width}} {'images':>10} {'places':>8}   removed")
    for clause in clauses:
        images, places = clause["images_removed"], clause["places_removed"]
        gone = f"{images:,} images, {places:,} places" if images else ""
        line = f"  {clause['name']:<{width}} {clause['images']:>10,} {clause['places']:>8,}   {gone}"
        click.echo(line.rstrip())
