"""The members of a tar, packed or plain, in one pass: nothing is sought backwards, no list of members is kept."""

import tarfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from typing import IO, Final, cast

from gsv_pipeline.sources.archives.members import (
    CHUNK_BYTES,
    BadArchiveError,
    Member,
    checked_name,
    limit_of,
    refused,
    shown,
    too_large,
)

Unpacker = Callable[[BufferedReader], BufferedIOBase]

_END: Final = bytes(tarfile.BLOCKSIZE)
_NS: Final = 1_000_000_000


class TarReader:
    """An open tar.

    Args:
        path: The archive.
        unpacker: `gzip.GzipFile` and the like; None for a plain tar.

    Raises:
        tarfile.TarError: Damaged.
    """

    def __init__(self, path: Path, unpacker: Unpacker | None = None) -> None:
        # A packed tar does not say what it unpacks to: about its own size, when it holds photographs.
        self.total = self.room = path.stat().st_size
        with ExitStack() as stack:
            self._raw = stack.enter_context(path.open("rb"))
            stream = stack.enter_context(unpacker(self._raw)) if unpacker else self._raw
            self._stream = _Forward(stream, self.total)
            self._tar = stack.enter_context(_Tar(fileobj=cast("IO[bytes]", self._stream)))
            self._opened = stack.pop_all()

    def members(self) -> Iterator[Member]:
        """Every member; one that is cut off, or a tar without its end, raises."""
        while (info := self._tar.next()) is not None:
            self._tar.members = []  # half a million of them would take a gigabyte
            _check(info)
            pieces = None if info.isdir() else self._pieces(info.size)
            yield Member(checked_name(info.name), int(info.mtime * _NS), pieces, self._raw.tell())
        # tarfile takes a broken header for the end of the archive.
        if self._stream.last != _END:
            raise tarfile.ReadError("no end of archive")
        while self._stream.read(CHUNK_BYTES):  # the checksum of what the tar is packed in stands at its end
            pass

    def _pieces(self, size: int) -> Generator[bytes, None, None]:
        while size:
            piece = self._stream.read(min(CHUNK_BYTES, size))
            if not piece:
                raise tarfile.ReadError("unexpected end of data")
            size -= len(piece)
            yield piece

    def close(self) -> None:
        """Let go of the file."""
        self._opened.close()


class _Tar(tarfile.TarFile):
    members: list[tarfile.TarInfo]


class _Forward:
    """The unpacked stream as tarfile reads it; it counts, and only goes forward."""

    def __init__(self, stream: BufferedIOBase, archive_bytes: int) -> None:
        self._stream, self._archive_bytes = stream, archive_bytes
        self._limit = limit_of(archive_bytes)
        self._position = 0
        self.last = b""

    def read(self, size: int) -> bytes:
        if size < 0:  # a file would take it for everything that is left
            raise tarfile.StreamError("a member of negative size")
        # Headers count like files: one that claims gigabytes is not granted them.
        piece = self._stream.read(min(size, self._limit + 1 - self._position))
        self._position += len(piece)
        if self._position > self._limit:
            raise too_large(self._archive_bytes)
        self.last = piece
        return piece

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> None:
        if position < self._position:
            raise tarfile.StreamError("a member overlaps the one before")
        while self._position < position and self.read(min(CHUNK_BYTES, position - self._position)):
            pass


def _check(info: tarfile.TarInfo) -> None:
    if info.issym() or info.islnk():
        raise refused(info.name, kind=f"a {'symbolic' if info.issym() else 'hard'} link to {shown(info.linkname)}")
    if info.issparse():
        raise BadArchiveError(
            f"The archive holds {shown(info.name)}, a file with holes, which tar alone can put back. "
            "Unpack it yourself and use the source 'folder'."
        )
    if not info.isdir() and not info.isreg():
        raise refused(info.name, kind="a device, pipe or member of an unknown kind")
