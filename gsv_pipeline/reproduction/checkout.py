"""The code and the data of another commit, checked out beside the user's own tree, which is never touched."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import gsv_pipeline
from gsv_pipeline.data_versions.commands import ask_git, run_git
from gsv_pipeline.errors import ConfigError, RunError


def own_repository() -> Path:
    """The checkout that this code runs from.

    Raises:
        ConfigError: It runs from none.
    """
    root = Path(gsv_pipeline.__file__).resolve().parents[1]
    if (root / ".git").exists():
        return root
    raise ConfigError(
        f"This code lies in {root}, which is no git checkout, so no other commit can be brought back. "
        "Clone the repository and install from the clone (pip install -e .), or use --here."
    )


@contextmanager
def worktree(repository: Path, commit: str, target: Path, *, keep: bool = False) -> Iterator[Path]:
    """A temporary worktree of `repository` at `commit`; gone afterwards, unless `keep`.

    Args:
        repository: Whose `.git` notes the worktree while it is there; neither its files nor its index change.
        commit: Any name of one.
        target: A folder that does not exist.
        keep: Leave it.

    Raises:
        ConfigError: Git knows no such commit.
        RunError: Git failed.
    """
    if ask_git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}") is None:
        raise ConfigError(
            f"git knows no commit '{commit}' in {repository}. One that is elsewhere comes with: git fetch. "
            "--here runs the code that is here instead."
        )
    # No hooks: what they do is meant for the user's own checkouts.
    without_hooks = ("-c", "core.hooksPath=/dev/null")
    run_git(repository, *without_hooks, "worktree", "add", "--quiet", "--detach", str(target), commit)
    try:
        yield target
    finally:
        if not keep:
            with suppress(RunError):
                run_git(repository, "worktree", "remove", "--force", str(target))
