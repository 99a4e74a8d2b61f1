"""Refusals are plain and not asked again: pages, redirects, addresses and certificates."""

import ssl
import urllib.error

import pytest

from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.sources.downloads import remote
from gsv_pipeline.sources.downloads.addresses import without_secrets
from tests.loopback import Fault
from tests.sources.downloads.setting import CONTENT, CUT, HASH, PATH, parts


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
