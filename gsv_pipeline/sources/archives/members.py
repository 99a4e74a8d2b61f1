"""What zip and tar have in common: members with checked names, and how much an archive may unpack to."""

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from gsv_pipeline.errors import DataError
from gsv_pipeline.sources.disk import human_bytes

CHUNK_BYTES: Final = 1 << 20

MAX_RATIO: Final = 50
"""Photographs unpack to 1.0 times their archive, CSVs alone to about ten; deflate itself can reach 1032."""

HARMLESS_BYTES: Final = 100_000_000
"""Below this no ratio is refused: a hundred times a small file fills no disk."""

_SHOWN: Final = 80
_UNSAFE: Final = re.compile(r"^/|^[A-Za-z]:|[\\\0]|(?:^|/)\.\.(?:/|$)")
_REDUNDANT: Final = re.compile(r"(?:^|/)\.?(?:/|$)")


class BadArchiveError(DataError):
    """The archive itself is at fault: damaged, unsafe or no archive. Another copy may help, another try will not."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file or folder of an archive.

    Args:
        name: Relative, with `/`, never outside the folder it is unpacked into.
        modified_ns: Nanoseconds since 1970, UTC.
        pieces: Content, to be closed after use; None for a folder.
        done: Where a progress bar stands when this member is unpacked, out of the reader's `total`.
    """

    name: str
    modified_ns: int
    pieces: Generator[bytes, None, None] | None
    done: int


class Reader(Protocol):
    """An open archive."""

    total: int
    room: int

    def members(self) -> Iterator[Member]:
        """Every member in the archive's order; content is read while iterating."""

    def close(self) -> None:
        """Let go of the file."""


def checked_name(name: str) -> str:
    """The name without `.` and doubled slashes; empty for the archive's root.

    Raises:
        BadArchiveError: It leads out of the folder that the archive is unpacked into, or means another one elsewhere.
    """
    if _UNSAFE.search(name):
        raise BadArchiveError(
            f"The archive holds {shown(name)}, a path that leads out of its folder. "
            "Nothing that was unpacked is kept. Get the archive from its publisher."
        )
    if not _REDUNDANT.search(name):
        return name
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def refused(name: str, *, kind: str) -> BadArchiveError:
    """The error for a member that is neither a file nor a folder."""
    return BadArchiveError(
        f"The archive holds {shown(name)}, {kind}; expected files and folders only. "
        "Nothing that was unpacked is kept. Get the archive from its publisher."
    )


def shown(name: str) -> str:
    """A name from a stranger, short and without control characters."""
    return ascii(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}...")


def limit_of(archive_bytes: int) -> int:
    """Bytes that an archive of this size may unpack to."""
    return max(HARMLESS_BYTES, MAX_RATIO * archive_bytes)


def too_large(archive_bytes: int) -> BadArchiveError:
    """The error for an archive that unpacks to more than it may."""
    return BadArchiveError(
        f"The archive of {human_bytes(archive_bytes)} unpacks to more than {human_bytes(limit_of(archive_bytes))}; "
        f"photographs unpack to about their own size, and more than {MAX_RATIO} times is refused. "
        "Nothing that was unpacked is kept. If you trust it, unpack it yourself and use the source 'folder'."
    )
