"""Whether strangers can read what lies on a remote."""

import http.client
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from enum import Enum
from typing import Final

from gsv_pipeline.data_versions.settings import Remote

_NOT_THE_WEB: Final = ("", "file", "ssh", "sftp")
_WEB: Final = {"http": "http", "https": "https", "webdav": "http", "webdavs": "https"}
_USER: Final = re.compile(r"^[^/@]*@")
_REFUSED: Final = (401, 403)
_OTHER_PATHS: Final = ("version_aware", "worktree")
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_PATIENCE_S: Final = 20.0


class Reach(Enum):
    """Who can read what lies on a remote."""

    NOBODY_UNASKED = "private"
    ANYBODY = "public"
    UNKNOWN = "unknown"


def is_off_the_web(remote: Remote) -> bool:
    """A folder, or a machine that asks who one is. That some server publishes the folder cannot be seen from here."""
    return remote.scheme in _NOT_THE_WEB


def web_address(remote: Remote, path: str) -> str | None:
    """Where a stranger would read an object; None where that cannot be known.

    Args:
        remote: An S3, HTTP or WebDAV remote.
        path: Of the object, relative to the remote.
    """
    place = remote.url.partition("://")[2].rstrip("/")
    if any(remote.settings.get(key, "").lower() == "true" for key in _OTHER_PATHS):
        return None  # objects lie under the files' own names there
    if remote.scheme in _WEB:
        return f"{_WEB[remote.scheme]}://{_USER.sub('', place)}/{path}"
    if remote.scheme != "s3":
        return None
    bucket, _, folder = place.partition("/")
    key = urllib.parse.quote(f"{folder}/{path}".lstrip("/"))
    endpoints = (remote.settings.get("endpointurl"), *map(os.environ.get, _ENDPOINTS))
    endpoint = next((found for found in endpoints if found), None)
    if endpoint:
        return f"{endpoint.rstrip('/')}/{bucket}/{key}"
    region = remote.settings.get("region")
    host = f"s3.{region}.amazonaws.com" if region else "s3.amazonaws.com"
    return f"https://{bucket}.{host}/{key}"


def reach_of(address: str, *, expected: bytes) -> Reach:
    """Whether somebody without credentials gets `expected`, which is known to lie at `address`.

    A page that asks to log in answers 200 too, so the bytes are what counts. 404 says that the address is wrong.
    """
    try:
        with urllib.request.urlopen(address, timeout=_PATIENCE_S) as answer:
            return Reach.ANYBODY if answer.read(len(expected) + 1) == expected else Reach.NOBODY_UNASKED
    except urllib.error.HTTPError as error:
        error.close()
        return Reach.NOBODY_UNASKED if error.code in _REFUSED else Reach.UNKNOWN
    except (OSError, ValueError, http.client.HTTPException):
        return Reach.UNKNOWN
