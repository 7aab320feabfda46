"""A small CloudWatch on loopback that answers as it is told and keeps what it was sent.

Answers go in, one for each request to come; the PutMetricData requests that really arrived come out.
"""

from __future__ import annotations

import gzip
import io
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from botocore.parsers import RpcV2CBORParser

from flowemf_schemas.request_rules import examine_metric_request


@dataclass
class Answer:
    """What the server does with one request.

    Attributes:
        status: the HTTP status; 0 hangs up.
        code: the service's error code.
        after_seconds: how long it takes.
        body: in place of the usual answer.
        before, after: called before and after answering, with the number of the request.
        query_compatible: whether the code is repeated in the header that CloudWatch sends.
    """

    status: int = 200
    code: str = ""
    after_seconds: float = 0
    body: bytes | None = None
    before: Callable[[], None] = field(default=lambda: None)
    after: Callable[[], None] = field(default=lambda: None)
    query_compatible: bool = True


class CloudWatchServer:
    """The server; use it as a context manager.

    Attributes:
        requests: the requests that arrived whole, as the JSON protocol carries them.
        body_bytes: their sizes, uncompressed.
        answers: what to do with the next requests; a plain yes when there are none.
    """

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.body_bytes: list[int] = []
        self.answers: list[Answer] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self.endpoint_url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> CloudWatchServer:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        assert self.problems() == []

    def problems(self) -> list[str]:
        """List what is wrong with the requests that arrived."""
        return [problem for request in self.requests for problem in examine_metric_request(request)]

    def take(self, body: bytes, content_type: str, encoding: str | None) -> Answer:
        """Keep a request and say how to answer it."""
        plain = gzip.decompress(body) if encoding == "gzip" else body
        request = _from_cbor(plain) if "cbor" in content_type else json.loads(plain)
        with self._lock:
            self.requests.append(request)
            self.body_bytes.append(len(plain))
            return self.answers.pop(0) if self.answers else Answer()

    def values(self) -> Counter[Any]:
        """Count the numbers that arrived, by metric and value."""
        found: Counter[Any] = Counter()
        for request in self.requests:
            for datum in request["MetricData"]:
                for value, count in zip(datum.get("Values", ()), datum.get("Counts", ()), strict=True):
                    found[request["Namespace"], datum["MetricName"], value] += count
        return found


def _from_cbor(body: bytes) -> dict[str, Any]:
    request: dict[str, Any] = RpcV2CBORParser().parse_data_item(io.BufferedReader(io.BytesIO(body)))
    for datum in request["MetricData"]:
        datum["Timestamp"] = int(datum["Timestamp"].timestamp())
    return request


def _handler_of(server: CloudWatchServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = server.take(body, self.headers["Content-Type"], self.headers.get("Content-Encoding"))
            answer.before()
            time.sleep(answer.after_seconds)
            if answer.status:
                self._answer(answer)
            else:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
            answer.after()

        def _answer(self, answer: Answer) -> None:
            error = json.dumps({"__type": f"com.amazon.coral.service#{answer.code}", "message": "said the server"})
            body = answer.body if answer.body is not None else error.encode() if answer.code else b"{}"
            head = f"HTTP/1.1 {answer.status} Said\r\nContent-Type: application/x-amz-json-1.0\r\n"
            if answer.code and answer.query_compatible:
                head += f"x-amzn-query-error: {answer.code};Sender\r\n"
            head += f"Content-Length: {len(body)}\r\nConnection: keep-alive\r\n\r\n"
            try:
                self.wfile.write(head.encode() + body)
                self.wfile.flush()
            except OSError:  # the client has given up, or was killed
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's signature
            """Keep the tests' output clean."""

    return Handler
