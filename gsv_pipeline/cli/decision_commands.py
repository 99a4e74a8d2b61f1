"""What a person decides about recalls: `accept`, `gate`, `compare`."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

import click

from gsv_pipeline import acceptance
from gsv_pipeline.cli.options import json_option, names_and_settings, overrides_argument
from gsv_pipeline.config import load_experiment
from gsv_pipeline.errors import RunError, StaleInputError
from gsv_pipeline.layout import Layout


@click.command()
@click.argument("experiment")
@overrides_argument
@click.option(
    "--benchmark", "benchmarks", multiple=True, help="Which recall; may be given several times (default: all reports)."
)
@click.option("--reason", required=True, help="Why it is good; stands in the record.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0.0, max=100.0),
    help="Points of R@1 that later reports may lose (default: as many as the paired comparison calls chance).",
)
@click.pass_obj
def accept(
    layout: Layout,
    experiment: str,
    overrides: tuple[str, ...],
    benchmarks: tuple[str, ...],
    reason: str,
    tolerance: float | None,
) -> None:
    """Call EXPERIMENT's recalls good: a later report that is clearly worse fails its check, and `gsv-pipeline gate`.

    Writes one small file per benchmark under the data root's accepted/: recall and the outcome of every query.
    Commit it: git keeps who accepted what, and when.
    """
    chosen = load_experiment(layout, experiment, overrides)
    allowed = None if tolerance is None else tolerance / 100
    within = "" if tolerance is None else f"; later ones may lose {tolerance:g} points"
    for item in acceptance.accept(layout, chosen, benchmarks=benchmarks, reason=reason, tolerance=allowed):
        before = "" if item.before is None else f" (before: {100 * item.before:.2f})"
        click.echo(f"{item.benchmark}: R@1 {100 * item.recall:.2f} accepted{before}{within}\n  {item.path}")


@click.command()
@click.argument("experiments", nargs=-1, metavar="[EXPERIMENT]... [KEY=VALUE]...")
@json_option
@click.pass_obj
def gate(layout: Layout, experiments: tuple[str, ...], as_json: bool) -> None:
    """Judge reports by accepted recalls.

    For CI and cron: every report whose recall was accepted, of all experiments by default. The judgement is that of
    the check `not_worse` in Dagster. Exit code 1 where R@1 is worse than --tolerance of `accept`, or else chance,
    allows; 2 where a report is missing or out of date, or nothing was accepted; 0 where all pass. KEY=VALUE are the
    settings that the reports were made with.
    """
    from gsv_pipeline.cli.gate_lines import gate_table
    from gsv_pipeline.cli.standing_tables import print_table

    names, overrides = names_and_settings(experiments)
    judged = acceptance.judge_accepted(layout, names, overrides=overrides)
    if as_json:
        rows = [{**asdict(item), "verdict": item.verdict} for item in judged]
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        print_table(gate_table(judged))
    _refuse(judged)


def _refuse(judged: Sequence[acceptance.Judged]) -> None:
    """A recall that fell speaks before one that nobody could judge; neither lets the gate pass."""
    failed = [item for item in judged if item.judgement is not None and not item.judgement.passed]
    unjudged = [item for item in judged if item.judgement is None]
    reasons = [
        f"{item.experiment} on {item.benchmark}: {item.judgement.message if item.judgement else item.hindrance}"
        for item in (*failed, *unjudged)
    ]
    told = "\n".join([f"{len(reasons)} of {len(judged)} accepted recalls do not pass the gate:", *reasons])
    if failed:
        raise RunError(told)
    if unjudged:
        raise StaleInputError(told)


@click.command()
@click.argument("first")
@click.argument("second")
@click.argument("benchmark")
@click.pass_obj
def compare(layout: Layout, first: str, second: str, benchmark: str) -> None:
    """Compare two experiments on BENCHMARK, query by query, from their recall reports.

    The interval is a paired bootstrap over places; p is the chance of such a difference between equals (an exact
    sign-flip test over places).
    """
    names = load_experiment(layout, first), load_experiment(layout, second)
    if first == second:
        raise click.UsageError(f"'{first}' equals itself. Name two experiments; gsv-pipeline list shows them.")
    for k, found in acceptance.compare_experiments(layout, *names, benchmark).items():
        low, high = (100 * bound for bound in found.interval)
        click.echo(
            f"R@{k:<3} {first} is {found.verdict}: {100 * found.difference:+.2f} points ({low:+.2f} to {high:+.2f}), "
            f"p = {found.p_value:.2g}; {found.only_first} queries only {first}, {found.only_second} only {second}"
        )


DECISION_COMMANDS: Final = (accept, gate, compare)
