"""The versions of a data set that git holds."""

from dataclasses import dataclass
from typing import Final

from gsv_pipeline.data_versions.commands import ask_git
from gsv_pipeline.data_versions.record import Record, parse_record, read_record
from gsv_pipeline.data_versions.repository import Tracked, find_tracked
from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.layout import Layout

_FIELDS: Final = "%H%x09%cs%x09%s"
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Version:
    """A version in git.

    Args:
        revision: The commit.
        date: Of the commit, `2026-11-23`.
        message: First line of the commit's message.
        record: What it is.
        is_present: It has the hash that the working tree's record names.
    """

    revision: str
    date: str
    message: str
    record: Record
    is_present: bool


def versions(layout: Layout, dataset: str) -> list[Version]:
    """Every commit that changed a data set's version, newest first.

    Raises:
        ConfigError: No repository, or `dvc.yaml` keeps the data set.
    """
    return versions_of(find_tracked(layout, dataset))


def versions_of(tracked: Tracked, *, everywhere: bool = False) -> list[Version]:
    """As `versions`; with `everywhere`, of all branches and tags."""
    present = present_record(tracked)
    files = [tracked.relative(file) for file in (tracked.dvc_file, tracked.hash_file)]
    where = ["--all"] if everywhere else []
    found = []
    # git says no where nothing was ever committed.
    for line in (ask_git(tracked.repository, "log", f"--format={_FIELDS}", *where, "--", *files) or "").splitlines():
        revision, date, message = line.split("\t", 2)
        record = _record_in(tracked, revision)
        if record is not None:  # else a commit that removed it
            found.append(
                Version(revision, date, message, record, present is not None and record.content == present.content)
            )
    return found


def present_record(tracked: Tracked) -> Record | None:
    """The record in the working tree."""
    return read_record(tracked.dvc_file) or read_record(tracked.hash_file)


def record_text_at(tracked: Tracked, revision: str) -> tuple[Record, str]:
    """The record as it was at a revision, and its file's text.

    Raises:
        ConfigError: Unknown revision, or no version there.
    """
    if (
        ask_git(tracked.repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        is None
    ):
        raise ConfigError(
            f"git knows no revision '{revision}' in {tracked.repository}. {_known(tracked)} "
            "One that is elsewhere comes with: git fetch"
        )
    for file in (tracked.dvc_file, tracked.hash_file):
        text = ask_git(tracked.repository, "show", f"{revision}:./{tracked.relative(file)}")
        if text is not None:
            return parse_record(text, name=file.name), text
    raise ConfigError(f"At '{revision}' there is no version of '{tracked.name}'. {_known(tracked)}")


def _record_in(tracked: Tracked, revision: str) -> Record | None:
    try:
        return record_text_at(tracked, revision)[0]
    except (ConfigError, DataError):
        return None


def _known(tracked: Tracked) -> str:
    found = [
        f"{version.revision[:12]} ({version.date}, {version.message})" for version in versions_of(tracked)[:_SHOWN]
    ]
    return f"Versions: {'; '.join(found)}." if found else "No version of it was ever committed."
