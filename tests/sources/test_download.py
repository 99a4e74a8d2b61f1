"""Downloads against a server that fails: what arrived is kept, the rest is asked for, and refusals are plain."""

import email.utils
import errno
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gsv_pipeline.errors import ConfigError, DataError, RunError, StoppedError
from gsv_pipeline.sources import disk
from gsv_pipeline.sources.disk import human_bytes
from gsv_pipeline.sources.downloads import remote
from gsv_pipeline.sources.downloads.addresses import without_secrets
from gsv_pipeline.sources.downloads.checksum import check_sha256
from gsv_pipeline.sources.downloads.download import Patience, download
from gsv_pipeline.tracking import NullTracker
from tests.loopback import Fault, loopback

CONTENT = b"PK\x03\x04" + random.Random(1).randbytes(600_000)
HASH = hashlib.sha256(CONTENT).hexdigest()
PATH = "/v0.1/set.zip"
MODIFIED = "Tue, 02 Jan 2024 03:04:05 GMT"
RESET = Fault(cut_after=100_000, how="reset")
CUT = Fault(cut_after=100_000)
BUSY = Fault(503)


class Recording(NullTracker):
    """Notes bars and sentences; `at` bytes of a bar it raises."""

    def __init__(self, raises=None, at=0):
        self.messages, self.bars, self.raises, self.at = [], [], raises, at

    def message(self, text):
        self.messages.append(text)

    @contextmanager
    def progress(self, description, total, unit="image"):
        bar = Bar(self, description, total, unit)
        self.bars.append(bar)
        yield bar


class Bar:
    def __init__(self, tracker, description, total, unit):
        self.tracker, self.description, self.total, self.unit, self.done = tracker, description, total, unit, 0

    def advance(self, count=1, **shown):
        self.done += count
        if self.tracker.raises and self.done >= self.tracker.at:
            raise self.tracker.raises


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    with loopback() as running:
        yield running


@pytest.fixture
def tracker():
    return Recording()


@pytest.fixture
def waits():
    return []


@pytest.fixture
def get(tmp_path, tracker, waits):
    """Download with the patience of a test; the folder is a neighbour's neighbour, so that strays are seen."""
    folder = tmp_path / "root" / "downloads"
    folder.mkdir(parents=True)
    patience = Patience(tries=3, silence_s=0.4, sleep=waits.append, share=lambda low, high: high)

    def run(url, **options):
        try:
            return download(url, folder, **{"tracker": tracker, "patience": patience, **options})
        finally:
            assert [path.name for path in tmp_path.iterdir()] == ["root"]
            assert [path.name for path in folder.parent.iterdir()] == ["downloads"]

    run.folder = folder
    return run


def parts(get):
    return {path.name: path.stat().st_size for path in get.folder.rglob("*.part")}


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


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_answers_that_pass_are_waited_for_longer_and_longer(server, get, tracker, waits, status):
    url = server.put(PATH, CONTENT)
    server.fail(PATH, Fault(status), Fault(status))
    assert get(url).sha256 == HASH
    assert waits == [1.0, 2.0]
    assert f"the server answers {status} (" in tracker.messages[0]
    assert tracker.messages[0].endswith("Trying again in 1 s (1 of 3 tries)")


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "86400"}, 300.0),
        # By the server's clock, which is in another year here.
        ({"Retry-After": "Tue, 02 Jan 2001 03:04:45 GMT", "Date": "Tue, 02 Jan 2001 03:04:05 GMT"}, 40.0),
        ({"Retry-After": "Tue, 02 Jan 2001 03:04:05 GMT", "Date": "Tue, 02 Jan 2001 03:04:45 GMT"}, 0.0),
        ({"Retry-After": "soon"}, 1.0),
        ({"Retry-After": "-5"}, 1.0),
    ],
)
def test_a_server_that_says_when_is_asked_then(server, get, waits, status, asked, waited):
    url = server.put(PATH, CONTENT)
    # The server's own Date stands before the scripted one, and the first is read: so it is replaced.
    server.http.RequestHandlerClass.date_time_string = lambda handler: asked.get(
        "Date", email.utils.formatdate(usegmt=True)
    )
    server.fail(PATH, Fault(status, {"Retry-After": asked["Retry-After"]}))
    assert get(url).sha256 == HASH
    assert waits == [waited]


def test_waits_double_up_to_a_minute_and_spread():
    patience = Patience(share=lambda low, high: low)
    assert [patience.wait_s(tries, None) for tries in (1, 2, 3, 7, 40)] == [0.5, 1.0, 2.0, 30.0, 30.0]
    drawn = {Patience().wait_s(3, None) for _ in range(20)}
    assert len(drawn) > 1
    assert all(2.0 <= wait <= 4.0 for wait in drawn)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, r"401 \(Unauthorized\); it asks for a name and password: put them into the URL"),
        (403, r"403 \(Forbidden\); the link may have expired, or a licence must be accepted first"),
        (404, r"404 \(Not Found\); it has nothing at this address: compare the URL"),
        (410, r"410 \(Gone\); the file was removed for good"),
        (451, r"451 \(Unavailable For Legal Reasons\); expected the file: look at the URL in a browser"),
    ],
)
def test_refusals_are_not_asked_again_and_keep_what_is_there(server, get, waits, status, words):
    url = server.put(PATH, CONTENT)
    server.fail(PATH, CUT, Fault(status, body=b"<html>no</html>"))
    with pytest.raises(DataError, match=words) as raised:
        get(url)
    assert raised.value.details == {"status": status}
    assert len(server.seen) == 2
    assert waits == [1.0]  # after the cut only
    assert get(url).sha256 == HASH
    assert server.seen[-1].start == 100_000


def test_a_web_page_is_no_archive_whatever_the_server_calls_it(server, get, waits):
    page = b"\n<!-- x --><!DOCTYPE HTML><html><title> Quota\nexceeded </title></html>"
    for content_type in ("application/zip", "text/html; charset=utf-8"):
        url = server.put(PATH, page, content_type=content_type)
        with pytest.raises(DataError, match=r"sent a web page called 'Quota\\nexceeded' where an archive was expected"):
            get(url)
    url = server.put(PATH, b"Please log in", content_type="text/html")
    with pytest.raises(DataError, match=r"a web page where an archive was expected, usually a login, a quota"):
        get(url)
    assert list(get.folder.iterdir()) == []
    assert (len(server.seen), waits) == (3, [])


def test_a_web_page_on_the_way_costs_nothing_of_what_is_there(server, get):
    url = server.put(PATH, CONTENT)
    server.fail(PATH, CUT, Fault(200, {"Content-Type": "text/html"}, b"<html>log in</html>"))
    with pytest.raises(DataError, match="sent a web page"):
        get(url)
    assert parts(get) == {"set.zip.part": 100_000}
    assert get(url).sha256 == HASH


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


def test_a_wrong_hash_names_both_and_the_next_try_starts_clean(server, get):
    wanted = "0" * 64
    url = server.put(PATH, CONTENT)
    with pytest.raises(DataError, match=f"its SHA-256 is {HASH}, expected {wanted}. It is removed") as raised:
        get(url, sha256=wanted)
    assert raised.value.details == {"sha256_found": HASH, "sha256_expected": wanted}
    assert not [path for path in get.folder.rglob("*") if path.is_file()]
    assert get(url, sha256=f"SHA256:{HASH.upper()}").sha256 == HASH
    assert [request.start for request in server.seen] == [0, 0]


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
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (250_000, hard))
    try:
        with pytest.raises(DataError, match=r"became full while set.zip was downloaded \(File too large\). What has"):
            get(url)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert parts(get) == {"set.zip.part": 250_000}
    assert get(url).path.read_bytes() == CONTENT
    assert server.seen[-1].start == 250_000


def mount(*options):
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    if subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody mount a small disk")


def test_a_disk_that_fills_up_keeps_the_part_and_a_larger_one_goes_on(server, get):
    url = server.put(PATH, CONTENT, says_length=False)  # so that the disk cannot be seen to be too small before
    mount("-t", "tmpfs", "-o", "size=256k", "tmpfs", str(get.folder))
    try:
        with pytest.raises(DataError, match=r"became full while set.zip was downloaded \(No space left on device\)"):
            get(url)
        kept = parts(get)["set.zip.part"]
        assert 100_000 < kept <= 256 * 1024
        mount("-o", "remount,size=4m", str(get.folder))
        assert get(url).path.read_bytes() == CONTENT
        assert server.seen[-1].start == kept
    finally:
        subprocess.run(["umount", str(get.folder)], check=True)


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), StoppedError("SIGTERM"), OSError(errno.EIO, "broken disk")])
def test_a_run_that_is_stopped_goes_on_next_time(server, get, stop):
    url = server.put(PATH, CONTENT)
    server.fail(PATH, Fault(rate=3_000_000))
    with pytest.raises(type(stop)):
        get(url, tracker=Recording(raises=stop, at=200_000))
    kept = parts(get)["set.zip.part"]
    assert 200_000 <= kept < len(CONTENT)
    assert get(url).path.read_bytes() == CONTENT
    assert server.seen[-1].start == kept


def test_a_run_stopped_while_it_hashes_asks_for_nothing_again(server, get):
    url = server.put(PATH, CONTENT)
    with pytest.raises(KeyboardInterrupt):
        get(url, tracker=Stopper())
    assert get(url).sha256 == HASH
    assert len(server.seen) == 1


class Stopper(NullTracker):
    def progress(self, description, total, unit="image"):
        if description.startswith("Hashing"):
            raise KeyboardInterrupt
        return super().progress(description, total, unit)


CHILD = """
import sys
from pathlib import Path
from gsv_pipeline.sources.downloads.download import download
from gsv_pipeline.tracking import NullTracker
download(sys.argv[1], Path(sys.argv[2]), tracker=NullTracker())
"""


def test_a_process_killed_in_the_middle_goes_on_where_it_was(server, get):
    url = server.put(PATH, CONTENT)
    server.fail(PATH, Fault(rate=300_000))
    child = subprocess.Popen([sys.executable, "-c", CHILD, url, str(get.folder)], cwd=Path(__file__).parents[2])
    deadline = time.monotonic() + 20
    while sum(parts(get).values()) < 150_000 and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    kept = parts(get)["set.zip.part"]
    assert 150_000 <= kept < len(CONTENT)
    assert get(url).path.read_bytes() == CONTENT
    assert server.seen[-1].headers["Range"] == f"bytes={kept}-"


def test_redirects_are_followed_with_the_range_but_without_the_password(server, get):
    server.put(PATH, CONTENT)
    moved = {"Location": f"http://localhost:{server.port}{PATH}", "Content-Length": "0"}
    server.fail("/latest", Fault(302, moved), Fault(302, moved))
    server.fail(PATH, CUT)
    url = server.url("/latest").replace("//", "//me%40home:pass%3Aword@")
    assert get(url).sha256 == HASH
    asked = [request for request in server.seen if request.path == "/latest"]
    assert {request.headers["Authorization"] for request in asked} == {"Basic bWVAaG9tZTpwYXNzOndvcmQ="}
    served = [request for request in server.seen if request.path == PATH]
    assert [request.start for request in served] == [0, 100_000]
    assert not any("Authorization" in request.headers for request in served)


@pytest.mark.parametrize("location", ["file:///etc/hostname", "ftp://127.0.0.1/x"])
def test_redirects_out_of_http_are_refused(server, get, location):
    server.fail(PATH, Fault(302, {"Location": location}))
    with pytest.raises((DataError, ConfigError)):
        get(server.url(PATH))
    assert list(get.folder.iterdir()) == []


def test_a_name_with_spaces_and_letters_of_any_language_is_escaped(server, get):
    server.put("/Ein%20Archiv%20%C3%BC.zip", CONTENT)
    assert get(server.url("/Ein Archiv ü.zip")).path.name == "Ein_Archiv_.zip"


@pytest.mark.parametrize(
    "url",
    [
        "set.zip",
        "/data/set.zip",
        "ftp://host/set.zip",
        "file:///set.zip",
        "https://",
        "http://host:port/x",
        "http://[::1",
        "",
    ],
)
def test_what_is_no_url_is_refused_before_anything_is_asked(get, url):
    with pytest.raises(ConfigError, match="is no URL"):
        get(url)
    assert list(get.folder.iterdir()) == []


def test_an_unknown_host_is_said_at_once_and_a_name_server_that_is_away_is_waited_for(get, waits, monkeypatch):
    fails = [socket.gaierror(socket.EAI_NONAME, "Name or service not known")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: raise_(fails[0]))
    with pytest.raises(
        ConfigError, match=r"No host 'data.example' is known \(Name or service not known\). Check the URL"
    ):
        get("http://me:secret@data.example/set.zip")
    assert waits == []
    fails[0] = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    with pytest.raises(RunError, match=r"Temporary failure in name resolution\), 3 times in a row"):
        get("http://data.example/set.zip")
    assert waits == [1.0, 2.0]


def raise_(error):
    raise error


def test_a_certificate_that_is_not_trusted_is_said_at_once(get, waits, monkeypatch):
    class Opener:
        def open(self, request, timeout):
            error = ssl.SSLCertVerificationError(1, "certificate verify failed")
            error.verify_message = "self-signed certificate"
            raise urllib.error.URLError(error)

    monkeypatch.setattr(remote, "_opener", Opener)
    with pytest.raises(DataError, match=r"certificate of data.example is not trusted here \(self-signed certificate\)"):
        get("https://data.example/set.zip")
    assert waits == []


def test_nobody_listening_is_tried_again(get, waits):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(RunError, match="Connection refused"):
            get(f"http://127.0.0.1:{taken.getsockname()[1]}/set.zip")
    assert len(waits) == 2


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://host/a.zip", "https://host/a.zip"),
        ("https://me:p@ss@host:8080/a@b.zip#part", "https://host:8080/a@b.zip"),
        ("https://host/a?id=7&X-Amz-Signature=abc&flag", "https://host/a?id=...&X-Amz-Signature=...&flag=..."),
    ],
)
def test_a_url_is_shown_without_what_is_secret_in_it(url, shown):
    assert without_secrets(url) == shown


@pytest.mark.parametrize("text", ["abc", "g" * 64, "", 12, HASH + "0"])
def test_what_is_no_hash_is_refused(get, text):
    assert check_sha256(None) is None
    with pytest.raises(ConfigError, match="expected 64 hexadecimal digits"):
        get("http://127.0.0.1:1/set.zip", sha256=text)


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_234_000_000, "1.2 GB"), (5e15, "5000.0 TB")],
)
def test_sizes_are_read_as_on_a_download_page(count, shown):
    assert human_bytes(count) == shown


def test_the_default_patience_is_a_few_minutes():
    patience = replace(Patience(), share=lambda low, high: high)
    assert sum(patience.wait_s(tries, None) for tries in range(1, patience.tries)) == 123.0
