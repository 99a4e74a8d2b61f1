"""Archives from strangers: what is sound comes out whole and with its times, everything else is refused in words."""

import bz2
import calendar
import errno
import gzip
import io
import itertools
import lzma
import os
import random
import resource
import shutil
import stat
import struct
import subprocess
import tarfile
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_pipeline.errors import DataError
from gsv_pipeline.sources import disk
from gsv_pipeline.sources.archives import members
from gsv_pipeline.sources.archives.members import BadArchiveError
from gsv_pipeline.sources.archives.unpack import Unpacked, unpack
from gsv_pipeline.tracking import NullTracker

RNG = random.Random(1)
FILES = {
    "Images/Rome/Rome_0000001_2015_06_090_41.9_12.5_-_aB.JPG": RNG.randbytes(9000),
    "Images/Rome/empty.JPG": b"",
    "Dataframes/Rome.csv": b"place_id,year\n" + b"1,2015\n" * 400,
    "Images/Zürich/ü.JPG": RNG.randbytes(512),  # just a tar block
}
MODIFIED = (2019, 7, 8, 9, 10, 12)
MODIFIED_S = calendar.timegm((*MODIFIED, 0, 0, 0))
ZIPS = {
    "stored": zipfile.ZIP_STORED,
    "deflated": zipfile.ZIP_DEFLATED,
    "bzip2": zipfile.ZIP_BZIP2,
    "lzma": zipfile.ZIP_LZMA,
}
TARS = {"tar": "w:", "gz": "w:gz", "bz2": "w:bz2", "xz": "w:xz"}
KINDS = [*ZIPS, *TARS]


def zipped(files=FILES, method=zipfile.ZIP_DEFLATED, **fields):
    """Bytes of a zip; `fields` are set in every entry."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, MODIFIED)
            for field, value in fields.items():
                setattr(info, field, value)
            archive.writestr(info, content, compress_type=method)
    return raw.getvalue()


def tarred(files=FILES, how="w:", form=tarfile.PAX_FORMAT, **fields):
    """Bytes of a tar; `fields` are set in every header."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode=how, format=form) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), MODIFIED_S
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(content) if info.size else None)
    return raw.getvalue()


def made(kind, files=FILES):
    return zipped(files, ZIPS[kind]) if kind in ZIPS else tarred(files, TARS[kind])


def tree(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Sandbox:
    """A folder in which nothing but `target` may change."""

    def __init__(self, root):
        self.root, self.target = root, root / "target"
        (root / "beside").mkdir()
        (root / "beside" / "precious").write_bytes(b"precious")
        self.fresh()

    def fresh(self):
        shutil.rmtree(self.target, ignore_errors=True)
        self.target.mkdir()

    def unpack(self, content, tracker=None):
        archive = self.root / "set.archive"
        archive.write_bytes(content)
        try:
            return unpack(archive, self.target, tracker=tracker or NullTracker())
        finally:
            assert sorted(path.name for path in self.root.iterdir()) == ["beside", "set.archive", "target"]
            assert tree(self.root / "beside") == {"precious": b"precious"}
            assert archive.read_bytes() == content


@pytest.fixture
def sandbox(tmp_path):
    return Sandbox(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_comes_out_whole_whatever_it_is_called(sandbox, kind):
    assert sandbox.unpack(made(kind)) == Unpacked(files=4, bytes=sum(map(len, FILES.values())))
    assert tree(sandbox.target) == FILES
    assert {path.stat().st_mtime_ns for path in sandbox.target.rglob("*.*")} == {MODIFIED_S * 10**9}


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_dialect_of_tar_keeps_long_names(sandbox, form):
    files = {f"{'long' * 20}/{'name' * 20}.JPG": b"1", "./short//name": b"2"}
    sandbox.unpack(tarred(files, form=form))
    assert tree(sandbox.target) == {f"{'long' * 20}/{'name' * 20}.JPG": b"1", "short/name": b"2"}


def test_folders_come_out_even_when_they_are_empty(sandbox):
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("Images/Rome/", b"")
    sandbox.unpack(raw.getvalue())
    sandbox.unpack(tarred({"./": b"", "Images/Osaka": b""}, type=tarfile.DIRTYPE))
    assert sorted(path.name for path in (sandbox.target / "Images").iterdir()) == ["Osaka", "Rome"]


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/Los_Angeles"])
def test_times_are_the_same_in_every_time_zone(sandbox, monkeypatch, zone):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        sandbox.unpack(made("stored"))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert {path.stat().st_mtime for path in sandbox.target.rglob("*.*")} == {MODIFIED_S}


@pytest.mark.parametrize(
    ("fields", "modified"),
    [
        ({"extra": struct.pack("<HHBi", 0x5455, 5, 1, 1_234_567_891)}, 1_234_567_891),
        ({"extra": struct.pack("<HHHHHBi", 0x9999, 2, 7, 0x5455, 5, 3, -5)}, -5),
        ({"extra": struct.pack("<HHBi", 0x5455, 5, 2, 1)}, MODIFIED_S),  # an access time only
        ({"extra": struct.pack("<HHBB", 0x5455, 2, 1, 1)}, MODIFIED_S),  # cut short
        ({"date_time": (1980, 0, 0, 0, 0, 0)}, calendar.timegm((1980, 1, 1, 0, 0, 0))),
    ],
    ids=["unix", "unix behind another", "no modification", "short", "none"],
)
def test_a_zip_with_unix_times_keeps_them_and_one_without_a_clock_is_of_1980(sandbox, fields, modified):
    sandbox.unpack(zipped({"a": b"1"}, **fields))
    assert (sandbox.target / "a").stat().st_mtime == modified


def test_a_tar_keeps_fractions_of_seconds(sandbox):
    sandbox.unpack(tarred({"a": b"1"}, mtime=1_234_567_891.5))
    assert (sandbox.target / "a").stat().st_mtime_ns == 1_234_567_891_500_000_000


@pytest.mark.parametrize("content", [zipped(external_attr=0o106777 << 16), tarred(mode=0o6777)], ids=["zip", "tar"])
def test_no_file_may_be_run_or_run_as_another(sandbox, content):
    old = os.umask(0o027)
    try:
        sandbox.unpack(content)
    finally:
        os.umask(old)
    assert {stat.S_IMODE(path.stat().st_mode) for path in sandbox.target.rglob("*.*")} == {0o640}


UNSAFE = [
    "../out",
    "a/../../out",
    "/tmp/out",
    "//out",
    "..",
    "a/..",
    "C:/out",
    "c:out",
    "..\\out",
    "a\\b",
    "\\\\host\\out",
]


@pytest.mark.parametrize("make", [zipped, tarred])
@pytest.mark.parametrize("name", UNSAFE)
def test_a_path_outside_the_folder_is_refused(sandbox, make, name):
    with pytest.raises(BadArchiveError, match="a path that leads out of its folder. Nothing that was unpacked is kept"):
        sandbox.unpack(make({"Images/a": b"1", name: b"out"}))


def test_a_zip_is_checked_before_its_first_member_is_written(sandbox):
    with pytest.raises(BadArchiveError):
        sandbox.unpack(zipped({"Images/a": b"1", "../out": b"out"}))
    assert list(sandbox.target.iterdir()) == []


def test_a_name_that_hides_its_end_behind_a_nul_byte_is_refused(sandbox):
    content = zipped({"Images/a_b.JPG": b"1"}).replace(b"Images/a_b.JPG", b"Images/a\0b.JPG")
    with pytest.raises(BadArchiveError, match=r"'Images/a\\x00b.JPG', a path that leads out"):
        sandbox.unpack(content)


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (stat.S_IFLNK, "a symbolic link"),
        (stat.S_IFCHR, "a device, pipe or socket"),
        (stat.S_IFIFO, "a device, pipe or socket"),
        (stat.S_IFSOCK, "a device, pipe or socket"),
    ],
)
def test_links_and_devices_of_a_zip_are_refused(sandbox, mode, words):
    with pytest.raises(BadArchiveError, match=f"holds 'Images', {words}; expected files and folders only"):
        sandbox.unpack(zipped({"Images": b"/etc"}, external_attr=(mode | 0o777) << 16))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (tarfile.SYMTYPE, "a symbolic link to '/etc'"),
        (tarfile.LNKTYPE, "a hard link to '/etc'"),
        (tarfile.CHRTYPE, "a device, pipe or member of an unknown kind"),
        (tarfile.BLKTYPE, "a device, pipe or member of an unknown kind"),
        (tarfile.FIFOTYPE, "a device, pipe or member of an unknown kind"),
        (b"Q", "a device, pipe or member of an unknown kind"),
        (tarfile.GNUTYPE_SPARSE, "a file with holes"),
    ],
)
def test_links_and_devices_of_a_tar_are_refused(sandbox, kind, words):
    with pytest.raises(BadArchiveError, match=words):
        sandbox.unpack(tarred({"Images": b""}, type=kind, linkname="/etc", form=tarfile.GNU_FORMAT))


def test_a_link_followed_by_a_file_below_it_writes_nothing_elsewhere(sandbox):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        link = tarfile.TarInfo("Images")
        link.type, link.linkname = tarfile.SYMTYPE, str(sandbox.root / "beside")
        archive.addfile(link)
        file = tarfile.TarInfo("Images/precious")
        file.size = 3
        archive.addfile(file, io.BytesIO(b"bad"))
    with pytest.raises(BadArchiveError, match="symbolic link"):
        sandbox.unpack(raw.getvalue())


NAMES = st.lists(
    st.sampled_from(["a", "b", ".", "..", "", "C:", "\\", "/", "é", " ", "x" * 300, "\n"]), min_size=1, max_size=5
)


@settings(deadline=None, max_examples=60)
@given(st.lists(NAMES.map("/".join), min_size=1, max_size=4, unique=True), st.booleans())
def test_whatever_members_are_called_nothing_is_written_elsewhere(tmp_path_factory, names, is_zip):
    sandbox = Sandbox(tmp_path_factory.mktemp("names"))
    files = dict.fromkeys(names, b"content")
    try:
        sandbox.unpack(zipped(files) if is_zip else tarred(files))
    except BadArchiveError:
        return
    assert set(tree(sandbox.target).values()) <= {b"content"}


def bomb(size=110_000_000):
    """A zip of a thousandth of what it unpacks to."""
    return zipped({"Images/zeros.JPG": bytes(size)})


def test_an_archive_that_unpacks_to_a_hundred_times_its_size_is_refused_before_it_is_unpacked(sandbox):
    content = bomb()
    assert len(content) * 100 < 110_000_000
    with pytest.raises(BadArchiveError, match=r"The archive of 1\d\d\.\d kB unpacks to more than 100.0 MB"):
        sandbox.unpack(content)
    assert tree(sandbox.target) == {}


def test_a_tar_that_does_not_say_what_it_unpacks_to_is_stopped_on_the_way(sandbox, monkeypatch):
    monkeypatch.setattr(members, "HARMLESS_BYTES", 3_000_000)
    content = tarred({f"Images/{number}.JPG": bytes(1_000_000) for number in range(9)}, "w:gz")
    with pytest.raises(BadArchiveError, match="unpacks to more than 3.0 MB"):
        sandbox.unpack(content)
    assert 2_000_000 <= sum(map(len, tree(sandbox.target).values())) <= 3_000_000


def test_a_tar_header_that_claims_gigabytes_is_not_granted_them(sandbox, monkeypatch):
    monkeypatch.setattr(members, "HARMLESS_BYTES", 3_000_000)
    header = tarfile.TarInfo("huge")
    header.type, header.size = tarfile.XHDTYPE, 7 * 1024**3
    content = gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) + bytes(4_000_000))
    with pytest.raises(BadArchiveError, match="unpacks to more than 3.0 MB"):
        sandbox.unpack(content)


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, b"Q"])
@pytest.mark.parametrize("size", [-1, -512, -513, -(10**9)])
def test_a_member_of_negative_size_is_refused(sandbox, kind, size):
    header = bytearray(tarfile.TarInfo("a").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = (size % 256**12).to_bytes(12, "big")  # GNU's way of writing numbers, which knows a sign
    header[156:157] = kind
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    with pytest.raises(BadArchiveError):
        sandbox.unpack(tarred({"first": b"1"})[:1024] + bytes(header) + bytes(20_000))


def test_small_archives_may_unpack_to_any_multiple(sandbox):
    content = zipped({"Images/zeros.JPG": bytes(2_000_000)})
    assert len(content) * 500 < 2_000_000
    assert sandbox.unpack(content).bytes == 2_000_000


def test_entries_that_share_their_bytes_count_each_for_itself(sandbox, monkeypatch):
    monkeypatch.setattr(members, "HARMLESS_BYTES", 3_000_000)
    content = bytearray(zipped({f"{number}": bytes(500_000) for number in range(8)}))
    end = content.rindex(b"PK\x05\x06")
    at = struct.unpack_from("<I", content, end + 16)[0]
    while at < end:  # every entry of the directory leads to the first file
        names = struct.unpack_from("<HHH", content, at + 28)
        struct.pack_into("<I", content, at + 42, 0)
        at += 46 + sum(names)
    with pytest.raises(BadArchiveError, match="unpacks to more than 3.0 MB"):
        sandbox.unpack(bytes(content))


def test_a_zip_that_declares_less_than_it_holds_never_gives_more(sandbox):
    content = zipped({"Images/zeros.JPG": bytes(3_000_000)})
    lie = content.replace(struct.pack("<I", 3_000_000), struct.pack("<I", 1000))
    with pytest.raises(BadArchiveError, match="is damaged or cut off"):
        sandbox.unpack(lie)
    assert sum(map(len, tree(sandbox.target).values())) <= 1000


def test_a_zip_that_declares_more_than_it_holds_is_damaged(sandbox):
    content = zipped({"a": bytes(3000)})
    with pytest.raises(BadArchiveError, match="'a' is shorter than declared"):
        sandbox.unpack(content.replace(struct.pack("<I", 3000), struct.pack("<I", 4000)))


def test_an_encrypted_zip_says_so(sandbox):
    content = bytearray(zipped({"Images/a": b"secret"}))
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + at] |= 1
    with pytest.raises(BadArchiveError, match=r"is encrypted \('Images/a' needs a password\). Unpack it yourself"):
        sandbox.unpack(bytes(content))


def test_a_way_of_packing_that_python_cannot_read_says_so(sandbox):
    content = bytearray(zipped({"Images/a": b"1" * 99}))
    for signature, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        content[content.index(signature) + at] = 9  # deflate64: what Windows makes of more than 2 GB
    with pytest.raises(BadArchiveError, match="packs 'Images/a' by method 9, which Python cannot read"):
        sandbox.unpack(bytes(content))


@pytest.mark.parametrize("kind", ZIPS)
def test_a_bit_turned_over_in_a_photograph_is_found(sandbox, kind):
    content = bytearray(made(kind))
    content[len(content) // 2 if kind != "stored" else 200] ^= 1
    with pytest.raises(BadArchiveError, match="set.archive is damaged or cut off .*Get it again"):
        sandbox.unpack(bytes(content))


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_cut_anywhere_is_never_taken_for_whole(sandbox, kind):
    whole = made(kind)
    for end in itertools.chain(range(1, len(whole), 997), range(len(whole) - 20, len(whole))):
        sandbox.fresh()
        try:
            sandbox.unpack(whole[:end])
        except BadArchiveError:
            continue
        assert kind == "tar"  # it may lack a part of the empty blocks at its end
        assert tree(sandbox.target) == FILES


def test_a_tar_whose_header_is_broken_in_the_middle_does_not_just_end_there(sandbox):
    content = bytearray(tarred({"a": b"1", "b": b"2", "c": b"3"}))
    content[1024 + 150] ^= 1  # in the checksum of the second header
    with pytest.raises(BadArchiveError, match="no end of archive"):
        sandbox.unpack(bytes(content))


@settings(deadline=None, max_examples=80)
@given(st.sampled_from(KINDS), st.randoms(use_true_random=False))
def test_damage_of_any_kind_ends_in_files_or_in_a_sentence(tmp_path_factory, kind, rng):
    sandbox = Sandbox(tmp_path_factory.mktemp("damage"))
    content = bytearray(made(kind))
    for _ in range(rng.randrange(1, 4)):
        content[rng.randrange(len(content))] = rng.randrange(256)
    sentence = "."
    try:
        sandbox.unpack(bytes(content))
    except DataError as error:
        sentence = str(error)
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            b"<!DOCTYPE html><html>",
            r"is no zip or tar \(it starts with b'<!DOCTYPE html><'\). Expected a zip, or a tar",
        ),
        (b"", r"is no zip or tar \(it starts with b''\)"),
        (b"7z\xbc\xaf\x27\x1c0000", "is a 7z archive .* Unpack other kinds yourself and use the source 'folder'"),
        (b"\x28\xb5\x2f\xfd0000", "is a zstd archive"),
        (b"Rar!\x1a\x07", "is a rar archive"),
        (gzip.compress(b"place_id,year\n" * 99), "is damaged or cut off"),
        (bz2.compress(b"short"), "is damaged or cut off"),
        (lzma.compress(b""), "is damaged or cut off"),
    ],
    ids=["html", "empty", "7z", "zstd", "rar", "gzip of a text", "bzip2 of a word", "xz of nothing"],
)
def test_what_is_no_archive_says_what_it_is(sandbox, content, words):
    with pytest.raises(BadArchiveError, match=words):
        sandbox.unpack(content)


def test_an_archive_that_cannot_be_read_is_not_called_damaged(tmp_path):
    with pytest.raises(DataError, match=r"The archive .*absent.zip cannot be read: No such file") as raised:
        unpack(tmp_path / "absent.zip", tmp_path, tracker=NullTracker())
    assert not isinstance(raised.value, BadArchiveError)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("is_zip", [True, False])
def test_of_a_name_that_occurs_twice_the_last_stays(sandbox, is_zip):
    raw = io.BytesIO()
    if is_zip:
        with zipfile.ZipFile(raw, "w") as archive:
            for name, content in (("Images/a", b"first"), ("Images/./a", b"2"), ("Images/a", b"3")):
                archive.writestr(name, content)
    else:
        with tarfile.open(fileobj=raw, mode="w") as archive:
            for name, content in (("Images/a", b"first"), ("Images//a", b"2"), ("Images/a", b"3")):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    assert sandbox.unpack(raw.getvalue()) == Unpacked(files=1, bytes=7)
    assert tree(sandbox.target) == {"Images/a": b"3"}


@pytest.mark.parametrize("names", [["a", "a/b"], ["a/b", "a"], ["x" * 256]])
def test_names_that_no_disk_can_hold_are_the_archives_fault(sandbox, names):
    with pytest.raises(BadArchiveError, match="holds a name that cannot be written here"):
        sandbox.unpack(zipped(dict.fromkeys(names, b"1")))


def test_too_small_a_disk_is_said_before_anything_is_unpacked(sandbox, monkeypatch):
    free = shutil.disk_usage(sandbox.root)._replace(free=20_000)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda folder: free)
    # Two files of three blocks or less each, one of one block, one of none: 4 KiB blocks.
    with pytest.raises(DataError, match=r"too small to unpack set.archive: 20.5 kB needed, 20.0 kB free") as raised:
        sandbox.unpack(zipped())
    assert not isinstance(raised.value, BadArchiveError)
    assert tree(sandbox.target) == {}


def test_a_file_too_large_for_the_disk_is_not_the_archives_fault(sandbox):
    content = tarred({"Images/a": RNG.randbytes(90_000)})
    (sandbox.root / "set.archive").write_bytes(content)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(DataError, match=r"became full .* \(File too large\). The archive is kept") as raised:
            unpack(sandbox.root / "set.archive", sandbox.target, tracker=NullTracker())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not isinstance(raised.value, BadArchiveError)


def test_a_disk_that_fills_up_while_unpacking_says_so(sandbox):
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    options = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(sandbox.target)]
    if subprocess.run(options, capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody mount a small disk")
    content = tarred({f"Images/{number}": bytes(100_000) for number in range(5)}, "w:gz")  # which looks small
    try:
        with pytest.raises(DataError, match=r"became full .* \(No space left on device\). The archive is kept"):
            sandbox.unpack(content)
    finally:
        subprocess.run(["umount", str(sandbox.target)], check=True)


class Recording(NullTracker):
    def __init__(self):
        self.bars = []

    @contextmanager
    def progress(self, description, total, unit="image"):
        bar = [description, total, unit, 0]
        self.bars.append(bar)

        class Bar:
            def advance(self, count=1, **shown):
                assert count >= 0
                bar[3] += count

        yield Bar()


def test_an_error_of_another_kind_stays_what_it_is(sandbox):
    class Broken(NullTracker):
        def progress(self, description, total, unit="image"):
            raise PermissionError(errno.EACCES, "Permission denied", "/elsewhere")

    with pytest.raises(PermissionError, match="/elsewhere"):
        sandbox.unpack(zipped(), Broken())


@pytest.mark.parametrize("kind", KINDS)
def test_the_bar_counts_bytes_up_to_its_end(sandbox, kind):
    tracker, content = Recording(), made(kind)
    sandbox.unpack(content, tracker)
    total = sum(map(len, FILES.values())) if kind in ZIPS else len(content)
    assert tracker.bars == [["Unpacking set.archive", total, "B", total]]


def test_the_test_means_what_the_tools_mean(sandbox):
    """An archive of the system's own tar comes out as that tar unpacks it."""
    if shutil.which("tar") is None:
        pytest.skip("no tar here")
    source = sandbox.root / "beside"
    content = subprocess.run(["tar", "-czf", "-", "-C", str(source), "."], capture_output=True, check=True).stdout
    sandbox.unpack(content)
    assert tree(sandbox.target) == tree(source)
    assert (sandbox.target / "precious").stat().st_mtime == int((source / "precious").stat().st_mtime)
    assert Path(sandbox.target / "precious").stat().st_mode & 0o111 == 0
