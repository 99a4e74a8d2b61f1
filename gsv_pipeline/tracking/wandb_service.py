"""Where the W&B service is, and whether it is there. Standard library alone: asked before `wandb` is imported."""

import http.client
import netrc
import os
import ssl
import urllib.error
import urllib.request
from typing import Final
from urllib.parse import urlsplit

DEFAULT_URL: Final = "https://api.wandb.ai"
ANSWER_S: Final = 5.0
_QUESTION: Final = b'{"query": "query Viewer { viewer { id } }"}'  # a stranger may ask it too: the answer is null


def choose_mode() -> str:
    """`WANDB_MODE` if set; else online where a key is found, offline where none is."""
    asked = os.environ.get("WANDB_MODE")
    if asked:
        return asked
    return "online" if has_key() else "offline"


def has_key() -> bool:
    """Whether the environment or `~/.netrc` holds a key for the service."""
    return bool(os.environ.get("WANDB_API_KEY")) or _netrc_has_key()


def answers(url: str) -> bool:
    """Whether a service speaks there. Asked first, since W&B itself tries for half a minute, and a dead one for ever.

    Args:
        url: The base URL; a proxy of the environment is used, as W&B does.
    """
    request = urllib.request.Request(
        f"{url.rstrip('/')}/graphql", data=_QUESTION, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_S):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500  # what it thinks of the question does not matter, a gateway before a dead one does
    except urllib.error.URLError as error:
        return isinstance(error.reason, ssl.SSLError)  # W&B has certificates of its own and may trust it
    except (OSError, ValueError, http.client.HTTPException):
        return False


def shown(url: str) -> str:
    """The URL without credentials that may stand in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def reason(error: BaseException) -> str:
    """The first line of what went wrong, without the key."""
    text = (str(error).splitlines() or [""])[0] or type(error).__name__
    key = os.environ.get("WANDB_API_KEY")
    return text.replace(key, "***") if key else text


def _netrc_has_key() -> bool:
    host = urlsplit(os.environ.get("WANDB_BASE_URL") or DEFAULT_URL).hostname or ""
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
