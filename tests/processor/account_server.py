"""A small AWS account on loopback: CloudWatch Logs that extracts metrics, with what moto lacks, and CloudWatch.

moto knows no log group classes, no retention when events are put, and extracts nothing. Requests go in; log events and
metrics are kept, those of standard groups read by `emf_totals`, which shares no code with the processor.
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from emf_totals import SeriesKey, Weighted, values_of
from loopback_server import LoopbackServer, Quiet

from flowemf_schemas.request_rules import examine_log_request, examine_metric_request

_DAY_MS = 24 * 3600 * 1000


@dataclass
class Group:
    """A log group."""

    log_class: str = "STANDARD"
    retention_days: int | None = None
    streams: set[str] = field(default_factory=set)
    messages: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    Attributes:
        status: the HTTP status; 0 hangs up.
        code: the service's error code.
        is_taken: whether the request takes effect nevertheless.
    """

    status: int
    code: str = "InternalFailure"
    is_taken: bool = False


DENIED = Fault(400, "AccessDeniedException")


class AccountServer(LoopbackServer):
    """The server; use it as a context manager.

    Attributes:
        groups: by name.
        faults: by operation, what goes wrong with the requests to come.
        always: by operation, what goes wrong with every request.
        calls: the operations that were asked for, with their requests.
        extracts: whether metrics are extracted of standard groups.
        emf_errors: what GetMetricData says of AWS/Logs, by metric.
        dashboards: bodies by name.
        warnings: what PutDashboard says of every body that it takes.
    """

    def __init__(self) -> None:
        super().__init__(_handler_of(self))
        self.groups: dict[str, Group] = {}
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.always: dict[str, Fault] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.extracts = True
        self.emf_errors: dict[str, float] = {}
        self.dashboards: dict[str, str] = {}
        self.warnings: list[dict[str, str]] = []
        self.sent: dict[SeriesKey, dict[int, list[Weighted]]] = defaultdict(lambda: defaultdict(list))
        """What PutMetricData brought."""
        self._lock = threading.Lock()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        requests = [(name, request) for name, request in self.calls if name in _EXAMINED]
        assert not [problem for name, request in requests for problem in _EXAMINED[name](request)]

    def asked(self, operation: str) -> list[dict[str, Any]]:
        """Give the requests of one operation."""
        return [request for name, request in self.calls if name == operation]

    @property
    def messages(self) -> list[str]:
        """Every log event of every group."""
        return [message for group in self.groups.values() for message in group.messages]

    def extracted(self) -> dict[SeriesKey, dict[int, list[Weighted]]]:
        """Read the metrics of the log events of standard groups."""
        standard = [group for group in self.groups.values() if group.log_class == "STANDARD"]
        return values_of(message for group in standard for message in group.messages) if self.extracts else {}

    def shown(self) -> dict[SeriesKey, dict[int, list[Weighted]]]:
        """Give all metrics, by whatever road they came; values in ascending order."""
        together: dict[SeriesKey, dict[int, list[Weighted]]] = defaultdict(lambda: defaultdict(list))
        for each in (self.extracted(), self.sent):
            for series, minutes in each.items():
                for minute_s, values in minutes.items():
                    together[series][minute_s] += values
        return in_order(together)

    # --- Answering ----------------------------------------------------------------------------------------------------

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any] | Fault:
        """Answer a request."""
        with self._lock:
            self.calls.append((operation, request))
            fault = self.faults[operation].pop(0) if self.faults[operation] else self.always.get(operation)
            if fault is not None and not fault.is_taken:
                return fault
            done: dict[str, Any] | Fault = getattr(self, f"_{operation}")(request)
            return fault or done

    def _DescribeLogGroups(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - the operation's name
        names = sorted(name for name in self.groups if name.startswith(request["logGroupNamePrefix"]))
        return {"logGroups": [_described(name, self.groups[name]) for name in names]}

    def _CreateLogGroup(self, request: dict[str, Any]) -> dict[str, Any] | Fault:  # noqa: N802
        if request["logGroupName"] in self.groups:
            return Fault(400, "ResourceAlreadyExistsException")
        self.groups[request["logGroupName"]] = Group()
        return {}

    def _CreateLogStream(self, request: dict[str, Any]) -> dict[str, Any] | Fault:  # noqa: N802
        group = self.groups.get(request["logGroupName"])
        if group is None:
            return Fault(400, "ResourceNotFoundException")
        if request["logStreamName"] in group.streams:
            return Fault(400, "ResourceAlreadyExistsException")
        group.streams.add(request["logStreamName"])
        return {}

    def _PutLogEvents(self, request: dict[str, Any]) -> dict[str, Any] | Fault:  # noqa: N802
        group = self.groups.get(request["logGroupName"])
        if group is None or request["logStreamName"] not in group.streams:
            return Fault(400, "ResourceNotFoundException")
        now_ms, events = int(time.time() * 1000), request["logEvents"]
        kept_ms = (group.retention_days or 10_000) * _DAY_MS
        expired = sum(now_ms - event["timestamp"] > kept_ms for event in events)
        too_old = sum(now_ms - event["timestamp"] > 14 * _DAY_MS for event in events)
        in_time = sum(event["timestamp"] - now_ms <= _DAY_MS // 12 for event in events)
        group.messages += [event["message"] for event in events[max(expired, too_old) : in_time]]
        info = {"expiredLogEventEndIndex": expired} if expired else {}
        info |= {"tooOldLogEventEndIndex": too_old} if too_old else {}
        info |= {"tooNewLogEventStartIndex": in_time} if in_time < len(events) else {}
        return {"rejectedLogEventsInfo": info} if info else {}

    def _PutMetricData(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        for datum in request["MetricData"]:
            dimensions = frozenset((each["Name"], each["Value"]) for each in datum.get("Dimensions", ()))
            series = SeriesKey(request["Namespace"], datum["MetricName"], dimensions, datum["Unit"])
            self.sent[series][datum["Timestamp"]] += zip(datum["Values"], datum["Counts"], strict=True)
        return {}

    def _GetMetricData(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        shown = self.shown()
        results = []
        for query in request["MetricDataQueries"]:
            stat = query["MetricStat"]
            metric = stat["Metric"]
            dimensions = frozenset((each["Name"], each["Value"]) for each in metric["Dimensions"])
            series = SeriesKey(metric["Namespace"], metric["MetricName"], dimensions, stat.get("Unit", ""))
            minutes = shown.get(series, {})
            counts = [
                sum(count for _, count in values)
                for minute_s, values in minutes.items()
                if request["StartTime"] <= minute_s < request["EndTime"]
            ]
            if metric["Namespace"] == "AWS/Logs":
                counts = [self.emf_errors.get(metric["MetricName"], 0)]
            times = [request["StartTime"]] * len(counts)
            results.append({"Id": query["Id"], "StatusCode": "Complete", "Timestamps": times, "Values": counts})
        return {"MetricDataResults": results}

    def _GetDashboard(self, request: dict[str, Any]) -> dict[str, Any] | Fault:  # noqa: N802
        body = self.dashboards.get(request["DashboardName"])
        return {"DashboardBody": body} if body else Fault(404, "ResourceNotFound")

    def _PutDashboard(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.dashboards[request["DashboardName"]] = request["DashboardBody"]
        return {"DashboardValidationMessages": self.warnings}


_EXAMINED = {"PutLogEvents": examine_log_request, "PutMetricData": examine_metric_request}


def in_order(values: dict[SeriesKey, dict[int, list[Weighted]]]) -> dict[SeriesKey, dict[int, list[Weighted]]]:
    """Merge equal values and sort them, so that what came in different portions can be compared."""
    return {
        series: {minute_s: _merged(several) for minute_s, several in minutes.items()}
        for series, minutes in values.items()
    }


def _merged(values: list[Weighted]) -> list[Weighted]:
    counts: dict[float, float] = defaultdict(float)
    for value, count in values:
        counts[value] += count
    return sorted(counts.items())


def _described(name: str, group: Group) -> dict[str, Any]:
    retention = {} if group.retention_days is None else {"retentionInDays": group.retention_days}
    return {"logGroupName": name, "logGroupClass": group.log_class, **retention}


def _handler_of(server: AccountServer) -> type[BaseHTTPRequestHandler]:
    class Handler(Quiet, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet an answer, for which nobody waits

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            plain = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            answer = server.answer(self.headers["X-Amz-Target"].partition(".")[2], json.loads(plain))
            if isinstance(answer, Fault) and not answer.status:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            error = {"__type": answer.code, "message": "said the server"} if isinstance(answer, Fault) else None
            written = json.dumps(error or answer).encode()
            self.send_response(answer.status if isinstance(answer, Fault) else 200)
            self.send_header("Content-Type", self.headers["Content-Type"])
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

    return Handler
