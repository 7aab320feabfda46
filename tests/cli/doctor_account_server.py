"""An AWS account on loopback for the doctor: moto, and a stub for what moto lacks.

moto 5.2 has neither SimulatePrincipalPolicy nor a log group's class nor a clock of its own; these three are answered
here. STS, ListMetrics and GetMetricData are moto's.
"""

from __future__ import annotations

import io
import json
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

_SIMULATED = """\
<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><SimulatePrincipalPolicyResult>
<IsTruncated>false</IsTruncated><EvaluationResults><member><EvalActionName>{action}</EvalActionName>
<EvalResourceName>*</EvalResourceName><EvalDecision>{decision}</EvalDecision></member></EvaluationResults>
</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"""
_DENIED = """\
<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>AccessDenied</Code>
<Message>not authorized to perform iam:SimulatePrincipalPolicy</Message></Error></ErrorResponse>"""


class DoctorsAccount:
    """The server.

    Attributes:
        decision: what the simulation of a policy says; None where nobody may ask.
        simulated: the requests for it.
        groups: log groups as DescribeLogGroups gives them.
        ahead_s: how far its clock is ahead.
    """

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        account = self

        class Handler(WSGIRequestHandler):
            def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's signature
                """Keep the access log out of the tests' output."""

            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string(time.time() + account.ahead_s)

        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=Handler)
        self.endpoint_url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.decision: str | None = "allowed"
        self.simulated: list[dict[str, list[str]]] = []
        self.groups: list[dict[str, Any]] = []
        self.ahead_s = 0.0
        urllib.request.urlopen(f"{self.endpoint_url}/moto-api/reset", data=b"").close()

    def stop(self) -> None:
        """Close the server and end its thread."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def put(self, namespace: str, name: str, dimensions: dict[str, str], value: float = 1.0) -> None:
        """Let a metric be there."""
        client = boto3.client("cloudwatch", endpoint_url=self.endpoint_url, region_name="us-east-1")
        pairs = [{"Name": key, "Value": each} for key, each in dimensions.items()]
        client.put_metric_data(
            Namespace=namespace, MetricData=[{"MetricName": name, "Dimensions": pairs, "Value": value}]
        )

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if b"Action=SimulatePrincipalPolicy" in body:
            return self._simulate(urllib.parse.parse_qs(body.decode()), start_response)
        if environ.get("HTTP_X_AMZ_TARGET", "").endswith("DescribeLogGroups"):
            start_response("200 OK", [("Content-Type", "application/x-amz-json-1.1")])
            return [json.dumps({"logGroups": self.groups}).encode()]
        environ.update({"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))})
        return self._moto(environ, start_response)

    def _simulate(self, request: dict[str, list[str]], start_response: Callable[..., Any]) -> list[bytes]:
        self.simulated.append(request)
        denied = self.decision is None
        start_response("403 Forbidden" if denied else "200 OK", [("Content-Type", "text/xml")])
        action = request["ActionNames.member.1"][0]
        return [(_DENIED if denied else _SIMULATED.format(action=action, decision=self.decision)).encode()]
