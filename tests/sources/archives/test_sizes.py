"""What unpacks to far more than it promises, or than the disk takes, is stopped."""

import gzip
import shutil
import struct
import tarfile

import pytest

from gsv_pipeline.errors import DataError
from gsv_pipeline.sources import disk
from gsv_pipeline.sources.archives import members
from gsv_pipeline.sources.archives.members import BadArchiveError
from gsv_pipeline.sources.archives.unpack import unpack
from gsv_pipeline.tracking import NullTracker
from tests.disks import largest_file, small_disk
from tests.sources.archives.packing import RNG, tarred, tree, zipped


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
    words = r"became full .* \(File too large\). The archive is kept"
    with largest_file(50_000), pytest.raises(DataError, match=words) as raised:
        unpack(sandbox.root / "set.archive", sandbox.target, tracker=NullTracker())
    assert not isinstance(raised.value, BadArchiveError)


def test_a_disk_that_fills_up_while_unpacking_says_so(sandbox):
    content = tarred({f"Images/{number}": bytes(100_000) for number in range(5)}, "w:gz")  # which looks small
    words = r"became full .* \(No space left on device\). The archive is kept"
    with small_disk(sandbox.target, "256k"), pytest.raises(DataError, match=words):
        sandbox.unpack(content)
