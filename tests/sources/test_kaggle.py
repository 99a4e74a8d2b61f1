"""The real client of Kaggle against a server on loopback: what arrives, what is continued, what is said of failures."""

import base64
import errno
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections import namedtuple
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import ANY

import pytest
import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError

from gsv_pipeline.errors import ConfigError, DataError, GsvError, RunError, StoppedError
from gsv_pipeline.sources import kaggle, kaggle_process
from gsv_pipeline.sources.kaggle_client import Failure, describe
from gsv_pipeline.sources.location import image_root
from tests import kaggle_server
from tests.kaggle_server import ARCHIVE, DOWNLOAD, VIEW, KaggleServer, zipped
from tests.trackers import Heard
from tests.waiting import wait_for

HANDLE = "amaralibey/gsv-cities"
MIB = 1 << 20
"""The client writes this much at once; less, before a cut, is lost."""

IMAGE = bytes(range(256)) * (2 * MIB // 256)
CONTENT = {
    "Dataframes/Rome.csv": b"place_id,year\n1,2012\n",
    "Images/Rome/one.JPG": IMAGE,
    "Images/Rome/two.JPG": IMAGE[::-1],
}
WRAPPED = {"__MACOSX/Images/._x": b"", **{f"gsv-cities/{name}": content for name, content in CONTENT.items()}}


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A Kaggle, a user without credentials or a cache, and no patience between attempts."""
    home = tmp_path / "home"
    home.mkdir()
    with KaggleServer(tmp_path, zipped(CONTENT)) as started:
        kaggle_server.lead_to(started, monkeypatch, home=home)
        yield started


class Told(Heard):
    def __init__(self):
        super().__init__()
        self.done, self.total = 0, 0

    @contextmanager
    def progress(self, description, total, unit="image"):
        assert (description, unit) == (f"Downloading {HANDLE}", "MB")
        self.total = total
        yield self

    def advance(self, count=1, **shown):
        self.done += count


@pytest.fixture
def fetch(tmp_path):
    """Fetch into a fresh folder, as `produce` does; returns it with the facts and what was said."""
    Fetched = namedtuple("Fetched", "target facts tracker")

    def run(handle=HANDLE):
        target = tmp_path / "data" / "dataset"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        tracker = Told()
        facts = kaggle.fetch(target, tracker=tracker, downloads=tmp_path / "data" / "downloads", handle=handle)
        return Fetched(target, facts, tracker)

    return run


def files_below(folder):
    """Names and bytes of the files in a folder, without our note."""
    files = (path for path in folder.rglob("*") if path.is_file() and path != folder / "location.json")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def own_archives(tmp_path):
    return list((tmp_path / "data" / "downloads").rglob("*.archive"))


def test_a_wrapped_archive_arrives_whole_without_credentials(server, fetch, tmp_path):
    server.archive = zipped(WRAPPED)
    target, facts, tracker = fetch()
    assert image_root(target) == target / "gsv-cities"
    assert files_below(target / "gsv-cities") == CONTENT
    assert {**facts, "fetched": "", "kagglehub": ""} == {
        "handle": HANDLE,
        "version": 3,
        "files": 3,
        "bytes": sum(map(len, CONTENT.values())),
        "kagglehub": "",
        "fetched": "",
    }
    assert json.loads(json.dumps(facts)) == facts
    assert any(f"{HANDLE}: version 3, 4.2 MB" in message for message in tracker.said)
    assert (tracker.done, tracker.total) == (4, 4)
    assert [seen.authorization for seen in server.seen] == [None] * 3
    assert server.requests(DOWNLOAD)[0].body == {
        "ownerSlug": "amaralibey",
        "datasetSlug": "gsv-cities",
        "datasetVersionNumber": 3,
    }
    assert not list((tmp_path / "home").rglob("*"))  # the user's folders are left alone


@pytest.mark.parametrize(
    ("variables", "sent"),
    [
        ({"KAGGLE_API_TOKEN": "sesame"}, "Bearer sesame"),
        ({"KAGGLE_USERNAME": "ann", "KAGGLE_KEY": "k"}, "Basic " + base64.b64encode(b"ann:k").decode()),
    ],
)
def test_credentials_go_to_kaggle_and_not_to_the_storage(server, fetch, monkeypatch, variables, sent):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    server.version = 9
    assert fetch(f"{HANDLE}/versions/2").facts["version"] == 2
    assert {seen.endpoint: seen.authorization for seen in server.seen} == {VIEW: sent, DOWNLOAD: sent, ARCHIVE: None}


def test_busy_servers_and_cut_connections_are_asked_again_and_continued(server, fetch):
    server.answers[VIEW].extend([kaggle_server.status(429, Retry_After="0"), kaggle_server.status(503)])
    server.answers[DOWNLOAD].append(kaggle_server.status(503))
    # Three cuts that each bring something, which is more than there are waits. The client continues in two requests:
    # for the whole, to see whether it can be continued, then for the rest.
    cuts = [kaggle_server.cut_after(count * MIB // 2) for count in (3, 5, 7)]
    whole = kaggle_server.archive
    server.answers[ARCHIVE].extend([cuts[0], whole, cuts[1], whole, cuts[2]])
    target, _, tracker = fetch()
    assert files_below(target) == CONTENT
    assert [seen.first_byte for seen in server.requests(ARCHIVE)] == [None, None, MIB, None, 2 * MIB, None, 3 * MIB]
    told = " ".join(message for message in tracker.said if "trying again" in message)
    assert ("429" in told, told.count("503"), told.count("connection broke")) == (True, 2, 3)


def test_a_killed_run_leaves_no_process_and_the_next_one_continues(server, fetch, tmp_path):
    server.answers[ARCHIVE].append(kaggle_server.hold_after(3 * MIB // 2))
    downloads, target = tmp_path / "data" / "downloads", tmp_path / "killed"
    target.mkdir()
    code = (
        "import sys; from pathlib import Path; from gsv_pipeline.sources import kaggle;"
        "from gsv_pipeline.tracking import NullTracker;"
        f"kaggle.fetch(Path(sys.argv[1]), tracker=NullTracker(), downloads=Path(sys.argv[2]), handle={HANDLE!r})"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(target), str(downloads)], env=os.environ) as process:
        wait_for(lambda: any(path.stat().st_size >= MIB for path in own_archives(tmp_path)), within_s=120)
        process.send_signal(signal.SIGKILL)
    assert server.left.wait(60)  # the client ended with its parent
    assert files_below(fetch().target) == CONTENT
    assert server.requests(ARCHIVE)[-1].first_byte == MIB


@pytest.mark.parametrize("content", [CONTENT, WRAPPED], ids=["plain", "wrapped"])
@pytest.mark.parametrize("step", ["find_root", "_count", "write_location", "rename"])
def test_a_run_killed_after_the_download_does_not_download_again(server, fetch, tmp_path, monkeypatch, step, content):
    server.archive = zipped(content)
    calls = []

    def watched(name, original):
        def call(*arguments, **named):
            calls.append(name)
            if name == step:
                raise StoppedError("stopped by SIGTERM")
            return original(*arguments, **named)

        return call

    with monkeypatch.context() as patch:
        for name in ("find_root", "_count", "write_location"):
            patch.setattr(kaggle, name, watched(name, getattr(kaggle, name)))
        patch.setattr(Path, "rename", watched("rename", Path.rename))
        with pytest.raises(StoppedError):
            fetch()
    steps = ["find_root", "_count", "write_location", "rename"]  # the move comes last
    assert list(dict.fromkeys(calls)) == steps[: steps.index(step) + 1]
    asked = len(server.seen)
    target, facts, tracker = fetch()
    assert len(server.seen) == asked
    assert any("nothing is downloaded" in message for message in tracker.said)
    assert files_below(image_root(target)) == CONTENT
    assert (facts["files"], facts["bytes"]) == (3, sum(map(len, CONTENT.values())))
    assert not list((tmp_path / "data" / "downloads").rglob("*.JPG"))


@pytest.mark.parametrize("name", ["location.json", "location.json/inner.txt"])
def test_a_note_in_the_archive_says_nothing(server, fetch, tmp_path, name):
    elsewhere = tmp_path / "elsewhere" / "Images"
    elsewhere.mkdir(parents=True)
    server.archive = zipped({**CONTENT, name: json.dumps({"root": str(elsewhere.parent)}).encode()})
    target, facts, _ = fetch()
    assert image_root(target) == target
    assert files_below(target) == CONTENT
    assert facts["files"] == 3


@pytest.mark.slow
def test_a_server_that_falls_silent_is_left_and_asked_again(server, fetch, monkeypatch):
    monkeypatch.setattr(kaggle_process, "STALLED_S", 1.5)
    monkeypatch.setattr(kaggle_process, "ANSWER_S", 1.5)
    monkeypatch.setattr(kaggle_process, "BACK_OFF_S", (0.0,) * 20)  # a slow machine is silent at first, too
    server.answers[VIEW].append(kaggle_server.hold_after(0))
    server.answers[ARCHIVE].append(kaggle_server.hold_after(3 * MIB // 2))
    assert files_below(fetch().target) == CONTENT
    assert server.left.is_set()
    assert server.requests(ARCHIVE)[-1].first_byte == MIB


def test_what_an_interrupted_unpacking_left_is_not_mixed_in(server, fetch, tmp_path):
    cache = tmp_path / "data" / "downloads" / "kagglehub" / "datasets" / HANDLE
    (cache / "versions" / "3" / "Images" / "Rome").mkdir(parents=True)
    (cache / "versions" / "3" / "Images" / "Rome" / "half.JPG").write_bytes(b"half")
    (cache / "3.archive").write_bytes(server.archive)
    assert files_below(fetch().target) == CONTENT
    assert [seen.first_byte for seen in server.requests(ARCHIVE)] == [None]  # asked for its size alone


@pytest.mark.slow
def test_a_continuation_that_spoils_the_archive_is_begun_anew(server, fetch):
    server.answers[ARCHIVE].extend(
        [kaggle_server.cut_after(3 * MIB // 2), kaggle_server.archive, kaggle_server.whole_again]
    )
    target, _, tracker = fetch()
    assert files_below(target) == CONTENT
    assert any("begun anew" in message for message in tracker.said)


def test_a_copy_in_the_users_own_cache_is_used_where_it_lies_without_asking_anyone(server, fetch, tmp_path):
    cache = tmp_path / "home" / ".cache" / "kagglehub" / "datasets" / HANDLE
    for version in (2, 10):
        (cache / "versions" / str(version) / "data" / "Images" / "Rome").mkdir(parents=True)
        (cache / f"{version}.complete").touch()
    (cache / "versions" / "10" / "data" / "Images" / "Rome" / "one.JPG").write_bytes(IMAGE)
    before = files_below(cache)
    target, facts, tracker = fetch()
    assert image_root(target) == (cache / "versions" / "10" / "data").resolve()
    assert (facts["version"], facts["files"], facts["bytes"]) == (10, 1, len(IMAGE))
    assert any("nothing is downloaded" in message for message in tracker.said)
    assert image_root(fetch(f"{HANDLE}/versions/2").target) == (cache / "versions" / "2" / "data").resolve()
    assert server.seen == []
    assert files_below(cache) == before


def test_with_a_cache_of_the_users_choice_the_download_stays_in_it(server, fetch, tmp_path, monkeypatch):
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "chosen"))
    first = fetch().target
    held = tmp_path / "chosen" / "datasets" / HANDLE / "versions" / "3"
    assert image_root(first) == held.resolve()
    assert files_below(held) == CONTENT
    assert [path.name for path in first.iterdir()] == ["location.json"]
    asked = len(server.seen)
    assert image_root(fetch().target) == held.resolve()
    assert len(server.seen) == asked


@pytest.mark.parametrize(
    ("token", "answer", "kind", "words"),
    [
        (
            "",
            kaggle_server.status(401),
            ConfigError,
            r"no credentials. Make an API token at .*settings/api.*access_tok",
        ),
        (
            "sesame",
            kaggle_server.status(401),
            ConfigError,
            r"does not accept the credentials .*\(401\).*KAGGLE_API_TOKEN",
        ),
        (
            "",
            kaggle_server.says(code=403, message="Permission 'datasets.get' was denied"),
            ConfigError,
            rf"without credentials \(403\).*consent.*/datasets/{HANDLE}, sign in",
        ),
        ("sesame", kaggle_server.status(404), ConfigError, rf"no data set {HANDLE} \(404\)"),
        ("", kaggle_server.status(429, Retry_After="1800"), RunError, r"asks to wait for 30 minutes.*\(429\).*is kept"),
        ("", kaggle_server.says(), RunError, "something else that is no answer of Kaggle's"),
        ("", kaggle_server.page, RunError, "came a web page.*Open https://www.kaggle.com/datasets/amaralibey"),
        ("se\nsame", kaggle_server.view, ConfigError, "credentials on this machine cannot be used.*a line break"),
    ],
)
def test_what_kaggle_refuses_is_one_plain_sentence_and_is_asked_once(
    server, fetch, monkeypatch, token, answer, kind, words
):
    monkeypatch.setenv("KAGGLE_API_TOKEN", token)
    server.answers[VIEW].append(answer)
    with pytest.raises(kind, match=words) as caught:
        fetch()
    assert len(server.seen) <= 1
    text = str(caught.value)
    assert "same" not in text.replace("same command", "")
    assert "\n" not in text


def test_a_failure_of_another_kind_is_passed_on_without_credentials(server, fetch, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "sesame")
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "sesame at https://host/file?signature=open")
    with pytest.raises(
        RunError, match=r"Exception: Unrecognized value .*\*\*\* at https://host/file\?\*\*\*"
    ) as caught:
        fetch()
    assert "sesame" not in str(caught.value)


ANSWERED = requests.Response()
ANSWERED.status_code = 502
REFUSED = NewConnectionError(None, "Failed to establish a new connection: [Errno 111] Connection refused")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (requests.HTTPError(response=ANSWERED), Failure("status", status=502)),
        (requests.ConnectTimeout("timed out"), Failure("unreachable", "no answer")),
        (
            requests.ConnectionError(MaxRetryError(None, "/", REFUSED)),
            Failure("unreachable", "[Errno 111] Connection refused"),
        ),
        (requests.ReadTimeout("Read timed out."), Failure("cut")),
        (requests.exceptions.ChunkedEncodingError("IncompleteRead(3 bytes read)"), Failure("cut")),
        (requests.exceptions.SSLError("EOF occurred in violation of protocol"), Failure("cut")),
        (requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"), Failure("certificate")),
        (requests.exceptions.InvalidHeader("'Bearer x'"), Failure("credentials", ANY)),
        (json.JSONDecodeError("Expecting value", "<html>", 0), Failure("page")),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), Failure("full")),
        (
            PermissionError(errno.EACCES, "denied", "/cache"),
            Failure("other", "PermissionError: [Errno 13] denied: '/cache'"),
        ),
    ],
)
def test_every_failure_of_the_client_has_its_kind(server, error, expected):
    assert describe(error) == expected


def test_a_damaged_credentials_file_is_named(server, fetch, tmp_path):
    (tmp_path / "home" / "kaggle.json").write_text('{"username": "ann", "key": "sesame')
    with pytest.raises(ConfigError, match=r"Invalid Kaggle credentials file at .*kaggle.json. Make") as caught:
        fetch()
    assert "sesame" not in str(caught.value)


def test_a_server_that_stays_busy_is_given_up(server, fetch):
    server.answers[VIEW].extend([kaggle_server.status(503)] * 9)
    with pytest.raises(RunError, match=r"problem of its own \(it answers 503\). What was downloaded is kept"):
        fetch()
    assert len(server.seen) == 3  # at once, then after each of the two waits


UNRESOLVING = """
import socket

def getaddrinfo(*asked, **more):
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

socket.getaddrinfo = getaddrinfo
from gsv_pipeline.sources import kaggle_client
kaggle_client.main()
"""


@pytest.mark.parametrize("resolvable", [True, False])
def test_without_a_network_it_fails_at_once(server, fetch, tmp_path, monkeypatch, resolvable):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # and nobody listens there
        if not resolvable:
            (tmp_path / "unresolving.py").write_text(UNRESOLVING)
            monkeypatch.setattr(kaggle_process, "CLIENT", "unresolving")
            monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.setenv("HTTPS_PROXY", f"http://ann:sesame@127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(RunError, match=r"Kaggle cannot be reached: .*\. Check the network and the proxy") as caught:
            fetch()
    assert ("refused" if resolvable else "Name or service not known") in str(caught.value)
    assert "sesame" not in str(caught.value)


def test_a_certificate_of_somebody_else_is_named(server, fetch, monkeypatch):
    import certifi

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    with pytest.raises(RunError, match="certificate of Kaggle's server is not accepted.*REQUESTS_CA_BUNDLE"):
        fetch()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (kaggle_server.page, "came a web page"),
        (kaggle_server.wrong_hash, "arrived damaged .its MD5 is not the one that Kaggle states. and was removed"),
        (
            lambda handler: handler.send(200, b"PK\3\4 torn"),
            "arrived damaged .Unsupported archive type. and was removed",
        ),
    ],
)
def test_what_is_no_archive_is_removed_so_that_it_is_not_continued(server, fetch, tmp_path, answer, words):
    server.answers[ARCHIVE].append(answer)
    with pytest.raises(RunError, match=words):
        fetch()
    assert own_archives(tmp_path) == []


def test_an_archive_of_another_shape_is_named_by_what_it_holds(server, fetch):
    server.archive = zipped({"train/Rome/one.jpg": IMAGE, "labels.csv": b"a,b\n"})
    with pytest.raises(
        DataError, match=r"Images/ is neither in it nor up to 2 levels below \(found: labels.csv, train/\)"
    ):
        fetch()
    asked = len(server.requests(ARCHIVE))
    with pytest.raises(DataError, match="found: labels.csv"):
        fetch()
    assert len(server.requests(ARCHIVE)) == asked  # not downloaded a second time to find the same


def test_a_disk_without_room_for_archive_and_content_at_once_is_refused_before_the_download(server, fetch, monkeypatch):
    size = len(server.archive)
    usage = shutil.disk_usage("/")._replace(free=int(1.9 * size))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match=f"to download and unpack {HANDLE}: 8.4 MB needed, 8.0 MB free"):
        fetch()
    assert server.requests(DOWNLOAD) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_disk_that_fills_up_is_said(server, fetch, tmp_path):
    archive = tmp_path / "data" / "downloads" / "kagglehub" / "datasets" / HANDLE / "3.archive"
    archive.parent.mkdir(parents=True)
    archive.symlink_to("/dev/full")
    with pytest.raises(DataError, match=r"The disk of .*kagglehub is full.*the same command continues it"):
        fetch()


def test_a_client_that_dies_without_an_answer_is_said(server, fetch, tmp_path, monkeypatch):
    (tmp_path / "suicidal.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    monkeypatch.setattr(kaggle_process, "CLIENT", "suicidal")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(RunError, match="ended with code -9 and without an answer"):
        fetch()


def test_without_the_client_the_extra_is_named(fetch, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"not installed. Run: pip install 'gsv-pipeline\[kaggle\]'"):
        fetch()


@pytest.mark.parametrize("handle", ["gsv-cities", "a/b/c", "../gsv-cities", "a/b/versions/0", 7])
def test_a_malformed_handle_is_refused(fetch, handle):
    with pytest.raises(GsvError, match="expected owner/name or owner/name/versions/2"):
        fetch(handle)
