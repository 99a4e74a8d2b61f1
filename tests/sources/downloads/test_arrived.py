"""What has arrived: its hash, its name, and the disk that it must fit on."""

import shutil

import pytest

from gsv_pipeline.errors import ConfigError, DataError, RunError
from gsv_pipeline.sources import disk
from gsv_pipeline.sources.disk import human_bytes
from gsv_pipeline.sources.downloads.checksum import check_sha256
from tests.disks import largest_file, small_disk
from tests.loopback import Fault
from tests.sources.downloads.setting import BUSY, CONTENT, HASH, PATH, parts


def test_a_wrong_hash_names_both_and_the_next_try_starts_clean(server, get):
    wanted = "0" * 64
    url = server.put(PATH, CONTENT)
    with pytest.raises(DataError, match=f"its SHA-256 is {HASH}, expected {wanted}. It is removed") as raised:
        get(url, sha256=wanted)
    assert raised.value.details == {"sha256_found": HASH, "sha256_expected": wanted}
    assert not [path for path in get.folder.rglob("*") if path.is_file()]
    assert get(url, sha256=f"SHA256:{HASH.upper()}").sha256 == HASH
    assert [request.start for request in server.seen] == [0, 0]


@pytest.mark.parametrize("text", ["abc", "g" * 64, "", 12, HASH + "0"])
def test_what_is_no_hash_is_refused(get, text):
    assert check_sha256(None) is None
    with pytest.raises(ConfigError, match="expected 64 hexadecimal digits"):
        get("http://127.0.0.1:1/set.zip", sha256=text)


def test_a_file_that_is_there_is_not_asked_for_again_unless_it_was_damaged(server, get, tracker):
    url = server.put(PATH, CONTENT)
    first = get(url)
    assert get(url) == first
    assert f"Using set.zip as downloaded {first.finished}" in tracker.messages
    assert len(server.seen) == 1
    first.path.write_bytes(CONTENT[:-1])
    assert get(url).path.read_bytes() == CONTENT
    assert len(server.seen) == 2


def test_files_of_one_name_are_not_taken_for_each_other(server, get):
    urls = [server.put(f"/{name}/set.zip?version={name}", name.encode() * 9) for name in "ab"]
    server.fail("/a/set.zip?version=a", Fault(cut_after=3), BUSY, BUSY)
    with pytest.raises(RunError):
        get(urls[0])
    assert [get(url).path.read_bytes() for url in reversed(urls)] == [b"b" * 9, b"a" * 9]


def test_too_small_a_disk_is_said_before_anything_is_written(server, get, monkeypatch):
    url = server.put(PATH, CONTENT)
    free = shutil.disk_usage(get.folder)._replace(free=1_000_000)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda folder: free)
    words = r"too small to download and unpack set.zip: 1.2 MB needed, 1.0 MB free. Free 200.0 kB or use a data root"
    with pytest.raises(DataError, match=words) as raised:
        get(url, unpacks_to=1.0)
    assert raised.value.details == {"bytes_needed": 2 * len(CONTENT), "bytes_free": 1_000_000}
    assert parts(get) == {}
    assert get(url).sha256 == HASH  # without unpacking it fits


def test_a_file_that_grows_too_large_for_the_disk_keeps_its_part(server, get):
    url = server.put(PATH, CONTENT)
    words = r"became full while set.zip was downloaded \(File too large\). What has"
    with largest_file(250_000), pytest.raises(DataError, match=words):
        get(url)
    assert parts(get) == {"set.zip.part": 250_000}
    assert get(url).path.read_bytes() == CONTENT
    assert server.seen[-1].start == 250_000


def test_a_disk_that_fills_up_keeps_the_part_and_a_larger_one_goes_on(server, get):
    url = server.put(PATH, CONTENT, says_length=False)  # so that the disk cannot be seen to be too small before
    with small_disk(get.folder, "256k") as enlarge:
        with pytest.raises(DataError, match=r"became full while set.zip was downloaded \(No space left on device\)"):
            get(url)
        kept = parts(get)["set.zip.part"]
        assert 100_000 < kept <= 256 * 1024
        enlarge("4m")
        assert get(url).path.read_bytes() == CONTENT
        assert server.seen[-1].start == kept


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_234_000_000, "1.2 GB"), (5e15, "5000.0 TB")],
)
def test_sizes_are_read_as_on_a_download_page(count, shown):
    assert human_bytes(count) == shown
