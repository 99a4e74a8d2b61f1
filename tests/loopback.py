"""A file server on 127.0.0.1 that speaks ranges and validators, and that fails as it is told to."""

import hashlib
import socket
import struct
import threading
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.serving import serving

BLOCK = 16_384
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class File:
    """What lies at a path."""

    content: bytes
    etag: str = ""
    modified: str = ""
    ranges: bool = True
    minds_if_range: bool = True
    says_length: bool = True
    chunked: bool = False
    content_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens instead of, or to, the next answer; the one after it is a good one again.

    Args:
        status: Answer with this instead of the file.
        headers: Sent along.
        body: Of such an answer.
        cut_after: Bytes of the file's body after which the connection ends.
        how: `"close"` politely, `"reset"`, `"silence"` until the server stops, or `"hang up"` without an answer.
        rate: Bytes a second.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut_after: int | None = None
    how: str = "close"
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it came."""

    path: str
    headers: Mapping[str, str]

    @property
    def start(self) -> int:
        """First byte asked for."""
        asked = self.headers.get("Range", "bytes=0-")
        return int(asked.removeprefix("bytes=").rstrip("-"))


class Loopback:
    """The server: `put` files, `fail` requests, look at what was `seen`."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self.faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self.seen: list[Seen] = []
        self.stopping = threading.Event()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.http.daemon_threads = True

    @property
    def port(self) -> int:
        return self.http.server_address[1]

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def put(self, path: str, content: bytes, **options) -> str:
        """Publish; with a strong ETag unless `etag` says otherwise. Returns the URL."""
        options.setdefault("etag", f'"{hashlib.sha256(content).hexdigest()[:16]}"')
        self.files[path] = File(content, **options)
        return self.url(path)

    def fail(self, path: str, *faults: Fault) -> None:
        """Faults for the next requests of `path`, one each."""
        self.faults[path].extend(faults)


@contextmanager
def loopback() -> Iterator[Loopback]:
    """A server for the time of the block."""
    server = Loopback()
    with serving(server.http, stopping=server.stopping):
        yield server


def _handler(server: Loopback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments):
            pass

        def do_GET(self):
            self.close_connection = True
            server.seen.append(Seen(self.path, dict(self.headers)))
            faults = server.faults[self.path]
            fault = faults.popleft() if faults else Fault()
            with suppress(ConnectionError):
                if fault.how == "hang up":
                    return
                if fault.status:
                    self._say(fault.status, {"Content-Length": str(len(fault.body)), **fault.headers})
                    self.wfile.write(fault.body)
                elif self.path not in server.files:
                    self._say(404, {"Content-Length": "0"})
                else:
                    self._send(server.files[self.path], fault)

        def _say(self, status, headers):
            self.send_response(status)
            for name, value in {"Connection": "close", **headers}.items():
                if value:
                    self.send_header(name, value)
            self.end_headers()

        def _send(self, file, fault):
            size, start = len(file.content), self._start(file)
            described = {"ETag": file.etag, "Last-Modified": file.modified, "Content-Type": file.content_type}
            if start is not None and start >= size:
                self._say(416, {**described, "Content-Range": f"bytes */{size}", "Content-Length": "0"})
                return
            body = file.content[start or 0 :]
            if start is not None:
                described["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
            if file.chunked:
                described["Transfer-Encoding"] = "chunked"
            elif file.says_length:
                described["Content-Length"] = str(len(body))
            self._say(200 if start is None else 206, described | dict(fault.headers))
            self._stream(body if fault.cut_after is None else body[: fault.cut_after], file, fault)

        def _start(self, file):
            """First byte to send; None for the whole file."""
            asked, condition = self.headers.get("Range"), self.headers.get("If-Range")
            if not asked or not file.ranges:
                return None
            if condition and file.minds_if_range and condition not in (file.etag, file.modified):
                return None
            return int(asked.removeprefix("bytes=").rstrip("-"))

        def _stream(self, body, file, fault):
            for at in range(0, len(body), BLOCK):
                block = body[at : at + BLOCK]
                self.wfile.write(b"%x\r\n%b\r\n" % (len(block), block) if file.chunked else block)
                if fault.rate and server.stopping.wait(len(block) / fault.rate):
                    return
            if fault.cut_after is None:
                self.wfile.write(b"0\r\n\r\n" if file.chunked else b"")
            elif fault.how == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                self.connection.close()
            elif fault.how == "silence":
                server.stopping.wait()

    return Handler
