"""Whether strangers can read a remote is found out by reading as a stranger."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gsv_pipeline.data_versions.remotes import Reach, is_off_the_web, reach_of, web_address
from gsv_pipeline.data_versions.settings import Remote

SECRET = b"expected"


class _Answers(BaseHTTPRequestHandler):
    """`/200`: the object; `/login`: a page in its place; `/moved`: elsewhere; any other number: that status."""

    def do_GET(self) -> None:
        name = self.path.strip("/")
        if name == "moved":
            self.send_response(302)
            self.send_header("Location", "/login")
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


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("path", "reach"),
    [
        ("200", Reach.ANYBODY),
        ("login", Reach.NOBODY_UNASKED),
        ("moved", Reach.NOBODY_UNASKED),
        ("401", Reach.NOBODY_UNASKED),
        ("403", Reach.NOBODY_UNASKED),
        ("404", Reach.UNKNOWN),
        ("500", Reach.UNKNOWN),
        ("hangs_up", Reach.UNKNOWN),
    ],
)
def test_bytes_that_come_without_credentials_make_a_remote_public(path: str, reach: Reach, server: str) -> None:
    assert reach_of(f"{server}/{path}", expected=SECRET) is reach


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/nobody", "http://no name at all"])
def test_what_does_not_answer_is_unknown(address: str) -> None:
    assert reach_of(address, expected=SECRET) is Reach.UNKNOWN


@pytest.mark.parametrize(
    ("url", "settings", "address"),
    [
        ("s3://b/some/folder", {"endpointurl": "http://host:9/"}, "http://host:9/b/some/folder/files/x"),
        ("s3://b", {}, "https://b.s3.amazonaws.com/files/x"),
        ("s3://b/f", {"region": "eu-north-1"}, "https://b.s3.eu-north-1.amazonaws.com/f/files/x"),
        ("s3://b/ä b", {"endpointurl": "http://host"}, "http://host/b/%C3%A4%20b/files/x"),
        ("https://host/f/", {}, "https://host/f/files/x"),
        ("https://me:secret@host:8/f", {}, "https://host:8/f/files/x"),
        ("webdavs://host/f", {}, "https://host/f/files/x"),
        ("s3://b", {"version_aware": "true"}, None),
        ("gs://b", {}, None),
        ("azure://b", {}, None),
        ("remote://other/f", {}, None),
    ],
)
def test_a_stranger_would_read_an_object_at(url: str, settings: dict[str, str], address: str | None) -> None:
    assert web_address(Remote("r", url, settings), "files/x") == address


def test_the_endpoint_of_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://host:1")
    assert web_address(Remote("r", "s3://b", {}), "x") == "http://host:1/b/x"
    assert web_address(Remote("r", "s3://b", {"endpointurl": "http://other"}), "x") == "http://other/b/x"


def test_folders_and_machines_that_ask_who_one_is_are_off_the_web() -> None:
    off = [url for url in ("/mnt/d", "ssh://h/f", "sftp://h/f", "file:///d", "s3://b", "http://h", "gs://b")
           if is_off_the_web(Remote("r", url, {}))]  # fmt: skip
    assert off == ["/mnt/d", "ssh://h/f", "sftp://h/f", "file:///d"]


def test_a_password_is_not_shown() -> None:
    assert Remote("r", "https://me:secret@host/f", {}).shown == "https://me@host/f"
    assert Remote("r", "ssh://me@host:22/f", {}).shown == "ssh://me@host:22/f"
    assert Remote("r", "/mnt/a:b@c", {}).shown == "/mnt/a:b@c"
