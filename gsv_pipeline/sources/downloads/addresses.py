"""URLs: which ones can be downloaded, and how they are written where others may read them."""

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from gsv_pipeline.errors import ConfigError

_SCHEMES: Final = ("http", "https")


def check_url(url: str) -> SplitResult:
    """The parts of a URL that can be downloaded.

    Raises:
        ConfigError: Not http(s), no host, or a port that is none.
    """
    try:
        parts = urlsplit(url)
        known = parts.scheme in _SCHEMES and bool(parts.hostname)
        _ = parts.port, (parts.hostname or "").encode("idna")
    except ValueError as error:
        raise ConfigError(f"{without_secrets(url)!r} is no URL: {error}.") from error
    if not known:
        raise ConfigError(f"{without_secrets(url)!r} is no URL to download from. Expected https://host/file.")
    return parts


def without_secrets(url: str) -> str:
    """The URL without user name, password and the values of its query, where tokens and signatures stand."""
    address, _, query = url.partition("#")[0].partition("?")
    address = re.sub(r"//[^/]*@", "//", address)
    names = [part.partition("=")[0] for part in query.split("&") if part]
    return f"{address}?{'&'.join(f'{name}=...' for name in names)}" if names else address
