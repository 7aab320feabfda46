"""A small Lambda: the runtime API on loopback, and the real runtime interface client as the process that asks it.

A handler's source and invocations go in; the answers that reached the API come out, each with what the process had
written to its standard output at that moment. The process is frozen while that is looked at, as Lambda freezes it.
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 30.0
TRACE = "Root=1-5e1b4151-5ac6c58dc39a6f6a6b1fcb6d;Parent=53995c3f42cd8ad8;Sampled=1"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:shop"


class Invocation(NamedTuple):
    """What the API hands out; `headers` go beside the usual ones, None takes one of them away."""

    event: object
    remaining_ms: float = 10_000
    headers: Mapping[str, str | None] = {}


class Answer(NamedTuple):
    """What has reached the API: "response", "error" or "init"; and the output up to then."""

    kind: str
    content: Any
    written: bytes


class Lambda:
    """One execution environment."""

    def __init__(self, directory: Path, source: str, environment: Mapping[str, str], **options: Any) -> None:
        (directory / "app.py").write_text(source, encoding="utf-8")
        self.output = directory / "stdout.log"
        self.errors = directory / "stderr.log"
        self.api = _Api(self)
        variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "PYTHONPATH": os.pathsep.join([str(directory), str(ROOT / "emitter"), str(ROOT / "schemas")]),
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.api.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "shop",
            "AWS_LAMBDA_FUNCTION_VERSION": "7",
            **environment,
        }
        command = [sys.executable, "-m", "awslambdaric", "app.lambda_handler"]
        with self.output.open("wb") as output, self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command, cwd=directory, env=variables, stdout=output, stderr=errors, **options
            )

    def __enter__(self) -> Lambda:
        """Use it for the length of a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process and the API."""
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)
        self.api.end()

    def invoke(self, event: object, **options: Any) -> Answer:
        """Invoke the function, and wait for its answer."""
        self.send(event, **options)
        return self.answer()

    def send(self, event: object, **options: Any) -> None:
        """Invoke the function."""
        self.api.invocations.put(Invocation(event, **options))

    def answer(self) -> Answer:
        """Wait for an answer."""
        return self.api.answers.get(timeout=PATIENCE_SECONDS)

    def time_out(self, event: object, remaining_ms: float) -> None:
        """Invoke the function, and kill it when its time is up, as Lambda does."""
        self.send(event, remaining_ms=remaining_ms)
        self.api.handed_out.wait(PATIENCE_SECONDS)
        time.sleep(remaining_ms / 1000)
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)

    def written(self) -> bytes:
        """Give what the process has written to its standard output."""
        return self.output.read_bytes()

    def frozen_output(self) -> bytes:
        """Stop the process, look at what it has written, and let it go on."""
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            return self.written()
        finally:
            os.kill(self.process.pid, signal.SIGCONT)


class _Api(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, owner: Lambda) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner = owner
        self.invocations: queue.Queue[Invocation | None] = queue.Queue()
        self.answers: queue.Queue[Answer] = queue.Queue()
        self.handed_out = threading.Event()
        self._count = 0
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self._thread.start()

    def end(self) -> None:
        """Stop serving; whoever waits for an invocation gets none."""
        self.invocations.put(None)
        self.shutdown()
        self._thread.join(PATIENCE_SECONDS)
        self.server_close()

    def next_headers(self, invocation: Invocation) -> dict[str, str]:
        """Make the headers of the next invocation; requests are numbered."""
        self._count += 1
        usual = {
            "Lambda-Runtime-Aws-Request-Id": f"request-{self._count}",
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000 + invocation.remaining_ms)),
            "Lambda-Runtime-Invoked-Function-Arn": ARN,
            "Lambda-Runtime-Trace-Id": TRACE,
            "Content-Type": "application/json",
        }
        return {name: value for name, value in {**usual, **invocation.headers}.items() if value is not None}


class _Handler(BaseHTTPRequestHandler):
    server: _Api
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Hand out the next invocation, or let a snapshot go on."""
        if self.path.endswith("/restore/next"):
            self._respond(200, b"", {})
            return
        invocation = self.server.invocations.get()
        if invocation is None:
            self.close_connection = True
            return
        self._respond(200, json.dumps(invocation.event).encode(), self.server.next_headers(invocation))
        self.server.handed_out.set()

    def do_POST(self) -> None:
        """Take an answer, with the process frozen."""
        content = self._content()
        kind = "init" if "/init/" in self.path else self.path.rpartition("/")[2]
        self.server.answers.put(Answer(kind, json.loads(content), self.server.owner.frozen_output()))
        self._respond(202, b"", {})

    def _content(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def _respond(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
