"""What it means when a server does not send the file: another try may help, or a sentence says what will."""

import email.utils
import http.client
import re
import socket
import ssl
import time
from collections.abc import Mapping
from email.message import Message
from typing import Final
from urllib.parse import urlsplit

from gsv_pipeline.errors import ConfigError, DataError, GsvError
from gsv_pipeline.sources.downloads.addresses import without_secrets

PASSING: Final = (408, 425, 429, 500, 502, 503, 504)
"""Answers that another try may mend (RFC 9110, 15.5 and 15.6; RFC 6585, 4)."""

_BY_HAND: Final = "or download it by hand and use path=/where/it/is"
_REFUSALS: Final[Mapping[int, str]] = {
    401: f"it asks for a name and password: put them into the URL (https://name:password@host/...), {_BY_HAND}",
    403: f"the link may have expired, or a licence must be accepted first: look at it in a browser, {_BY_HAND}",
    404: "it has nothing at this address: compare the URL with the publisher's page",
    410: "the file was removed for good: look for its new address on the publisher's page",
}
_PAGE_TYPES: Final = ("text/html", "application/xhtml+xml")
_PAGE: Final = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL)
_TITLE: Final = re.compile(rb"<title[^>]*>\s*(.*?)\s*</title>", re.IGNORECASE | re.DOTALL)


class BrokenError(Exception):
    """This try failed in a way that another one may mend.

    Args:
        reason: What happened.
        wait_s: How long the server asks to wait; None when it does not say.
    """

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


def refusal(url: str, code: int, headers: Message) -> GsvError | BrokenError:
    """The error for an answer that is not the file."""
    phrase = http.client.responses.get(code, "an unknown status")
    if code in PASSING:
        return BrokenError(f"the server answers {code} ({phrase})", _retry_after(headers))
    advice = _REFUSALS.get(code, "expected the file: look at the URL in a browser")
    return DataError(f"{without_secrets(url)}: the server answers {code} ({phrase}); {advice}.", {"status": code})


def _retry_after(headers: Message) -> float | None:
    """Seconds until the time the server names, by its own clock where it tells it (RFC 9110, 10.2.3)."""
    asked = (headers.get("Retry-After") or "").strip()
    if asked.isdecimal():
        return float(asked)
    moment, now = (_seconds(headers.get(name)) for name in ("Retry-After", "Date"))
    return None if moment is None else max(0.0, moment - (time.time() if now is None else now))


def _seconds(date: str | None) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(date or "").timestamp()
    except (ValueError, OverflowError):
        return None


def unreachable(url: str, error: Exception) -> GsvError | BrokenError:
    """The error for a server that did not answer."""
    host = urlsplit(url).hostname
    if isinstance(error, ssl.SSLCertVerificationError):
        return DataError(
            f"The certificate of {host} is not trusted here ({error.verify_message}). Check this machine's clock and "
            f"certificates, {_BY_HAND}."
        )
    if isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN:
        return ConfigError(
            f"No host {host!r} is known ({error.strerror}). Check the URL and this machine's network, {_BY_HAND}."
        )
    return BrokenError(words(error))


def words(error: Exception) -> str:
    """What happened to a connection."""
    if isinstance(error, TimeoutError):
        return "the server was silent for too long"
    if isinstance(error, http.client.IncompleteRead):
        return "the connection was cut"
    return f"the connection failed ({error or type(error).__name__})"


def refuse_page(url: str, head: bytes, *, content_type: str) -> None:
    """Refuse a web page where an archive was expected.

    Args:
        url: What was asked for.
        head: How the file begins; empty when the answer is of a later part.
        content_type: As the server says.

    Raises:
        DataError: It is one.
    """
    if content_type not in _PAGE_TYPES and not _PAGE.match(head):
        return
    title = _TITLE.search(head)
    called = f" called {title[1].decode('utf-8', 'replace')[:80]!a}" if title else ""
    raise DataError(
        f"{without_secrets(url)}: the server sent a web page{called} where an archive was expected, usually a login, "
        f"a quota or a confirmation. Look at it in a browser, {_BY_HAND}."
    )
