"""A W&B on loopback: enough of its GraphQL, file stream and storage for the real client to log, resume and sync."""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.serving import serving

KEY = "k" * 40
ENTITY, PROJECT = "people", "gsv-pipeline"


class Run:
    """What the service knows of a run."""

    def __init__(self) -> None:
        self.history: list[dict[str, Any]] = []
        self.config: dict[str, Any] = {}
        self.told: dict[str, Any] = {}  # group, jobType, tags … of the first request
        self.summary: dict[str, Any] = {}
        self.files: dict[str, bytes] = {}
        self.ended: list[int] = []
        self.used: list[str] = []

    @property
    def steps(self) -> list[int]:
        return [row["step"] for row in self.history]

    def values(self, name: str) -> dict[int, Any]:
        return {row["step"]: row[name] for row in self.history if name in row}


class WandbServer:
    """The service: look at `runs` and `artifacts`; `silent` keeps it from answering, `refuses` makes every key wrong.

    Args:
        port: To come back where a service was before; 0: any.
    """

    def __init__(self, port: int = 0) -> None:
        self.runs: defaultdict[str, Run] = defaultdict(Run)
        self.artifacts: list[dict[str, Any]] = []
        self.stored: dict[str, bytes] = {}
        self.unknown: list[str] = []
        self.silent = self.refuses = False
        self.silent_after: int | None = None  # requests
        self.released = threading.Event()
        self._http = _Http(("127.0.0.1", port), _Handler)
        self._http.service = self
        self._serving = ExitStack()
        self._serving.enter_context(serving(self._http, stopping=self.released))

    @property
    def port(self) -> int:
        return self._http.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What points a client here."""
        return {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": KEY}

    def artifacts_named(self, name: str) -> list[dict[str, Any]]:
        return [item for item in self.artifacts if item["artifactCollectionName"] == name]

    def vanish(self) -> None:
        """Stop listening, as a service that went down."""
        self._serving.close()


@contextmanager
def wandb_server(port: int = 0) -> Iterator[WandbServer]:
    service = WandbServer(port)
    try:
        yield service
    finally:
        service.vanish()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    service: WandbServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def service(self) -> WandbServer:
        return self.server.service

    def log_message(self, *_: object) -> None: ...

    def do_POST(self) -> None:
        body = json.loads(self._body())
        if self.service.silent_after is not None:
            self.service.silent = self.service.silent_after <= 0
            self.service.silent_after -= 1
        if self.service.silent:
            self.service.released.wait(60)
            self.close_connection = True
        elif self.service.refuses:
            self._say({"errors": [{"message": "user is not logged in"}]}, status=401)
        elif self.path.endswith("/file_stream"):
            self._stream(self.service.runs[self.path.split("/")[-2]], body)
            self._say({"exitcode": None, "limits": {}})
        else:
            self._say(self._answer(body["query"], body.get("variables") or {}))

    def do_PUT(self) -> None:
        self.service.stored[self.path] = self._body()
        _, kind, name, *rest = self.path.split("/")
        if kind == "runs":
            self.service.runs[name].files["/".join(rest)] = self.service.stored[self.path]
        self._say({})

    def do_GET(self) -> None:
        self._say({}, status=404)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"] or 0))

    def _say(self, value: dict[str, Any], status: int = 200) -> None:
        content = json.dumps(value).encode()
        with suppress(ConnectionError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    def _stream(self, run: Run, body: dict[str, Any]) -> None:
        for name, chunk in body.get("files", {}).items():
            lines = [json.loads(line) for line in chunk["content"]] if name.endswith((".json", ".jsonl")) else []
            if name == "wandb-history.jsonl":
                run.history[chunk["offset"] :] = lines  # a line is written where the client says
            elif name == "wandb-summary.json":
                run.summary = lines[-1]
        if body.get("complete"):
            run.ended.append(body["exitcode"])

    def _answer(self, query: str, given: dict[str, Any]) -> dict[str, Any]:
        operation = query.split("(")[0].split("{")[0].split()[-1]
        answer = getattr(self, f"answer_{operation.lower()}", None)
        if answer is None:
            self.service.unknown.append(operation)
            return {"errors": [{"message": f"unknown operation {operation}"}]}
        return {"data": answer(given)}

    def answer_viewer(self, _: Any) -> Any:
        named = {"id": "u", "entity": ENTITY, "username": "someone", "email": "someone@example.org"}
        return {"viewer": {**named, "flags": "{}", "teams": {"edges": []}}}

    def answer_serverfeaturesquery(self, _: Any) -> Any:
        return {"serverInfo": {"features": []}}

    def answer_organizationcoreweaveorganizationid(self, _: Any) -> Any:
        return {"entity": {"organization": None}}

    def answer_runresumestatus(self, given: dict[str, Any]) -> Any:
        bucket = self._bucket(given["name"]) if given["name"] in self.service.runs else None
        return {"model": {"id": "p", "name": PROJECT, "entity": {"id": "e", "name": ENTITY}, "bucket": bucket}}

    def answer_upsertbucket(self, given: dict[str, Any]) -> Any:
        name = given.get("name") or given["id"].removeprefix("id-")
        is_new = name not in self.service.runs
        run = self.service.runs[name]
        run.told = run.told or given
        run.config = json.loads(given.get("config") or "null") or run.config
        return {"upsertBucket": {"bucket": self._bucket(name), "inserted": is_new}}

    def _bucket(self, name: str) -> dict[str, Any]:
        run = self.service.runs[name]
        project = {"id": "p", "name": PROJECT, "entity": {"id": "e", "name": ENTITY}}
        tail = [json.dumps(row) for row in run.history[-1:]]
        counts = {"historyLineCount": len(run.history), "logLineCount": 0, "eventsLineCount": 0}
        texts = {"config": json.dumps(run.config), "summaryMetrics": json.dumps(run.summary), "wandbConfig": '{"t": 1}'}
        tails = {"historyTail": json.dumps(tail), "eventsTail": "[]"}
        named = {"id": f"id-{name}", "name": name, "displayName": name, "description": "", "notes": "", "tags": []}
        return {**named, **counts, **texts, **tails, "project": project, "sweepName": None}

    def answer_createrunfiles(self, given: dict[str, Any]) -> Any:
        files = [{"name": name, "uploadUrl": self._storage("runs", given["run"], name)} for name in given["files"]]
        return {"createRunFiles": {"runID": given["run"], "uploadHeaders": [], "files": files}}

    def _storage(self, *parts: str) -> str:
        return "/".join([self.service.url, *parts])

    def answer_createartifact(self, given: dict[str, Any]) -> Any:
        self.service.artifacts.append({**given["input"], "committed": False, "files": []})
        artifact = {"id": str(len(self.service.artifacts) - 1), "state": "PENDING"}
        return {"createArtifact": {"artifact": {**artifact, "artifactSequence": {"latestArtifact": None}}}}

    def answer_createartifactmanifest(self, given: dict[str, Any]) -> Any:
        file = {"id": "f", "uploadUrl": self._storage("manifests", given["artifactID"]), "uploadHeaders": []}
        return {"createArtifactManifest": {"artifactManifest": {"id": given["artifactID"], "file": file}}}

    def answer_createartifactfiles(self, given: dict[str, Any]) -> Any:
        nodes = []
        for file in given["input"]["artifactFiles"]:
            self.service.artifacts[int(file["artifactID"])]["files"].append(file["name"])
            url = self._storage("artifacts", file["artifactID"], file["name"])
            node = {"storagePath": url, "uploadUrl": url, "uploadHeaders": [], "uploadMultipartUrls": None}
            nodes.append({"node": {**node, "artifact": {"id": file["artifactID"]}}})
        return {"createArtifactFiles": {"files": {"edges": nodes}}}

    def answer_commitartifact(self, given: dict[str, Any]) -> Any:
        self.service.artifacts[int(given["artifactID"])]["committed"] = True
        return {"commitArtifact": {"artifact": {"id": given["artifactID"], "digest": "d"}}}

    def answer_useartifact(self, given: dict[str, Any]) -> Any:
        number = given["input"]["artifactID"]
        name = self.service.artifacts[int(number)]["artifactCollectionName"]
        self.service.runs[given["input"]["runName"]].used.append(name)
        return {"useArtifact": {"artifact": {"id": number}}}

    def answer_artifacttype(self, _: Any) -> Any:
        return {"project": {"artifact": None}}

    def answer_artifactbyid(self, given: dict[str, Any]) -> Any:
        artifact = self.service.artifacts[int(given["id"])]
        project = {"id": "p", "internalId": "p", "name": PROJECT, "entity": {"name": ENTITY}}
        collection = {"__typename": "ArtifactSequence", "name": artifact["artifactCollectionName"], "project": project}
        alias = {"__typename": "ArtifactAlias", "id": "l", "alias": "latest", "artifactCollection": collection}
        return {
            "artifact": {
                "__typename": "Artifact", "id": given["id"], "artifactSequence": collection, "versionIndex": 0,
                "artifactType": {"name": artifact["artifactTypeName"]}, "description": None, "metadata": "{}",
                "ttlDurationSeconds": -2, "ttlIsInherited": False, "tags": [], "historyStep": None,
                "state": "COMMITTED", "size": 1, "digest": "d", "commitHash": "c", "fileCount": len(artifact["files"]),
                "createdAt": "2026-01-01T00:00:00Z", "updatedAt": None, "aliases": [alias],
            }
        }  # fmt: skip
