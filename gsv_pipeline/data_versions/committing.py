"""Tells git of a version: which files stand for it, and a commit of them alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gsv_pipeline.data_versions.commands import ask_git, run_git
from gsv_pipeline.data_versions.repository import Tracked
from gsv_pipeline.errors import RunError

_UNTRACKED: Final = "??"


@dataclass(frozen=True, slots=True)
class Changed:
    """Files that differ from the last commit, relative to the repository, sorted.

    Args:
        files: All of them.
        untracked: Those that git has never heard of.
    """

    files: tuple[str, ...]
    untracked: tuple[str, ...]


def changed_files(tracked: Tracked, names: Sequence[str]) -> Changed:
    """Those of `names` that a commit would have to hold."""
    command = ("status", "--porcelain", "--untracked-files=all", "--", *names)
    lines = run_git(tracked.repository, *command).splitlines()
    states = {name: line[:2] for name in sorted(names) for line in lines if line.endswith(name)}
    return Changed(tuple(states), tuple(name for name, state in states.items() if state == _UNTRACKED))


def commit(tracked: Tracked, changed: Changed, *, message: str) -> str:
    """Commit these files and nothing else: what is staged stays staged, what is changed stays changed.

    Returns:
        The commit.

    Raises:
        RunError: git refuses (a hook, no name and address of the user, a merge under way).
    """
    try:
        if changed.untracked:  # `--only` knows files by the index
            run_git(tracked.repository, "add", "--intent-to-add", "--", *changed.untracked)
        run_git(tracked.repository, "commit", "--quiet", "--message", message, "--only", "--", *changed.files)
    except RunError as error:
        if changed.untracked:
            ask_git(tracked.repository, "rm", "--cached", "--quiet", "--", *changed.untracked)
        raise RunError(
            f"The version is made, but git did not commit it: {error.details['said']} "
            f"When that is mended: git add {' '.join(changed.files)} && git commit"
        ) from error
    return run_git(tracked.repository, "rev-parse", "HEAD").strip()
