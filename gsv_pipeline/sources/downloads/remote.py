"""One HTTP request for a file or the rest of it, and what its answer means: bytes, another try, or a plain sentence."""

import base64
import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from gsv_pipeline.sources.archives.members import CHUNK_BYTES
from gsv_pipeline.sources.downloads.addresses import check_url
from gsv_pipeline.sources.downloads.refusals import BrokenError, refusal, refuse_page, unreachable, words

_AGENT: Final = "gsv-pipeline"
_RANGE_REFUSED: Final = 416
_CONTENT_RANGE: Final = re.compile(r"bytes (?:(\d+)-\d+|\*)/(?:(\d+)|\*)")
_UNESCAPED: Final = "/%:=&?~+!$,;'@()*[]"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server sends.

    Args:
        start: Byte of the file that the body begins with.
        total: Bytes of the whole file; None when the server does not say.
        etag: Version of the file, empty when not said.
        modified: Time of the file, as sent; empty when not said.
        refused: There is nothing at `start` (416).
        body: The open connection.
    """

    start: int
    total: int | None
    etag: str
    modified: str
    refused: bool
    body: http.client.HTTPResponse

    def pieces(self) -> Iterator[bytes]:
        """The body as it arrives.

        Raises:
            BrokenError: It ends before `total`.
        """
        left = None if self.total is None else self.total - self.start
        while left is None or left > 0:
            piece = self._piece(CHUNK_BYTES if left is None else min(CHUNK_BYTES, left))
            if not piece and left is None:
                return
            if not piece:
                raise BrokenError("the connection was cut")
            left = None if left is None else left - len(piece)
            yield piece

    def _piece(self, size: int) -> bytes:
        try:
            return self.body.read1(size)
        except (OSError, http.client.HTTPException) as error:
            raise BrokenError(words(error)) from error


@contextmanager
def ask(url: str, *, start: int, validator: str, timeout_s: float) -> Iterator[Answer]:
    """Request the file from byte `start` on.

    Args:
        url: As `check_url` accepts.
        start: 0 for the whole file.
        validator: ETag or date of the part that is there already: a file that has changed is sent whole.
        timeout_s: Longest silence.

    Raises:
        BrokenError: Another try may help.
        DataError: No other try helps: the server refuses, has no such file, or sends a web page.
        ConfigError: No such host.
    """
    with _open(url, start=start, validator=validator, timeout_s=timeout_s) as response:
        headers, refused = response.headers, response.status == _RANGE_REFUSED
        found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
        length = headers.get("Content-Length", "")
        if response.status == http.HTTPStatus.PARTIAL_CONTENT or refused:
            begin, total = (int(found[1] or 0), found[2]) if found else (-1, None)
        else:
            begin, total = 0, length
        if not refused:
            head = _head(response) if begin == 0 else b""
            refuse_page(url, head, content_type=headers.get_content_type())
        yield Answer(
            start=begin,
            total=int(total) if total and total.isdecimal() else None,
            etag=headers.get("ETag", ""),
            modified=headers.get("Last-Modified", ""),
            refused=refused,
            body=response,
        )


def _open(url: str, *, start: int, validator: str, timeout_s: float) -> http.client.HTTPResponse:
    try:
        response: http.client.HTTPResponse = _opener().open(_request(url, start, validator), timeout=timeout_s)
        return response
    except urllib.error.HTTPError as error:
        with error:
            raise refusal(url, error.code, error.headers) from error
    except urllib.error.URLError as error:
        reason = error.reason if isinstance(error.reason, Exception) else BrokenError(str(error.reason))
        raise unreachable(url, reason) from error
    except (OSError, http.client.HTTPException) as error:
        raise unreachable(url, error) from error


class _Statuses(urllib.request.HTTPErrorProcessor):
    def http_response(
        self, request: urllib.request.Request, response: http.client.HTTPResponse
    ) -> http.client.HTTPResponse:
        """As usual, except that 416 is an answer here and no error."""
        return response if response.status == _RANGE_REFUSED else super().http_response(request, response)

    https_response = http_response


def _opener() -> urllib.request.OpenerDirector:
    """Proxies of the environment, redirects, http and https; no file: or ftp:, whatever a server redirects to."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        _Statuses(),
    ):
        opener.add_handler(handler)
    return opener


def _request(url: str, start: int, validator: str) -> urllib.request.Request:
    parts = check_url(url)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="")
    request = urllib.request.Request(quote(bare.geturl(), safe=_UNESCAPED), headers={"User-Agent": _AGENT})
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        # Not sent on to where the server may redirect.
        request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(login).decode()}")
    if start:
        request.add_header("Range", f"bytes={start}-")
    if start and validator:
        request.add_header("If-Range", validator)
    return request


def _head(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.peek(CHUNK_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise BrokenError(words(error)) from error
