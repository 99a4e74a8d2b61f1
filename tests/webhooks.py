"""A webhook on 127.0.0.1 that keeps what it is sent, and that fails as it is told to."""

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.serving import serving

HANG = 0


class Webhook:
    """`answers` are the next statuses, HANG among them; after these every post gets 200."""

    def __init__(self, *answers: int) -> None:
        self.answers = deque(answers)
        self.posts: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.stopping = threading.Event()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.http.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}/services/T0/B0/planted-webhook-path"

    @property
    def texts(self) -> list[str]:
        return [post["text"] for post in self.posts]


@contextmanager
def webhook(*answers: int) -> Iterator[Webhook]:
    """A server for the time of the block."""
    server = Webhook(*answers)
    with serving(server.http, stopping=server.stopping):
        yield server


def _handler(server: Webhook) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

        def do_POST(self) -> None:
            server.posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            server.headers.append(dict(self.headers))
            status = server.answers.popleft() if server.answers else 200
            if status == HANG:
                server.stopping.wait(30)
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    return Handler
