"""A Kaggle on loopback: the endpoints that `kagglehub` asks, behind a proxy, so that the client itself is untouched.

The client is pointed here by its environment alone: `HTTPS_PROXY` leads every connection to this server, which answers
for `api.kaggle.com` and for the storage that downloads are redirected to, under a certificate made for the occasion.
"""

import base64
import hashlib
import io
import json
import select
import ssl
import threading
import zipfile
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gsv_pipeline.sources import kaggle_process
from tests.serving import serving

API, STORAGE = "api.kaggle.com", "storage.googleapis.com"
VIEW, DOWNLOAD, ARCHIVE = "GetDataset", "DownloadDataset", "archive"
HTML = b"<!DOCTYPE html><html><body>Sign in to the network</body></html>"

CLIENT_VARIABLES = (
    *("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_ENVIRONMENT", "KAGGLEHUB_CACHE"),
    *("KAGGLE_KERNEL_RUN_TYPE", "TBE_RUNTIME_ADDR", "CURL_CA_BUNDLE", "HTTP_PROXY", "http_proxy"),
    *("ALL_PROXY", "all_proxy", "https_proxy", "NO_PROXY", "no_proxy"),
)


@dataclass(frozen=True)
class Seen:
    """A request: which endpoint, what the client sent."""

    endpoint: str
    authorization: str | None
    first_byte: int | None
    body: Mapping[str, Any]


def zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


class KaggleServer:
    """Serves one data set; `answers[endpoint]` are answers to give first, one per request.

    Args:
        folder: For the certificate.
        archive: What is downloaded.
        version: Current version of the data set.
    """

    def __init__(self, folder: Path, archive: bytes, *, version: int = 3) -> None:
        self.archive, self.version = archive, version
        self.answers: dict[str, deque[Callable[[Handler], None]]] = defaultdict(deque)
        self.seen: list[Seen] = []
        self.left = threading.Event()
        self.released = threading.Event()
        self.certificate = folder / "kaggle.pem"
        self.context = _tls(self.certificate)
        self._server = _Server(("127.0.0.1", 0), _Entrance)
        self._server.kaggle = self
        self._serving = ExitStack()

    @property
    def environment(self) -> dict[str, str]:
        """What points a client here."""
        proxy = f"http://127.0.0.1:{self._server.server_port}"
        return {"HTTPS_PROXY": proxy, "REQUESTS_CA_BUNDLE": str(self.certificate)}

    def requests(self, endpoint: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.endpoint == endpoint]

    def __enter__(self) -> Self:
        self._serving.enter_context(serving(self._server, stopping=self.released))
        return self

    def __exit__(self, *_: object) -> None:
        self._serving.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    kaggle: KaggleServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is killed or gives up is what some tests are about."""


class _Entrance(BaseHTTPRequestHandler):
    """The proxy: whatever host is asked for is this one."""

    def do_CONNECT(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        with self.server.kaggle.context.wrap_socket(self.connection, server_side=True) as secured:
            Handler(secured, self.client_address, self.server)

    def log_message(self, *_: object) -> None: ...


class Handler(BaseHTTPRequestHandler):
    """The endpoints."""

    protocol_version = "HTTP/1.1"

    @property
    def kaggle(self) -> KaggleServer:
        return self.server.kaggle

    def do_POST(self) -> None:
        endpoint = self.path.rsplit("/", 1)[-1]
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.headers["Host"] == API
        assert self.path == f"/v1/datasets.DatasetApiService/{endpoint}"
        self._answer(endpoint, body, {VIEW: view, DOWNLOAD: redirect}[endpoint])

    def do_GET(self) -> None:
        assert self.headers["Host"] == STORAGE
        self._answer(ARCHIVE, {}, archive)

    def _answer(self, endpoint: str, body: Mapping[str, Any], usual: "Callable[[Handler], None]") -> None:
        first = self.headers["Range"]
        seen = Seen(endpoint, self.headers["Authorization"], first and int(first[6:-1]), body)
        self.kaggle.seen.append(seen)
        planned = self.kaggle.answers[endpoint]
        (planned.popleft() if planned else usual)(self)

    def send(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        headers.setdefault("Content_Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None: ...


def view(handler: Handler) -> None:
    says(totalBytes=len(handler.kaggle.archive), currentVersionNumber=handler.kaggle.version)(handler)


def redirect(handler: Handler) -> None:
    handler.send(302, b"", Location=f"https://{STORAGE}/bundle/archive.zip?X-Goog-Signature=sesame")


def archive(handler: Handler, *, until: int | None = None, md5: bytes | None = None) -> None:
    """The archive, from where the client asks; with `until` the connection ends in the middle."""
    content = handler.kaggle.archive
    first = handler.kaggle.seen[-1].first_byte or 0
    digest = base64.b64encode(md5 or hashlib.md5(content).digest()).decode()
    handler.send(
        206 if first else 200,
        content[first:until],
        Content_Type="application/zip",
        Content_Length=str(len(content) - first),
        Accept_Ranges="bytes",
        x_goog_hash=f"crc32c=AAAAAA==,md5={digest}",
    )
    handler.close_connection = until is not None


def cut_after(count: int) -> Callable[[Handler], None]:
    return lambda handler: archive(handler, until=count)


def hold_after(count: int) -> Callable[[Handler], None]:
    """Send `count` bytes, then nothing, until the client leaves or the test ends."""

    def answer(handler: Handler) -> None:
        archive(handler, until=count)
        while not handler.kaggle.released.is_set():
            if select.select([handler.connection], [], [], 0.02)[0]:
                handler.kaggle.left.set()
                return

    return answer


def whole_again(handler: Handler) -> None:
    """As a server that does not know ranges: the whole archive, whatever was asked."""
    handler.send(200, handler.kaggle.archive, Content_Type="application/zip", Accept_Ranges="bytes")


def wrong_hash(handler: Handler) -> None:
    archive(handler, md5=b"0" * 16)


def page(handler: Handler) -> None:
    handler.send(200, HTML, Content_Type="text/html", Accept_Ranges="bytes")


def says(**content: Any) -> Callable[[Handler], None]:
    """An answer that succeeds, with this in it."""
    return lambda handler: handler.send(200, json.dumps(content).encode(), Content_Type="application/json")


def status(code: int, **headers: str) -> Callable[[Handler], None]:
    message = json.dumps({"code": code, "message": "said by the server"}).encode()
    return lambda handler: handler.send(code, message, Content_Type="application/json", **headers)


def _tls(path: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "A Kaggle on loopback")])
    usage = x509.KeyUsage(True, False, False, False, False, True, False, False, False)  # it signs, and signs itself
    names = [x509.DNSName(API), x509.DNSName(STORAGE), x509.IPAddress(ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    path.write_bytes(pem)
    both = path.with_suffix(".key")
    both.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + pem
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context


def lead_to(server: KaggleServer, monkeypatch: pytest.MonkeyPatch, *, home: Path) -> None:
    """Let the client of this process ask `server`: a user without credentials or a cache, no patience between tries."""
    for name in CLIENT_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in {**server.environment, "HOME": str(home), "KAGGLE_CONFIG_DIR": str(home)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(kaggle_process, "BACK_OFF_S", (0.0, 0.0))
    monkeypatch.setattr(kaggle_process, "_POLL_S", 0.02)
