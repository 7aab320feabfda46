"""A CloudWatch that answers on loopback and keeps what it was sent.

Nothing goes in; an endpoint comes out, and the requests that really left.
"""

from __future__ import annotations

import gzip
import io
import json
import threading
import urllib.request
from collections.abc import Callable
from datetime import datetime
from typing import Any

import boto3
from botocore.parsers import RpcV2CBORParser
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server


class QuietHandler(WSGIRequestHandler):
    """Keeps the access log out of the tests' output."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's signature
        """Say nothing."""


class MotoServer:
    """A moto server, with whatever a test needs put before it.

    Attributes:
        endpoint_url: where it listens.
    """

    def __init__(self, handler: type[WSGIRequestHandler] = QuietHandler) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._read, threaded=True, request_handler=handler)
        self.endpoint_url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        """Close the server and end its thread."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def forget(self) -> None:
        """Begin anew, as an account with nothing in it."""
        urllib.request.urlopen(f"{self.endpoint_url}/moto-api/reset", data=b"").close()

    def client(self) -> Any:
        """Give a client of the AWS SDK."""
        return boto3.client("cloudwatch", endpoint_url=self.endpoint_url, region_name="us-east-1")

    def answer(self, environ: dict[str, Any], body: bytes, start_response: Callable[..., Any]) -> Any:
        """Answer a request; moto does."""
        environ.update({"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))})
        return self._moto(environ, start_response)

    def _read(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        return self.answer(environ, body, start_response)


class CloudWatch(MotoServer):
    """A moto server behind a recorder: what leaves us is kept, and every request is held to our own schema.

    Attributes:
        requests: the PutMetricData requests that arrived, as the JSON protocol would carry them.
        status: answers this HTTP status in place of moto's answer, where it is set.
    """

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.status: str | None = None
        super().__init__()

    def forget(self) -> None:
        """Begin anew, as an account without metrics."""
        super().forget()
        self.requests.clear()
        self.status = None

    def answer(self, environ: dict[str, Any], body: bytes, start_response: Callable[..., Any]) -> Any:
        """Keep the request, and let moto answer it."""
        if environ.get("HTTP_CONTENT_ENCODING") == "gzip":
            body = gzip.decompress(body)
        # The SDK speaks JSON or CBOR, as its version prefers: https://smithy.io/2.0/additional-specs/protocols/
        if "PutMetricData" in environ.get("HTTP_X_AMZ_TARGET", environ["PATH_INFO"]):
            self.requests.append(_from_cbor(body) if "cbor" in environ["CONTENT_TYPE"] else json.loads(body))
            if self.status is not None:
                start_response(self.status, [("Content-Type", "text/plain")])
                return [b""]
        environ.pop("HTTP_CONTENT_ENCODING", None)
        return super().answer(environ, body, start_response)


def _from_cbor(body: bytes) -> dict[str, Any]:
    request: dict[str, Any] = RpcV2CBORParser().parse_data_item(io.BufferedReader(io.BytesIO(body)))
    for datum in request["MetricData"]:
        moment: datetime = datum["Timestamp"]
        datum["Timestamp"] = int(moment.timestamp())
    return request
