"""Tells git of a version: which files stand for it, and a commit of them alone."""

import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from gsv_pipeline.data_versions.commands import run_git
from gsv_pipeline.data_versions.repository import Tracked
from gsv_pipeline.errors import RunError

_UNTRACKED: Final = "??"
_NAME_AT: Final = 3
"""Of `git status --porcelain`: two letters and a space stand before each name."""


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
    # Ended by NUL, names stand as they are; in lines, git quotes those with a space or a letter that is not ASCII.
    command = ("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", *names)
    found = _git(tracked, *command).split("\0")[:-1]
    states = {entry[_NAME_AT:]: entry[: _NAME_AT - 1] for entry in found}
    # git tells names from its own root, which may lie above the repository of DVC.
    prefix = run_git(tracked.repository, "rev-parse", "--show-prefix").removesuffix("\n")
    changed = {name: states[prefix + name] for name in sorted(names) if prefix + name in states}
    return Changed(tuple(changed), tuple(name for name, state in changed.items() if state == _UNTRACKED))


def commit(tracked: Tracked, changed: Changed, *, message: str) -> str:
    """Commit these files and nothing else: what is staged stays staged, what is changed stays changed.

    Returns:
        The commit.

    Raises:
        RunError: git refuses (a hook, no name and address of the user, a merge under way).
    """
    try:
        if changed.untracked:  # `--only` knows files by the index
            _git(tracked, "add", "--intent-to-add", "--", *changed.untracked)
        _git(tracked, "commit", "--quiet", "--message", message, "--only", "--", *changed.files)
    except RunError as error:
        if changed.untracked:
            with suppress(RunError):
                _git(tracked, "rm", "--cached", "--quiet", "--", *changed.untracked)
        raise RunError(
            f"The version is made, but git did not commit it: {error.details['said']} "
            f"When that is mended, in {tracked.repository}: git add {shlex.join(changed.files)} && git commit"
        ) from error
    return run_git(tracked.repository, "rev-parse", "HEAD").strip()


def _git(tracked: Tracked, *arguments: str) -> str:
    """Without wildcards: a folder may be called `data[1]`."""
    return run_git(tracked.repository, "--literal-pathspecs", *arguments)
