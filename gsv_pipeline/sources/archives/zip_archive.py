"""The members of a zip, all checked before the first is unpacked."""

import calendar
import stat
import struct
import zipfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

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
from gsv_pipeline.sources.disk import on_disk

_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_ENCRYPTED: Final = 0x1  # APPNOTE 4.4.4
_UNIX_TIME: Final = 0x5455  # extra field "UT": seconds since 1970, UTC
_HAS_MODIFIED: Final = 0x1
_NS: Final = 1_000_000_000
_EARLIEST_NS: Final = calendar.timegm((1980, 1, 1, 0, 0, 0)) * _NS


class ZipReader:
    """An open zip.

    Args:
        path: The archive.

    Raises:
        BadArchiveError: Encrypted, packed in a way Python cannot read, too large when unpacked, or a member that is
            unsafe.
        zipfile.BadZipFile: Damaged.
    """

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)
        try:
            self._check(path.stat().st_size)
        except BaseException:
            self.close()
            raise

    def _check(self, archive_bytes: int) -> None:
        infos = self._zip.infolist()
        for info in infos:
            _check(info)
        self.total = sum(info.file_size for info in infos)
        # zipfile never gives more of a member than is declared here, so the sum is what is unpacked at most.
        if self.total > limit_of(archive_bytes):
            raise too_large(archive_bytes)
        self.room = sum(on_disk(info.file_size) for info in infos)

    def members(self) -> Iterator[Member]:
        """Every member; a wrong checksum raises when its content ends."""
        done = 0
        for info in self._zip.infolist():
            done += info.file_size
            pieces = None if info.filename.endswith("/") else self._pieces(info)
            yield Member(checked_name(info.filename), _modified_ns(info), pieces, done)

    def _pieces(self, info: zipfile.ZipInfo) -> Generator[bytes, None, None]:
        left = info.file_size
        with self._zip.open(info) as content:
            while piece := content.read(CHUNK_BYTES):
                left -= len(piece)
                yield piece
        if left:
            raise zipfile.BadZipFile(f"{shown(info.filename)} is shorter than declared")

    def close(self) -> None:
        """Let go of the file."""
        self._zip.close()


def _check(info: zipfile.ZipInfo) -> None:
    checked_name(info.orig_filename)  # zipfile cuts `filename` at a NUL byte
    kind = stat.S_IFMT(info.external_attr >> 16)  # the upper half is Unix's mode; 0 when written elsewhere
    if kind == stat.S_IFLNK:
        raise refused(info.filename, kind="a symbolic link")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise refused(info.filename, kind="a device, pipe or socket")
    if info.flag_bits & _ENCRYPTED:
        raise BadArchiveError(
            f"The archive is encrypted ({shown(info.filename)} needs a password). "
            "Unpack it yourself and use the source 'folder'."
        )
    if info.compress_type not in _METHODS:
        raise BadArchiveError(
            f"The archive packs {shown(info.filename)} by method {info.compress_type}, which Python cannot read. "
            "Unpack it yourself and use the source 'folder'."
        )


def _modified_ns(info: zipfile.ZipInfo) -> int:
    """The time of a member, the same on every machine.

    A zip's own times are local to an unknown place. Where the packer also wrote seconds since 1970 they are taken;
    elsewhere the local time is read as UTC, whatever the time zone here.
    """
    extra = info.extra
    while len(extra) >= 9:
        kind, size = struct.unpack_from("<HH", extra)
        if kind == _UNIX_TIME and size >= 5 and extra[4] & _HAS_MODIFIED:
            return int(struct.unpack_from("<i", extra, 5)[0]) * _NS
        extra = extra[4 + size :]
    try:
        return max(_EARLIEST_NS, calendar.timegm((*info.date_time, 0, 0, 0)) * _NS)
    except ValueError:  # month 0: packers without a clock
        return _EARLIEST_NS
