"""Athena and S3 as far as one question needs them, over real HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class FakeAthena:
    """Answers every query with ``body``, after the ``states`` before it."""

    states: list[str] = field(default_factory=lambda: ["QUEUED", "RUNNING", "SUCCEEDED"])
    columns: list[dict[str, Any]] = field(default_factory=list)
    body: bytes = b""
    reason: str = ""
    kind: str = "DML"
    refusal: dict[str, Any] | None = None
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    url: str = ""

    def named(self, call: str) -> list[dict[str, Any]]:
        return [body for name, body in self.calls if name == call]

    def answer(self, call: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.calls.append((call, asked))
        if self.refusal:
            return 400, self.refusal
        match call:
            case "StartQueryExecution":
                return 200, {"QueryExecutionId": "query-1"}
            case "GetQueryExecution":
                return 200, {"QueryExecution": self._execution()}
            case "GetQueryResults":
                described = {"ColumnInfo": self.columns}
                return 200, {"ResultSet": {"Rows": [], "ResultSetMetadata": described}}
            case "StopQueryExecution":
                return 200, {}
        return 400, {"__type": "InvalidRequestException", "message": call}

    def _execution(self) -> dict[str, Any]:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {
            "QueryExecutionId": "query-1",
            "StatementType": self.kind,
            "Status": {"State": state, "StateChangeReason": self.reason},
            "Statistics": {"DataScannedInBytes": 4096},
            "ResultConfiguration": {"OutputLocation": "s3://results/athena/query-1.csv"},
        }


@contextmanager
def serving(fake: FakeAthena) -> Iterator[FakeAthena]:
    """Run ``fake`` on a free loopback port; its ``url`` is set meanwhile."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            call = self.headers["X-Amz-Target"].removeprefix("AmazonAthena.")
            status, answer = fake.answer(call, asked)
            self._send(status, json.dumps(answer).encode(), "application/x-amz-json-1.1")

        def do_GET(self) -> None:
            found = self.path.split("?")[0] == "/results/athena/query-1.csv"
            self._send(200 if found else 404, fake.body if found else b"", "text/csv")

        def _send(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
