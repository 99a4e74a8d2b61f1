"""Nothing is written outside the folder, whatever the members of an archive are called or are."""

import io
import stat
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_pipeline.sources.archives.members import BadArchiveError
from tests.sources.archives.packing import Sandbox, tarred, tree, zipped

UNSAFE = [
    "../out",
    "a/../../out",
    "/var/out",
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
