"""An AWS account on loopback for the doctor: moto, and a stub for what moto lacks.

moto 5.2 has neither SimulatePrincipalPolicy nor a log group's class nor a clock of its own, nor a root user; these are
answered here. STS otherwise, ListMetrics and GetMetricData are moto's.
"""

from __future__ import annotations

import json
import time
import urllib.parse
from collections.abc import Callable
from typing import Any

from loopback_cloudwatch import MotoServer, QuietHandler

_SIMULATED = """\
<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><SimulatePrincipalPolicyResult>
<IsTruncated>false</IsTruncated><EvaluationResults><member><EvalActionName>{action}</EvalActionName>
<EvalResourceName>*</EvalResourceName><EvalDecision>{decision}</EvalDecision></member></EvaluationResults>
</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"""
_CALLER = """\
<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>{arn}</Arn><UserId>AIDA</UserId><Account>123456789012</Account></GetCallerIdentityResult>
</GetCallerIdentityResponse>"""
_DENIED = """\
<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>AccessDenied</Code>
<Message>not authorized to perform iam:SimulatePrincipalPolicy</Message></Error></ErrorResponse>"""


class DoctorsAccount(MotoServer):
    """The server.

    Attributes:
        decision: what the simulation of a policy says; None where nobody may ask.
        simulated: the requests for it.
        caller: who asks; moto's own user where it is empty.
        groups: log groups as DescribeLogGroups gives them.
        ahead_s: how far its clock is ahead.
    """

    def __init__(self) -> None:
        account = self

        class Handler(QuietHandler):
            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string(time.time() + account.ahead_s)

        super().__init__(Handler)
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.decision: str | None = "allowed"
        self.simulated: list[dict[str, list[str]]] = []
        self.caller = ""
        self.groups: list[dict[str, Any]] = []
        self.ahead_s = 0.0
        super().forget()

    def put(self, namespace: str, name: str, dimensions: dict[str, str], value: float = 1.0) -> None:
        """Let a metric be there."""
        pairs = [{"Name": key, "Value": each} for key, each in dimensions.items()]
        self.client().put_metric_data(
            Namespace=namespace, MetricData=[{"MetricName": name, "Dimensions": pairs, "Value": value}]
        )

    def answer(self, environ: dict[str, Any], body: bytes, start_response: Callable[..., Any]) -> Any:
        """Answer what moto lacks, and leave the rest to it."""
        if b"Action=SimulatePrincipalPolicy" in body:
            return self._simulate(urllib.parse.parse_qs(body.decode()), start_response)
        if self.caller and b"Action=GetCallerIdentity" in body:
            start_response("200 OK", [("Content-Type", "text/xml")])
            return [_CALLER.format(arn=self.caller).encode()]
        if environ.get("HTTP_X_AMZ_TARGET", "").endswith("DescribeLogGroups"):
            start_response("200 OK", [("Content-Type", "application/x-amz-json-1.1")])
            return [json.dumps({"logGroups": self.groups}).encode()]
        return super().answer(environ, body, start_response)

    def _simulate(self, request: dict[str, list[str]], start_response: Callable[..., Any]) -> list[bytes]:
        self.simulated.append(request)
        denied = self.decision is None
        start_response("403 Forbidden" if denied else "200 OK", [("Content-Type", "text/xml")])
        action = request["ActionNames.member.1"][0]
        return [(_DENIED if denied else _SIMULATED.format(action=action, decision=self.decision)).encode()]
