"""`gsv-pipeline data …`: versions of data sets, kept with DVC and git."""

import shlex

import click

from gsv_pipeline.data_versions.history import versions as find_versions
from gsv_pipeline.data_versions.push import push as push_version
from gsv_pipeline.data_versions.restore import Restored
from gsv_pipeline.data_versions.restore import pull as pull_version
from gsv_pipeline.data_versions.restore import restore as restore_version
from gsv_pipeline.data_versions.snapshot import snapshot as make_snapshot
from gsv_pipeline.layout import Layout
from gsv_pipeline.sources.disk import human_bytes
from gsv_pipeline.tracking.console import ConsoleTracker

_SHORT_REVISION = 12

_remote = click.option("--remote", "-r", metavar="NAME", help="Remote of DVC (default: DVC's default one).")
_force = click.option("--force", is_flag=True, help="Give up changes that no version holds.")


@click.group()
def data() -> None:
    """Make, restore, push and pull versions of data sets.

    DVC keeps the bytes, git the small file that names them. The data root must lie in a repository of both
    (git init && dvc init); `pip install 'gsv-pipeline[dvc]'` brings DVC.
    """


@data.command()
@click.argument("dataset")
@click.option("--copy", is_flag=True, help="First copy a data set that is used where it lies into the data root.")
@click.option("--message", "-m", metavar="TEXT", help="Commit the version's file, and nothing else, with this message.")
@click.pass_obj
def snapshot(layout: Layout, dataset: str, copy: bool, message: str | None) -> None:
    """Make a version of a fetched data set.

    Its folder goes under DVC (`dvc add`), and its hash into its manifest. A data set that is used where it lies is
    versioned by its hash alone, unless --copy. Neither its data version nor any file changes.
    """
    made = make_snapshot(layout, dataset, tracker=ConsoleTracker(), copy=copy, message=message)
    content = made.record.content
    kept = "kept by DVC" if made.record.stored else "hash alone, the bytes stay where they lie"
    click.echo(f"  md5: {content.md5}")
    click.echo(f"  files: {content.nfiles} ({human_bytes(content.size)}), {kept}")
    if made.commit:
        click.echo(f"Committed as {made.commit[:_SHORT_REVISION]}: {', '.join(made.to_commit)}")
    elif made.to_commit:
        files = shlex.join(made.to_commit)
        click.echo(f"To keep this version, in {made.repository}: git add {files} && git commit")
    else:
        click.echo("git holds this version already.")


@data.command()
@click.argument("dataset")
@click.argument("revision")
@_remote
@_force
@click.pass_obj
def restore(layout: Layout, dataset: str, revision: str, remote: str | None, force: bool) -> None:
    """Make a data set what it was at a git REVISION.

    What DVC's cache lacks comes from the remote; images that are the same stay untouched. `gsv-pipeline data versions`
    lists the revisions. Changes that no version holds are refused, unless --force.
    """
    tracker = ConsoleTracker()
    _show(restore_version(layout, dataset, revision, tracker=tracker, remote=remote, force=force), dataset)


@data.command()
@click.argument("dataset")
@_remote
@click.option("--private", is_flag=True, help="The remote is private, although that cannot be seen from here.")
@click.pass_obj
def push(layout: Layout, dataset: str, remote: str | None, private: bool) -> None:
    """Send the present version to a remote of DVC.

    Data whose licence forbids redistribution (GSV-Cities: CC BY-NC-ND 4.0) is refused where strangers can read. To
    find out, one harmless line is pushed first and asked for without credentials.
    """
    remote_used = push_version(layout, dataset, tracker=ConsoleTracker(), remote=remote, private=private)
    click.echo(f"{dataset} is on the remote '{remote_used.name}' ({remote_used.shown})")


@data.command()
@click.argument("dataset")
@_remote
@_force
@click.pass_obj
def pull(layout: Layout, dataset: str, remote: str | None, force: bool) -> None:
    """Get the version that the working tree names.

    After `git clone` or `git pull` the small file of a version is there; this brings the bytes and the manifest, so
    that the data set counts as fetched. Changes that no version holds are refused, unless --force.
    """
    _show(pull_version(layout, dataset, tracker=ConsoleTracker(), remote=remote, force=force), dataset)


@data.command()
@click.argument("dataset")
@click.pass_obj
def versions(layout: Layout, dataset: str) -> None:
    """List the versions in git, newest first.

    `*` marks those that equal the present one: revision, date, hash, files, size, message of the commit.
    """
    found = find_versions(layout, dataset)
    for version in found:
        content = version.record.content
        mark = "*" if version.is_present else " "
        kept = "" if version.record.stored else "  (hash alone)"
        click.echo(
            f"{mark} {version.revision[:_SHORT_REVISION]}  {version.date}  {content.md5[:_SHORT_REVISION]}  "
            f"{content.nfiles:>8} files  {human_bytes(content.size):>9}  {version.message}{kept}"
        )
    if not found:
        click.echo(f"No version of '{dataset}' was committed. Make one: gsv-pipeline data snapshot {dataset} -m TEXT")


def _show(restored: Restored, dataset: str) -> None:
    click.echo(f"  md5: {restored.record.content.md5}")
    click.echo(f"  data version: {restored.data_version}")
    if not restored.as_snapshot:
        click.echo(f"Files have new times, so the catalog looks at them once more: gsv-pipeline catalog {dataset}")
    click.echo(str(restored.artifact))
