"""What the tests of the command line share: the command as a real process, and a CloudWatch that answers on loopback.

Arguments and input go in; exit codes, output and the requests that really left come out.
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import io
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.parsers import RpcV2CBORParser
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from flowemf_schemas.request_rules import examine_metric_request

Finished = subprocess.CompletedProcess[bytes]
COMMAND = (sys.executable, "-m", "flowemf_processor")


@dataclass(frozen=True)
class Flowemf:
    """The command `flowemf`, run in a directory of its own, with state of its own.

    Attributes:
        directory: where it runs.
        variables: added to the environment; None takes one away.
    """

    directory: Path
    variables: dict[str, str | None] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The environment that the command gets."""
        settings: dict[str, str | None] = {**os.environ, "XDG_STATE_HOME": str(self.directory / "state")}
        return {name: text for name, text in {**settings, **self.variables}.items() if text is not None}

    def __call__(self, *arguments: str | Path, stdin: bytes | None = None) -> Finished:
        """Run it to its end; without `stdin` there is nothing to read."""
        given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        return subprocess.run(
            [*COMMAND, *map(str, arguments)],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            timeout=120,
            check=False,
            **given,
        )

    def on_terminal(self, *arguments: str | Path, stdin: Any = None, **streams: Any) -> tuple[int, str]:
        """Run it with a terminal of 80 columns as every stream that is not given; give the code and what it showed."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
        given = {"stdin": theirs if stdin is None else stdin, "stdout": theirs, "stderr": theirs, **streams}
        running = self.start(*arguments, **given)
        os.close(theirs)
        shown = b"".join(_until_hung_up(ours))
        os.close(ours)
        return running.wait(timeout=120), shown.decode().replace("\r\n", "\n")

    def start(self, *arguments: str | Path, **options: Any) -> subprocess.Popen[bytes]:
        """Start it and leave it running."""
        return subprocess.Popen([*COMMAND, *map(str, arguments)], cwd=self.directory, env=self.environment, **options)


def _until_hung_up(terminal: int) -> Iterator[bytes]:
    with contextlib.suppress(OSError):  # Linux: EIO when the last process has let go of the terminal
        while piece := os.read(terminal, 65536):
            yield piece


@pytest.fixture
def flowemf_command(tmp_path: Path) -> Flowemf:
    """Give the command."""
    return Flowemf(tmp_path)


@pytest.fixture
def with_variables(tmp_path: Path) -> Callable[..., Flowemf]:
    """Give the command with other environment variables."""
    return lambda **variables: Flowemf(tmp_path, variables)


@pytest.fixture(scope="session")
def demo_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Let the sample application write a log, once for all tests that only read it."""
    log = tmp_path_factory.mktemp("demo-log") / "app.log"
    with log.open("wb") as output:
        subprocess.run(
            [sys.executable, "-m", "flowemf.demo", "--events", "400", "--seed", "3"], stdout=output, check=True
        )
    return log


# --- CloudWatch on loopback


class _QuietHandler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's signature
        """Keep the access log out of the tests' output."""


class CloudWatch:
    """A moto server behind a recorder: what leaves us is kept, and every request is held to our own schema.

    Attributes:
        endpoint_url: where it listens.
        requests: the PutMetricData requests that arrived, as the JSON protocol would carry them.
        status: answers this HTTP status in place of moto's answer, where it is set.
    """

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.status: str | None = None
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._record, threaded=True, request_handler=_QuietHandler)
        self.endpoint_url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        """Close the server and end its thread."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def forget(self) -> None:
        """Begin anew, as an account without metrics."""
        urllib.request.urlopen(f"{self.endpoint_url}/moto-api/reset", data=b"").close()
        self.requests.clear()
        self.status = None

    def client(self) -> Any:
        """Give a client of the AWS SDK."""
        return boto3.client("cloudwatch", endpoint_url=self.endpoint_url, region_name="us-east-1")

    def _record(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if environ.get("HTTP_CONTENT_ENCODING") == "gzip":
            body = gzip.decompress(body)
        # The SDK speaks JSON or CBOR, as its version prefers: https://smithy.io/2.0/additional-specs/protocols/
        if "PutMetricData" in environ.get("HTTP_X_AMZ_TARGET", environ["PATH_INFO"]):
            self.requests.append(_from_cbor(body) if "cbor" in environ["CONTENT_TYPE"] else json.loads(body))
            if self.status is not None:
                start_response(self.status, [("Content-Type", "text/plain")])
                return [b""]
        environ.pop("HTTP_CONTENT_ENCODING", None)
        environ.update({"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))})
        return self._moto(environ, start_response)


def _from_cbor(body: bytes) -> dict[str, Any]:
    request: dict[str, Any] = RpcV2CBORParser().parse_data_item(io.BufferedReader(io.BytesIO(body)))
    for datum in request["MetricData"]:
        moment: datetime = datum["Timestamp"]
        datum["Timestamp"] = int(moment.timestamp())
    return request


@pytest.fixture(scope="session")
def cloudwatch_server() -> Iterator[CloudWatch]:
    """Start the server once."""
    server = CloudWatch()
    yield server
    server.stop()


@pytest.fixture
def cloudwatch(cloudwatch_server: CloudWatch) -> Iterator[CloudWatch]:
    """Give an empty CloudWatch; at the end, every request that arrived must have been inside every limit."""
    cloudwatch_server.forget()
    yield cloudwatch_server
    problems = [examine_metric_request(request) for request in cloudwatch_server.requests]
    assert not any(problems), problems
