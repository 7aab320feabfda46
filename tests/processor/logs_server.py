"""A small CloudWatch Logs on loopback that really answers what moto does not: queries, log classes, stream prefixes.

Events go in; FilterLogEvents, StartQuery and GetQueryResults give them back, with the service's limits.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler
from typing import Any

from loopback_server import LoopbackServer, Quiet


@dataclass
class Group:
    """A log group: its class, and its events as FilterLogEvents gives them."""

    log_class: str = "STANDARD"
    events: list[dict[str, Any]] = field(default_factory=list)

    def add(self, written_ms: int, message: str, stream: str = "app", taken_in_ms: int | None = None) -> None:
        """Write an event."""
        self.events.append(
            {
                "logStreamName": stream,
                "timestamp": written_ms,
                "message": message,
                "ingestionTime": written_ms + 50 if taken_in_ms is None else taken_in_ms,
                "eventId": f"{len(self.events):056}",
            }
        )


class LogsServer(LoopbackServer):
    """The server; use it as a context manager.

    Attributes:
        groups: by name.
        calls: the operations that were asked for, with their requests.
        failures: codes with which the next calls of an operation are answered.
        page: how many events FilterLogEvents gives at most.
        results: how many results a query gives at most.
        working: how many times a query is still running when it is asked for.
        status: how a query ends.
    """

    def __init__(self) -> None:
        super().__init__(_handler_of(self))
        self.groups: dict[str, Group] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.failures: dict[str, list[str]] = {}
        self.page = 10_000
        self.results = 10_000
        self.working = 0
        self.status = "Complete"
        self._queries: list[dict[str, Any]] = []

    def asked(self, operation: str) -> list[dict[str, Any]]:
        """Give the requests of one operation."""
        return [request for name, request in self.calls if name == operation]

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any] | str:
        """Answer a request; a text is an error's code."""
        self.calls.append((operation, request))
        if self.failures.get(operation):
            return self.failures[operation].pop(0)
        return {
            "DescribeLogGroups": self._describe,
            "FilterLogEvents": self._filter,
            "StartQuery": self._start,
            "GetQueryResults": self._results,
            "StopQuery": lambda _: {"success": True},
        }[operation](request)

    def _describe(self, request: dict[str, Any]) -> dict[str, Any]:
        found = [name for name in sorted(self.groups) if name.startswith(request["logGroupNamePrefix"])]
        return {
            "logGroups": [
                {
                    "logGroupName": name,
                    "logGroupClass": self.groups[name].log_class,
                    "arn": f"arn:aws:logs:us-east-1:123456789012:log-group:{name}:*",
                }
                for name in found
            ]
        }

    def _filter(self, request: dict[str, Any]) -> dict[str, Any] | str:
        group = self.groups[request["logGroupName"]]
        if group.log_class != "STANDARD":
            return "InvalidOperationException"
        events = sorted(
            (
                event
                for event in group.events
                if request["startTime"] <= event["timestamp"] <= request["endTime"]
                and event["logStreamName"].startswith(request.get("logStreamNamePrefix", ""))
                and request.get("filterPattern", "").strip('"') in event["message"]
            ),
            key=lambda event: (event["timestamp"], event["ingestionTime"]),
        )
        start = int(request.get("nextToken", "0"))
        page = {"events": events[start : start + self.page]}
        return page if start + self.page >= len(events) else {**page, "nextToken": str(start + self.page)}

    def _start(self, request: dict[str, Any]) -> dict[str, Any]:
        self._queries.append({**request, "asked": 0})
        return {"queryId": str(len(self._queries) - 1)}

    def _results(self, request: dict[str, Any]) -> dict[str, Any]:
        query = self._queries[int(request["queryId"])]
        query["asked"] += 1
        if query["asked"] <= self.working:
            return {"status": "Running", "results": []}
        text = query["queryString"]
        events = [
            event
            for event in self.groups[query["logGroupName"]].events
            if query["startTime"] <= event["timestamp"] // 1000 <= query["endTime"] and _matches(text, event)
        ]
        events.sort(key=lambda event: event["timestamp"])
        limit = min(self.results, int(re.findall(r"limit (\d+)", text)[0]))
        return {
            "status": self.status,
            "results": [_row(event) for event in events[:limit]],
            "statistics": {"recordsMatched": float(len(events))},
        }


def _matches(query: str, event: dict[str, Any]) -> bool:
    between = re.search(r"tomillis\(@timestamp\) >= (\d+) and tomillis\(@timestamp\) < (\d+)", query)
    prefix = re.search(r"@logStream like /\^(.*?)/", query)
    term = re.search(r'@message like "(.*?)"', query)
    stream = re.sub(r"\\x\{([0-9a-f]+)\}", lambda found: re.escape(chr(int(found[1], 16))), prefix[1]) if prefix else ""
    return (
        (between is None or int(between[1]) <= event["timestamp"] < int(between[2]))
        and re.match(stream, event["logStreamName"]) is not None
        and (term is None or term[1] in event["message"])
    )


def _row(event: dict[str, Any]) -> list[dict[str, str]]:
    """Numbers come as text, some services' versions print them as times."""
    moment = datetime.fromtimestamp(event["ingestionTime"] / 1000, timezone.utc)
    return [
        {"field": "written", "value": f"{event['timestamp']:.0f}"},
        {"field": "taken", "value": moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{event['ingestionTime'] % 1000:03}"},
        {"field": "@logStream", "value": event["logStreamName"]},
        {"field": "@message", "value": event["message"]},
        {"field": "@ptr", "value": "changes-with-every-query"},
    ]


def _handler_of(server: LogsServer) -> type[BaseHTTPRequestHandler]:
    class Handler(Quiet, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet an answer, for which nobody waits

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = server.answer(self.headers["X-Amz-Target"].partition(".")[2], request)
            is_error = isinstance(answer, str)
            body = json.dumps({"__type": answer, "message": "said the server"} if is_error else answer).encode()
            self.send_response(400 if is_error else 200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
