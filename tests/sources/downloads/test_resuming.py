"""Downloads against a server that fails: what arrived is kept, and the rest is asked for."""

import errno
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gsv_pipeline.errors import DataError, RunError, StoppedError
from gsv_pipeline.tracking import NullTracker
from tests.loopback import Fault
from tests.sources.downloads.setting import BUSY, CONTENT, CUT, HASH, MODIFIED, PATH, Recording, parts


def test_a_file_arrives_whole_with_its_hash_and_bars_in_bytes(server, get, tracker, waits):
    got = get(server.put(PATH, CONTENT))
    assert got.path.read_bytes() == CONTENT
    assert (got.path.name, got.sha256, got.bytes) == ("set.zip", HASH, len(CONTENT))
    assert got.finished.endswith("+00:00")
    assert [(bar.description, bar.total, bar.done, bar.unit) for bar in tracker.bars] == [
        ("Downloading set.zip", len(CONTENT), len(CONTENT), "B"),
        ("Hashing set.zip.part", len(CONTENT), len(CONTENT), "B"),
    ]
    assert parts(get) == {}
    assert (len(server.seen), waits) == (1, [])


@pytest.mark.parametrize("how", ["close", "reset", "silence"])
@pytest.mark.parametrize("validators", [{}, {"etag": "", "modified": MODIFIED}], ids=["etag", "date"])
def test_a_connection_cut_in_the_middle_goes_on_from_there(server, get, waits, how, validators):
    url = server.put(PATH, CONTENT, **validators)
    server.fail(PATH, *[Fault(cut_after=100_000, how=how)] * 3)
    assert get(url).path.read_bytes() == CONTENT
    first, *later = server.seen
    assert "Range" not in first.headers
    assert len(later) == 3
    starts = [request.start for request in later]
    assert starts == sorted(starts)
    if how != "reset":  # a reset may overtake bytes that were sent before it
        assert starts == [100_000, 200_000, 300_000]
    known = validators.get("modified") or server.files[PATH].etag
    assert {request.headers["If-Range"] for request in later if request.start} == {known}
    if how != "reset":
        assert waits == [1.0, 1.0, 1.0]  # each try brought bytes, so each is the first of its row


@pytest.mark.parametrize(
    "fault",
    [Fault(how="hang up"), Fault(cut_after=0, how="silence"), Fault(cut_after=0, how="reset"), Fault(cut_after=0)],
)
def test_a_connection_that_brings_nothing_is_tried_again(server, get, waits, fault):
    url = server.put(PATH, CONTENT)
    server.fail(PATH, fault)
    assert get(url).sha256 == HASH
    assert waits == [1.0]


def test_tries_without_a_new_byte_end_and_the_next_run_goes_on(server, get, waits):
    url = server.put(PATH, CONTENT)
    server.fail(PATH, CUT, BUSY, BUSY)
    with pytest.raises(
        RunError, match=r"127.0.0.1: the server answers 503 .*, 3 times in a row. What has arrived \(100"
    ):
        get(url)
    assert waits == [1.0, 2.0]
    assert parts(get) == {"set.zip.part": 100_000}
    assert get(url).path.read_bytes() == CONTENT
    assert server.seen[-1].headers["Range"] == "bytes=100000-"


def test_a_server_that_starts_anew_and_breaks_at_the_same_byte_is_given_up(server, get):
    url = server.put(PATH, CONTENT, ranges=False)
    server.fail(PATH, *[CUT] * 20)
    with pytest.raises(RunError, match="the connection was cut, 3 times in a row"):
        get(url)
    assert len(server.seen) == 3


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {}),
        ({"etag": "", "modified": MODIFIED}, {"etag": "", "modified": "Wed, 03 Jan 2024 03:04:05 GMT"}),
        ({}, {"minds_if_range": False}),
        ({}, {"ranges": False}),
    ],
    ids=["etag", "date", "server that minds no If-Range", "server without ranges"],
)
def test_a_file_that_changed_meanwhile_starts_clean(server, get, before, after):
    url = server.put(PATH, CONTENT[::-1], **before)
    server.fail(PATH, CUT, BUSY, BUSY)
    with pytest.raises(RunError):
        get(url)
    server.put(PATH, CONTENT, **after)
    assert get(url).path.read_bytes() == CONTENT


@pytest.mark.parametrize("validators", [{"etag": ""}, {"etag": 'W/"weak"'}], ids=["none", "weak"])
def test_without_a_validator_only_a_known_hash_lets_a_part_go_on(server, get, validators):
    url = server.put(PATH, CONTENT, **validators)
    server.fail(PATH, CUT)
    assert get(url).path.read_bytes() == CONTENT
    assert [request.start for request in server.seen] == [0, 0]
    server.seen.clear()
    other = server.put("/other.zip", CONTENT, **validators)
    server.fail("/other.zip", CUT)
    assert get(other, sha256=HASH).path.read_bytes() == CONTENT
    assert [request.start for request in server.seen] == [0, 100_000]
    assert "If-Range" not in server.seen[-1].headers


def test_parts_of_two_files_joined_are_found_by_the_hash_and_removed(server, get):
    url = server.put(PATH, CONTENT[::-1], etag="")
    server.fail(PATH, CUT, BUSY, BUSY)
    with pytest.raises(RunError):
        get(url, sha256=HASH)
    server.put(PATH, CONTENT, etag="")
    with pytest.raises(DataError, match="is another file than expected"):
        get(url, sha256=HASH)
    assert get(url, sha256=HASH).path.read_bytes() == CONTENT


def test_a_range_behind_the_end_means_whole_or_changed(server, get):
    url = server.put(PATH, CONTENT, says_length=False)
    got = get(url)  # the length is unknown: only the end of the connection tells
    note = got.path.with_name("set.zip.json")
    part = got.path.rename(got.path.with_name("set.zip.part"))
    known = json.loads(note.read_text()) | {"length": None, "ended": False}
    note.write_text(json.dumps(known))
    assert get(url).sha256 == HASH
    assert server.seen[-1].start == len(CONTENT)
    got.path.rename(part)
    part.write_bytes(CONTENT + b"more")
    note.write_text(json.dumps(known))
    assert get(url).path.read_bytes() == CONTENT
    assert [request.start for request in server.seen[2:]] == [len(CONTENT) + 4, 0]


@pytest.mark.parametrize("options", [{"says_length": False}, {"chunked": True}], ids=["until closed", "chunked"])
def test_a_length_that_nobody_says_is_no_hindrance(server, get, tracker, options):
    assert get(server.put(PATH, CONTENT, **options)).sha256 == HASH
    assert (tracker.bars[0].total, tracker.bars[0].done) == (0, len(CONTENT))


def test_chunks_that_break_off_go_on(server, get):
    url = server.put(PATH, CONTENT, chunked=True)
    server.fail(PATH, CUT)
    assert get(url).sha256 == HASH
    assert [request.start for request in server.seen] == [0, 100_000]


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), StoppedError("SIGTERM"), OSError(errno.EIO, "broken disk")])
def test_a_run_that_is_stopped_goes_on_next_time(server, get, stop):
    url = server.put(PATH, CONTENT)
    server.fail(PATH, Fault(rate=300_000))
    with pytest.raises(type(stop)):
        get(url, tracker=Recording(raises=stop, at=200_000))
    kept = parts(get)["set.zip.part"]
    assert 200_000 <= kept < len(CONTENT)
    assert get(url).path.read_bytes() == CONTENT
    assert server.seen[-1].start == kept


class Stopper(NullTracker):
    def progress(self, description, total, unit="image"):
        if description.startswith("Hashing"):
            raise KeyboardInterrupt
        return super().progress(description, total, unit)


def test_a_run_stopped_while_it_hashes_asks_for_nothing_again(server, get):
    url = server.put(PATH, CONTENT)
    with pytest.raises(KeyboardInterrupt):
        get(url, tracker=Stopper())
    assert get(url).sha256 == HASH
    assert len(server.seen) == 1


CHILD = """
import sys
from pathlib import Path
from gsv_pipeline.sources.downloads.download import download
from gsv_pipeline.tracking import NullTracker
download(sys.argv[1], Path(sys.argv[2]), tracker=NullTracker())
"""


def test_a_process_killed_in_the_middle_goes_on_where_it_was(server, get):
    url = server.put(PATH, CONTENT)
    server.fail(PATH, Fault(rate=100_000))
    child = subprocess.Popen([sys.executable, "-c", CHILD, url, str(get.folder)], cwd=Path(__file__).parents[3])
    deadline = time.monotonic() + 120
    while sum(parts(get).values()) < 150_000:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    kept = parts(get)["set.zip.part"]
    assert 150_000 <= kept < len(CONTENT)
    assert get(url).path.read_bytes() == CONTENT
    assert server.seen[-1].headers["Range"] == f"bytes={kept}-"
