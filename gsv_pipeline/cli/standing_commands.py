"""What a person asks who lives with the pipeline: `status`, `clean`, `lineage`, `reproduce`, `history`."""

import json
from dataclasses import asdict
from itertools import groupby
from typing import Final

import click

from gsv_pipeline.acceptance import accepted_reports
from gsv_pipeline.cli.options import json_option
from gsv_pipeline.config import load_experiment
from gsv_pipeline.errors import RunError
from gsv_pipeline.layout import Layout
from gsv_pipeline.sources.disk import human_bytes
from gsv_pipeline.tracking.console import ConsoleTracker

_STATUS_HELP: Final = """Show how every artifact stands.

\b
present       made of what it should be made of
stale         its settings, an input or the code changed since; the row names which
missing       to be made
running       a process makes it now
failed        the last attempt failed; the row says how
interrupted   a run was stopped or killed; the same command goes on
orphan        its experiment is gone

Reads manifests and locks alone, so it is quick. By default of all experiments with something on disk.
"""


@click.command(help=_STATUS_HELP)
@click.argument("experiments", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All experiments, data sets and benchmarks that there are.")
@json_option
@click.pass_obj
def status(layout: Layout, experiments: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Status; `_STATUS_HELP` is what people read."""
    from gsv_pipeline.cli.standing_tables import print_table, standing_table
    from gsv_pipeline.standing import standings

    rows = standings(layout, experiments, everything=everything)
    if as_json:
        click.echo(json.dumps({"data_root": str(layout.root), "artifacts": [asdict(row) for row in rows]}, indent=1))
        return
    for name, group in groupby(rows, key=lambda row: row.experiment):
        print_table(standing_table(list(group), title=name or "data sets and benchmarks"))
    if not rows:
        click.echo(f"Nothing in {layout.root} yet. Run: make demo, or gsv-pipeline fetch demo")
    accepted = accepted_reports(layout)
    if accepted:
        click.echo(f"Accepted recalls: {len(accepted)}. Whether the reports keep them, says: gsv-pipeline gate")


@click.command()
@click.option("--yes", is_flag=True, help="Remove it; without this it only shows what would go.")
@click.option(
    "--orphans",
    is_flag=True,
    help="Artifacts of experiments whose YAML is gone, too: checkpoints, descriptors, reports.",
)
@click.option("--unsent-wandb", "unsent", is_flag=True, help="Offline W&B runs that were never sent, too.")
@json_option
@click.pass_obj
def clean(layout: Layout, yes: bool, orphans: bool, unsent: bool, as_json: bool) -> None:
    """Free space: show what nobody needs any more, and with --yes remove it.

    Artifacts that were replaced, folders that killed runs left half written, downloads and training states of what is
    finished, decoded images, offline W&B runs that were sent. One that was not sent stays, even where W&B is disabled
    or not installed, unless --unsent-wandb says that nobody wants it: it may be the only copy, and `gsv-pipeline track
    sync` sends it. Files that the pipeline did not make stay, and so does whatever a run holds; links are not
    followed. Data sets, accepted recalls and the history are never touched, nor are reports, but for what --orphans
    adds: all of experiments whose YAML is gone.
    """
    from gsv_pipeline.cleaning import find_removable, remove
    from gsv_pipeline.cli.standing_tables import print_table, removal_table

    found = find_removable(layout, orphans=orphans, unsent=unsent)
    if yes:
        found = remove(layout, found, orphans=orphans, unsent=unsent)
    if as_json:
        rows = [{"path": str(item.path), "why": item.why, "bytes": item.bytes} for item in found.removable]
        kept = [{"path": str(item.path), "why": item.why} for item in found.kept]
        click.echo(json.dumps({"removed": yes, "bytes": found.bytes, "removable": rows, "kept": kept}, indent=1))
        return
    if found.removable or found.kept:
        print_table(removal_table(layout, found, done=yes))
    if yes:
        click.echo(f"Freed {human_bytes(found.bytes)}.")
    elif found.removable:
        flags = " --orphans" * orphans + " --unsent-wandb" * unsent
        click.echo(f"{human_bytes(found.bytes)} would be freed. To do it: gsv-pipeline clean --yes{flags}")
    else:
        click.echo("Nothing to free.")


@click.command()
@click.argument("artifact")
@json_option
@click.pass_obj
def lineage(layout: Layout, artifact: str, as_json: bool) -> None:
    """Trace ARTIFACT back to bytes, and say where the chain is broken.

    ARTIFACT is a name such as recall_report/demo_test/demo, or any path into it (…/report.html). Each step shows its
    data version, the hash of its settings and inputs, commit, packages, device, seed, runs of Dagster and W&B, and
    DVC's md5 of data sets that have a snapshot. What equals the step above is not repeated.
    """
    from gsv_pipeline.cli.standing_tables import lineage_lines
    from gsv_pipeline.lineage import find_artifact, link_json, trace

    link = trace(*find_artifact(layout, artifact))
    if as_json:
        click.echo(json.dumps(link_json(link), indent=1, ensure_ascii=False))
        return
    for line in lineage_lines(link):
        click.echo(line)


@click.command()
@click.argument("report")
@click.option("--here", is_flag=True, help="Run the code that is here, and not that of the report's commit.")
@click.option("--keep", is_flag=True, help="Leave the worktree and the data root for a look.")
@json_option
@click.pass_obj
def reproduce(layout: Layout, report: str, here: bool, keep: bool, as_json: bool) -> None:
    """Run the chain of a recall REPORT again, and say whether the numbers agree.

    The report's commit is checked out into a temporary worktree, its data sets are used where they lie (or brought
    back by DVC, if they changed), and its recorded experiment runs in a temporary data root. Nothing here changes. It
    takes as long as the first time. Exit code 1 where the numbers differ by more than chance.
    """
    from gsv_pipeline.cli.standing_tables import agreement_table, print_table
    from gsv_pipeline.evaluation.agreement import DIFFERENT
    from gsv_pipeline.reproduction import reproduce as run_again

    done = run_again(layout, report, tracker=ConsoleTracker(), here=here, keep=keep)
    verdict = done.agreement.verdict
    if as_json:
        told = {**asdict(done), "verdict": verdict, "folder": str(done.folder) if done.folder else None}
        click.echo(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        print_table(agreement_table(done))
        if done.agreement.moved is not None:
            click.echo(f"  {done.agreement.moved} queries have their first correct answer at another rank")
        if done.agreement.reason:
            click.echo(f"  {done.agreement.reason}")
        for change in done.changes:
            click.echo(f"  {change.kind}: {change.text}")
        if done.folder:
            click.echo(f"Kept: {done.folder}")
    if verdict == DIFFERENT:
        raise RunError(f"{done.key} is not reproduced: its numbers are {verdict}.")
    if not as_json:
        click.echo(f"{done.key} is reproduced: {verdict}.")


@click.command()
@click.argument("experiment", required=False)
@json_option
@click.pass_obj
def history(layout: Layout, experiment: str | None, as_json: bool) -> None:
    """Show recall over time, and what changed from one report to the next; write it as a page.

    Every evaluation adds a line, so a drift can be seen and its cause named: data, settings, code, packages, hardware.
    """
    from gsv_pipeline.cli.standing_tables import history_table, print_table
    from gsv_pipeline.evaluation.history import catch_up, histories
    from gsv_pipeline.reports.history_page import history_page_of, history_rows

    catch_up(layout)
    found = histories(layout, experiment)
    if experiment and not found:
        load_experiment(layout, experiment)  # an unknown one is refused, with a guess at what was meant
    if as_json:
        every = [asdict(entry) for entries in found.values() for entry in entries]
        click.echo(json.dumps(every, indent=1, ensure_ascii=False))
        return
    for (benchmark, name), entries in found.items():
        print_table(history_table(history_rows(entries), title=f"{name} on {benchmark}"))
    if not found:
        of_whom = f" of '{experiment}'" if experiment else ""
        click.echo(f"There is no history{of_whom} yet. It begins with a report: gsv-pipeline evaluate")
        return
    click.echo(str(history_page_of(layout)))


STANDING_COMMANDS: Final = (status, clean, lineage, reproduce, history)
