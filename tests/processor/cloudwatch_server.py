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
from http.server import BaseHTTPRequestHandler
from typing import Any

from botocore.parsers import RpcV2CBORParser
from loopback_server import LoopbackServer, Quiet

from flowemf_schemas.request_rules import examine_metric_request


@dataclass
class Answer:
    """What the server does with one request.

    Attributes:
        status: the HTTP status; 0 hangs up.
        keeps: whether the metrics count, whatever the answer says; None where it tells the truth.
        code: the service's error code.
        after_seconds: how long it takes.
        body: in place of the usual answer.
        content_type: of the answer.
        missing_bytes: how much of the answer is announced and never sent.
        before, after: called before and after answering, with the number of the request.
        query_compatible: whether the code is repeated in the header that CloudWatch sends.
    """

    status: int = 200
    code: str = ""
    message: str = "said the server"
    keeps: bool | None = None
    after_seconds: float = 0
    body: bytes | None = None
    content_type: str = "application/x-amz-json-1.0"
    missing_bytes: int = 0
    before: Callable[[], None] = field(default=lambda: None)
    after: Callable[[], None] = field(default=lambda: None)
    query_compatible: bool = True


class CloudWatchServer(LoopbackServer):
    """The server; use it as a context manager.

    Attributes:
        requests: the requests that arrived whole, as the JSON protocol carries them.
        kept: those of them that count, whatever was answered.
        body_bytes: their sizes, uncompressed.
        content_types: what they said they were.
        answers: what to do with the next requests.
        answer_to: what to do with a request when there are no such answers; by default a plain yes.
    """

    def __init__(self) -> None:
        super().__init__(_handler_of(self))
        self.requests: list[dict[str, Any]] = []
        self.kept: list[dict[str, Any]] = []
        self.body_bytes: list[int] = []
        self.content_types: list[str] = []
        self.answers: list[Answer] = []
        self.answer_to: Callable[[dict[str, Any]], Answer] = lambda _: Answer()
        self._lock = threading.Lock()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
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
            self.content_types.append(content_type)
            answer = self.answers.pop(0) if self.answers else self.answer_to(request)
            if answer.keeps or (answer.keeps is None and answer.status == 200):
                self.kept.append(request)
            return answer

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
    class Handler(Quiet, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            announced_bytes = int(self.headers["Content-Length"])
            body = self.rfile.read(announced_bytes)
            if len(body) < announced_bytes:  # the client has gone
                self.close_connection = True
                return
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
            error = json.dumps({"__type": f"com.amazon.coral.service#{answer.code}", "message": answer.message})
            body = answer.body if answer.body is not None else error.encode() if answer.code else b"{}"
            head = f"HTTP/1.1 {answer.status} Said\r\nContent-Type: {answer.content_type}\r\n"
            if answer.code and answer.query_compatible:
                head += f"x-amzn-query-error: {answer.code};Sender\r\n"
            head += f"Content-Length: {len(body) + answer.missing_bytes}\r\nConnection: keep-alive\r\n\r\n"
            try:
                self.wfile.write(head.encode() + body)
                self.wfile.flush()
                self.close_connection = self.close_connection or bool(answer.missing_bytes)
            except OSError:  # the client has given up, or was killed
                self.close_connection = True

    return Handler
