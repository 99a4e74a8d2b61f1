"""A message to a webhook, as Slack, Mattermost, Rocket.Chat and Zulip take it: `{"text": "..."}` by POST."""

import json
import socket
import time
from typing import Final

WEBHOOK_VARIABLE: Final = "GSV_WEBHOOK_URL"
TIMEOUT_S: Final = 4.0
"""Dagster gives a sensor a minute, in which five runs may have failed, and each message may be tried twice."""
RETRY_AFTER_S: Final = 1.0
_SCHEMES: Final = ("http://", "https://")
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500


def post(url: str, text: str, *, timeout_s: float = TIMEOUT_S, retry_after_s: float = RETRY_AFTER_S) -> str:
    """Send a text; what fails is tried once more, and nothing is ever raised.

    Args:
        url: Of the webhook. It is a secret, and never part of what is returned.
        text: Plain; what Slack would take for markup is escaped.
        timeout_s: Of each try.
        retry_after_s: Between the two.

    Returns:
        Why it did not arrive; empty when it did.
    """
    if not url.lower().startswith(_SCHEMES):
        return f"{WEBHOOK_VARIABLE} is no http or https address"
    body = json.dumps({"text": _escaped(text)}).encode()
    reason, may_go_better = _try(url, body, timeout_s)
    if reason and may_go_better:
        time.sleep(retry_after_s)
        reason, _ = _try(url, body, timeout_s)
    return reason


def _try(url: str, body: bytes, timeout_s: float) -> tuple[str, bool]:
    """Why it did not arrive (empty: it did), and whether a second try may go better."""
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    try:
        headers = {"Content-Type": "application/json", "User-Agent": "gsv-pipeline"}
        with urlopen(Request(url, data=body, headers=headers, method="POST"), timeout=timeout_s):
            return "", False
    except HTTPError as error:
        error.close()
        return f"it answers {error.code}", error.code == _TOO_MANY or error.code >= _SERVER_ERROR
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError | socket.timeout):
            return f"it did not answer within {timeout_s:g} s", True
        return f"it cannot be reached ({type(reason).__name__})", True
    except (HTTPException, ValueError) as error:
        # The texts of these errors quote the address.
        return f"it cannot be asked ({type(error).__name__})", False


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
