"""Unpacking a zip or tar from a stranger: into one folder, files and folders only, no more than there is room for."""

import bz2
import errno
import gzip
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gsv_pipeline.errors import DataError
from gsv_pipeline.sources.archives.members import BadArchiveError, Member, Reader
from gsv_pipeline.sources.archives.tar_archive import TarReader, Unpacker
from gsv_pipeline.sources.archives.zip_archive import ZipReader
from gsv_pipeline.sources.disk import is_full, require_room
from gsv_pipeline.tracking import Tracker

_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_PACKED: Final[tuple[tuple[bytes, Unpacker], ...]] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\0", lzma.open),
)
_KNOWN: Final = {b"\x28\xb5\x2f\xfd": "zstd", b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!": "rar"}

_DAMAGED: Final = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    UnicodeError,
    OverflowError,
    NotImplementedError,
)
_NAMES_REFUSED: Final = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EILSEQ, errno.EINVAL)


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What came out of an archive.

    Args:
        files: Files on disk.
        bytes: Bytes written.
    """

    files: int
    bytes: int


def unpack(archive: Path, target: Path, *, tracker: Tracker) -> Unpacked:
    """Unpack a zip or tar, recognised by its content.

    Files keep the archive's times (a zip's local times are read as UTC, so that they are the same on every machine)
    and get the permissions of any new file here. Of a name that occurs twice the last content stays. When it raises,
    `target` holds what was unpacked so far, and nothing outside `target` was written.

    Args:
        archive: A zip, or a tar plain or packed by gzip, bzip2 or xz.
        target: An empty folder.
        tracker: Shows a bar in bytes.

    Raises:
        BadArchiveError: Damaged, encrypted, no archive, more than MAX_RATIO times its size, or with a member that
            leaves `target` or is no plain file or folder.
        DataError: The archive cannot be read, or the disk is full.
    """
    with _explained(archive, target), closing(_open(archive)) as reader:
        require_room(target, reader.room, purpose=f"to unpack {archive.name}")
        writer = _Writer(target)
        with tracker.progress(f"Unpacking {archive.name}", total=reader.total, unit="B") as bar:
            done = 0
            for member in reader.members():
                writer.write(member)
                bar.advance(member.done - done)
                done = member.done
            bar.advance(reader.total - done)
    return Unpacked(writer.files, writer.bytes)


def _open(archive: Path) -> Reader:
    with archive.open("rb") as file:
        head = file.read(tarfile.BLOCKSIZE)
    if head.startswith(_ZIP):
        return ZipReader(archive)
    for magic, unpacker in _PACKED:
        if head.startswith(magic):
            return TarReader(archive, unpacker)
    with suppress(tarfile.TarError):
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
        return TarReader(archive)
    kind = next((f"a {name} archive" for magic, name in _KNOWN.items() if head.startswith(magic)), "no zip or tar")
    raise BadArchiveError(
        f"{archive} is {kind} (it starts with {head[:16]!r}). Expected a zip, or a tar plain or packed by gzip, bzip2 "
        "or xz. Unpack other kinds yourself and use the source 'folder'."
    )


@contextmanager
def _explained(archive: Path, target: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        raise _damaged(archive, error) from error
    except OSError as error:
        explained = _explain(error, archive, target)
        if explained is error:
            raise
        raise explained from error


def _damaged(archive: Path, error: Exception) -> BadArchiveError:
    return BadArchiveError(
        f"{archive.name} is damaged or cut off ({error or type(error).__name__}). Nothing that was unpacked is kept. "
        "Get it again; if that does not help, ask its publisher for the SHA-256."
    )


def _explain(error: OSError, archive: Path, target: Path) -> Exception:
    if error.errno is None:  # how gzip and bz2 say that their data are damaged
        return _damaged(archive, error)
    if is_full(error):
        return DataError(
            f"The disk of {target} became full while {archive.name} was unpacked ({error.strerror}). The archive is "
            "kept. Free some space, or choose a data root on another disk, and run the same command again."
        )
    if error.errno in _NAMES_REFUSED:
        return BadArchiveError(f"{archive.name} holds a name that cannot be written here: {error.strerror}.")
    if error.filename == str(archive):
        return DataError(f"The archive {archive} cannot be read: {error.strerror}.")
    return error


class _Writer:
    """Writes members below one folder.

    Args:
        target: Exists; nothing in it is a link, and no link is ever made.
    """

    def __init__(self, target: Path) -> None:
        self._root = str(target)
        self._folders = {self._root}
        self.files = 0
        self.bytes = 0

    def write(self, member: Member) -> None:
        path = f"{self._root}/{member.name}" if member.name else self._root
        if member.pieces is None:
            self._make(path)
            return
        self._make(path.rpartition("/")[0])
        file = self._create(path)
        try:
            with closing(member.pieces):  # else a zip stays open when the disk is full
                for piece in member.pieces:
                    self.bytes += len(piece)
                    _write_all(file, piece)
            os.utime(file, ns=(member.modified_ns, member.modified_ns))
        finally:
            os.close(file)

    def _make(self, folder: str) -> None:
        if folder not in self._folders:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)

    def _create(self, path: str) -> int:
        """A new file; one that the archive brought before under the same name gives way."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL  # never through a link
        try:
            file = os.open(path, flags, 0o666)
        except FileExistsError:
            Path(path).unlink()
            return os.open(path, flags, 0o666)
        self.files += 1
        return file


def _write_all(file: int, piece: bytes) -> None:
    written = os.write(file, piece)
    while written < len(piece):  # a signal or a disk about to be full cuts a write short
        written += os.write(file, memoryview(piece)[written:])
