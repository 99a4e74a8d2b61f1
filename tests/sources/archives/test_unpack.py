"""Sound archives come out whole, with their times and without rights that nobody asked for."""

import calendar
import errno
import io
import os
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

from gsv_pipeline.sources.archives.unpack import Unpacked
from gsv_pipeline.tracking import NullTracker
from tests.sources.archives.packing import FILES, KINDS, MODIFIED_S, ZIPS, made, tarred, tree, zipped


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


@pytest.mark.parametrize("kind", KINDS)
def test_the_bar_counts_bytes_up_to_its_end(sandbox, kind):
    tracker, content = Recording(), made(kind)
    sandbox.unpack(content, tracker)
    total = sum(map(len, FILES.values())) if kind in ZIPS else len(content)
    assert tracker.bars == [["Unpacking set.archive", total, "B", total]]


def test_an_error_of_another_kind_stays_what_it_is(sandbox):
    class Broken(NullTracker):
        def progress(self, description, total, unit="image"):
            raise PermissionError(errno.EACCES, "Permission denied", "/elsewhere")

    with pytest.raises(PermissionError, match="/elsewhere"):
        sandbox.unpack(zipped(), Broken())


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
