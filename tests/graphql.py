"""Questions to the Dagster web server, as its UI asks them."""

import json
from typing import Any
from urllib.request import Request, urlopen

_PATIENCE_S = 60.0


def ask(port: int, query: str, **variables: object) -> dict[str, Any]:
    """The answer of the server on `port` of loopback; it is an error when it does not understand."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = Request(f"http://127.0.0.1:{port}/graphql", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=_PATIENCE_S) as answer:
        told: dict[str, Any] = json.load(answer)
    assert "errors" not in told, told["errors"]
    found: dict[str, Any] = told["data"]
    return found
