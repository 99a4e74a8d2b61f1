"""Fetches that fail: what goes wrong in each, what is said about it, and what the next one asks for."""

import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from gsv_pipeline.errors import DataError, GsvError, RunError
from tests.loopback import Fault
from tests.towns import bomb, photo, tarred, zipped

GOOD, NEW = "/v1/town.zip", "/v2/town.zip"
SECRET = "sesame"
TRIES = 3
CUT_AT = 3_000
UNPACKS_AT = 50_000
PAGE = b"<!DOCTYPE html><html><head><title>Log in</title></head><body>Quota</body></html>"
WRONG = "c0ffee" * 10 + "0123"


@dataclass(frozen=True, slots=True)
class Bad:
    """A fetch that fails.

    Args:
        says: What was found, what was expected, what to do next.
        error: Class of the error.
        exit_code: Of the command.
        faults: Of the answers; the last one of all that follow.
        content: In place of the better archive.
        sha256: Asked for.
        is_here: The content is a file on this machine.
        largest: Bytes that the disk takes of a file.
        tries: Requests until it gives up.
        starts: First bytes that the next fetch asks for, when all is well again.
    """

    says: tuple[str, ...]
    error: type[GsvError] = DataError
    exit_code: int = 2
    faults: tuple[Fault, ...] = ()
    content: Callable[[], bytes] | None = None
    sha256: str | None = None
    is_here: bool = False
    largest: int | None = None
    tries: int = 1
    starts: tuple[int, ...] = (0,)


def refused(status: int, *says: str) -> Bad:
    return Bad((f"{NEW}?key=...: the server answers {status} (", *says), faults=(Fault(status, body=PAGE),))


def given_up(found: str, *faults: Fault, starts: tuple[int, ...] = (0,)) -> Bad:
    says = (f"127.0.0.1: {found}", "3 times in a row", "What has arrived (", "run the same command again later")
    return Bad(says, RunError, 1, faults=faults, tries=TRIES, starts=starts)


ESCAPES = (
    "a path that leads out of its folder",
    "Nothing that was unpacked is kept. Get the archive from its publisher",
)
LINKS = ("a symbolic link", "expected files and folders only", "Get the archive from its publisher")
BOMB = ("The archive of 1.1 MB unpacks to more than 100.0 MB", "photographs unpack to about their own size", "'folder'")
FULL = "Free some space"
ROME = {"Images/Rome/a.JPG": photo("a")}
BAD: Mapping[str, Bad] = {
    "wrong hash": Bad(
        ("its SHA-256 is ", f"expected {WRONG}", "It is removed: the same command starts clean"), sha256=WRONG
    ),
    "wrong hash of a file": Bad(
        ("its SHA-256 is ", f"expected {WRONG}", "The file is left as it is: get it again"),
        sha256=WRONG,
        is_here=True,
        tries=0,
    ),
    "web page": Bad(
        ("the server sent a web page called 'Log in'", "where an archive was expected", "Look at it in a browser, or "),
        content=lambda: PAGE,
    ),
    "web page in a file": Bad(
        ("is no zip or tar (it starts with b'<!DOCTYPE html>", "Expected a zip, or a tar", "use the source 'folder'"),
        content=lambda: PAGE,
        is_here=True,
        tries=0,
    ),
    "401": refused(401, "Unauthorized", "put them into the URL (https://name:password@host/...)"),
    "403": refused(403, "Forbidden", "a licence must be accepted first: look at it in a browser", "path="),
    "404": refused(404, "Not Found", "compare the URL with the publisher's page"),
    "429": given_up("the server answers 429 (Too Many Requests)", Fault(429, {"Retry-After": "7"})),
    "503": given_up("the server answers 503 (Service Unavailable)", Fault(503)),
    "hung up": given_up("the connection failed (", Fault(how="hang up")),
    "cut in the middle": given_up(
        "the connection was cut", Fault(cut_after=CUT_AT), Fault(cut_after=0), starts=(CUT_AT,)
    ),
    "path outside": Bad(
        ("The archive holds '../../../escaped.JPG', ", *ESCAPES),
        content=lambda: zipped({**ROME, "../../../escaped.JPG": b"out"}),
    ),
    "path outside, tar": Bad(
        ("The archive holds '/", *ESCAPES),
        content=lambda: tarred({**ROME, f"{Path.cwd()}/escaped.JPG": b"out"}),
    ),
    "symbolic link": Bad(
        ("The archive holds 'town/Images/Oslo', ", *LINKS),
        content=lambda: zipped({**ROME, "Images/Oslo": b"../../../../../here"}, kind=stat.S_IFLNK),
    ),
    "symbolic link with a file behind it, tar": Bad(
        ("The archive holds 'Images/Oslo', a symbolic link to '../../../../here'", *LINKS),
        content=lambda: tarred({"Images/Oslo/a.JPG": b"out"}, links={"Images/Oslo": "../../../../here"}),
    ),
    "bomb": Bad(BOMB, content=lambda: bomb(zipped)),
    "bomb, tar": Bad(BOMB, content=lambda: bomb(tarred)),
    "cut off before it was published": Bad(
        ("town.zip is damaged or cut off (", "Nothing that was unpacked is kept. Get it again", "ask its publisher"),
        content=lambda: zipped(ROME)[:-30],
    ),
    "something else": Bad(
        ("The archive is no copy of GSV-Cities", "(found: town/)", "Expected a folder that holds Images/<City>/"),
        content=lambda: zipped({"notes.txt": b"Nothing to see."}),
    ),
    "disk full while it arrives": Bad(
        ("became full while town.zip was downloaded (File too large)", "What has arrived (3.0 kB) is kept", FULL),
        largest=CUT_AT,
        starts=(CUT_AT,),
    ),
    "disk full while it is unpacked": Bad(
        ("became full while town.zip was unpacked (File too large)", "The archive is kept", FULL),
        largest=UNPACKS_AT,
        starts=(),
    ),
}
"""Each of them happens in place of a fetch of the better archive."""


every_bad = pytest.mark.parametrize("bad", BAD.values(), ids=list(BAD))
