"""Whether strangers can read a remote is found out by reading as a stranger."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gsv_pipeline.data_versions.remotes import Reach, is_off_the_web, reach_of, web_addresses
from gsv_pipeline.data_versions.settings import Remote
from tests.serving import serving

SECRET = b"expected"


class _Answers(BaseHTTPRequestHandler):
    """`/200`: the object; `/login`: a page in its place; `/moved/PLACE`: see there; any other number: that status."""

    def do_GET(self) -> None:
        name = self.path.strip("/")
        if name.startswith("moved/"):
            self.send_response(302)
            self.send_header("Location", name.removeprefix("moved/"))
            self.end_headers()
            return
        if name == "hangs_up":
            self.connection.close()
            return
        body = SECRET if name == "200" else b"please log in"
        self.send_response(200 if name == "login" else int(name))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _serving() -> Iterator[str]:
    found = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    with serving(found):
        yield f"http://127.0.0.1:{found.server_port}"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with _serving() as address:
        yield address


@pytest.fixture(scope="module")
def other_server() -> Iterator[str]:
    with _serving() as address:
        yield address


@pytest.mark.parametrize(
    ("path", "reach"),
    [
        ("200", Reach.ANYBODY),
        ("moved//200", Reach.ANYBODY),
        ("401", Reach.NOBODY_UNASKED),
        ("403", Reach.NOBODY_UNASKED),
        ("moved//403", Reach.NOBODY_UNASKED),
        ("login", Reach.UNKNOWN),
        ("moved//login", Reach.UNKNOWN),
        ("404", Reach.UNKNOWN),
        ("500", Reach.UNKNOWN),
        ("hangs_up", Reach.UNKNOWN),
    ],
)
def test_bytes_that_come_without_credentials_make_a_remote_public_and_a_refusal_private(
    path: str, reach: Reach, server: str
) -> None:
    assert reach_of([f"{server}/{path}"], expected=SECRET) is reach


def test_a_refusal_by_another_server_than_the_one_asked_says_nothing(server: str, other_server: str) -> None:
    assert reach_of([f"{server}/moved/{other_server}/403"], expected=SECRET) is Reach.UNKNOWN
    assert reach_of([f"{server}/moved/{other_server}/200"], expected=SECRET) is Reach.ANYBODY


def test_any_address_can_make_a_remote_public_and_the_first_alone_private(server: str) -> None:
    asked = {
        names: reach_of([f"{server}/{name}" for name in names], expected=SECRET)
        for names in [("403", "200"), ("403", "404"), ("404", "403"), ("404", "200")]
    }
    assert list(asked.values()) == [Reach.ANYBODY, Reach.NOBODY_UNASKED, Reach.UNKNOWN, Reach.ANYBODY]
    assert reach_of([], expected=SECRET) is Reach.UNKNOWN


def test_what_does_not_answer_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert reach_of([f"http://127.0.0.1:{unused.getsockname()[1]}/x"], expected=SECRET) is Reach.UNKNOWN

    def unresolved(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for address in ("http://storage.invalid/x", "http://no name at all", "host:9000/x"):
        assert reach_of([address], expected=SECRET) is Reach.UNKNOWN


@pytest.mark.parametrize(
    ("url", "settings", "addresses"),
    [
        (
            "s3://b/some/folder",
            {"endpointurl": "http://host:9/"},
            ["http://host:9/b/some/folder/files/x", "http://b.host:9/some/folder/files/x"],
        ),
        ("s3://b", {"endpointurl": "http://127.0.0.1:9"}, ["http://127.0.0.1:9/b/files/x"]),
        ("s3://b", {}, ["https://b.s3.amazonaws.com/files/x"]),
        ("s3://b/f", {"region": "eu-north-1"}, ["https://b.s3.eu-north-1.amazonaws.com/f/files/x"]),
        ("s3://b/ä b", {"endpointurl": "http://[::1]"}, ["http://[::1]/b/%C3%A4%20b/files/x"]),
        ("s3://b", {"region": "cn-north-1"}, []),
        ("https://host/f/", {}, ["https://host/f/files/x"]),
        ("https://me:secret@host:8/f", {}, ["https://host:8/f/files/x"]),
        ("webdavs://host/f", {}, ["https://host/f/files/x"]),
        ("s3://b", {"version_aware": "true"}, []),
        ("gs://b", {}, []),
        ("azure://b", {}, []),
        ("remote://other/f", {}, []),
    ],
)
def test_a_stranger_would_read_an_object_at(url: str, settings: dict[str, str], addresses: list[str]) -> None:
    assert list(web_addresses(Remote("r", url, settings), "files/x")) == addresses


def test_folders_and_machines_that_ask_who_one_is_are_off_the_web() -> None:
    off = [url for url in ("/mnt/d", "ssh://h/f", "sftp://h/f", "file:///d", "s3://b", "http://h", "gs://b")
           if is_off_the_web(Remote("r", url, {}))]  # fmt: skip
    assert off == ["/mnt/d", "ssh://h/f", "sftp://h/f", "file:///d"]


def test_a_password_is_not_shown() -> None:
    assert Remote("r", "https://me:secret@host/f", {}).shown == "https://me@host/f"
    assert Remote("r", "ssh://me@host:22/f", {}).shown == "ssh://me@host:22/f"
    assert Remote("r", "/mnt/a:b@c", {}).shown == "/mnt/a:b@c"
