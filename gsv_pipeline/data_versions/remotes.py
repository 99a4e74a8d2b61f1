"""Whether strangers can read what lies on a remote."""

import http.client
import ipaddress
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from enum import Enum
from typing import Final

from gsv_pipeline.data_versions.endpoints import AMAZON, s3_endpoint
from gsv_pipeline.data_versions.settings import Remote

_NOT_THE_WEB: Final = ("", "file", "ssh", "sftp")
_WEB: Final = {"http": "http", "https": "https", "webdav": "http", "webdavs": "https"}
_USER: Final = re.compile(r"^[^/@]*@")
_REFUSED: Final = (401, 403)
_OTHER_PATHS: Final = ("version_aware", "worktree")
_PATIENCE_S: Final = 20.0


class Reach(Enum):
    """Who can read what lies on a remote."""

    NOBODY_UNASKED = "private"
    ANYBODY = "public"
    UNKNOWN = "unknown"


def is_off_the_web(remote: Remote) -> bool:
    """A folder, or a machine that asks who one is. That some server publishes the folder cannot be seen from here."""
    return remote.scheme in _NOT_THE_WEB


def web_addresses(remote: Remote, path: str) -> tuple[str, ...]:
    """Where a stranger would read an object, the surest first; empty where that cannot be known.

    Args:
        remote: An S3, HTTP or WebDAV remote.
        path: Of the object, relative to the remote.
    """
    place = remote.url.partition("://")[2].rstrip("/")
    if any(remote.settings.get(key, "").lower() == "true" for key in _OTHER_PATHS):
        return ()  # objects lie under the files' own names there
    if remote.scheme in _WEB:
        return (f"{_WEB[remote.scheme]}://{_USER.sub('', place)}/{path}",)
    if remote.scheme != "s3":
        return ()
    bucket, _, folder = place.partition("/")
    return _s3_addresses(remote, bucket, urllib.parse.quote(f"{folder}/{path}".lstrip("/")))


def _s3_addresses(remote: Remote, bucket: str, key: str) -> tuple[str, ...]:
    endpoint = s3_endpoint(remote.settings)
    if endpoint is None:
        return ()
    if endpoint == AMAZON:
        region = remote.settings.get("region")
        host = f"s3.{region}.amazonaws.com" if region else "s3.amazonaws.com"
        return (f"https://{bucket}.{host}/{key}",)
    below = f"{endpoint.rstrip('/')}/{bucket}/{key}"
    parts = urllib.parse.urlsplit(endpoint)
    if _is_number(parts.hostname or ""):
        return (below,)
    # Some servers refuse the first form with 403, whatever the bucket is.
    return below, f"{parts.scheme}://{bucket}.{parts.netloc}{parts.path.rstrip('/')}/{key}"


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def reach_of(addresses: Sequence[str], *, expected: bytes) -> Reach:
    """Whether somebody without credentials gets `expected`, which is known to lie at one of `addresses`.

    That they refuse counts at the first address alone: behind another one may be anybody.
    """
    found = [_reach_at(address, expected) for address in addresses]
    if Reach.ANYBODY in found:
        return Reach.ANYBODY
    return found[0] if found else Reach.UNKNOWN


def _reach_at(address: str, expected: bytes) -> Reach:
    """Only a refusal by the server that was asked says that it is private.

    Other bytes do not: a page that asks to log in comes with 200, and so does one of a server that holds the object
    elsewhere. 404 says that the address is wrong.
    """
    try:
        with urllib.request.urlopen(address, timeout=_PATIENCE_S) as answer:
            return Reach.ANYBODY if answer.read(len(expected) + 1) == expected else Reach.UNKNOWN
    except urllib.error.HTTPError as error:
        error.close()
        is_refused = error.code in _REFUSED and _server(error.geturl()) == _server(address)
        return Reach.NOBODY_UNASKED if is_refused else Reach.UNKNOWN
    except (OSError, ValueError, http.client.HTTPException):
        return Reach.UNKNOWN


def _server(address: str) -> tuple[str, str]:
    parts = urllib.parse.urlsplit(address)
    return parts.scheme, parts.netloc
