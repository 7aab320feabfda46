"""One invocation of a Lambda function, from its start until nothing of it is left to write.

The runtime's context object goes in; a flow, the metric of a cold start and properties for all lines come out.
"""

from __future__ import annotations

import os

from flowemf._calls import Flow
from flowemf._output import endings as _endings
from flowemf.integrations._lambda_deadline import Deadline
from flowemf.integrations._requests import Request
from flowemf_schemas import names, units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowemf._monitor import Monitor

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
FUNCTION_NAME = "AWS_LAMBDA_FUNCTION_NAME"
_FUNCTION_VERSION = "AWS_LAMBDA_FUNCTION_VERSION"
_INITIALIZATION_TYPE = "AWS_LAMBDA_INITIALIZATION_TYPE"
_TRACE = "_X_AMZN_TRACE_ID"
_ON_DEMAND = "on-demand"
# Environments that were made before somebody asked: nobody waits for them.
_MADE_AHEAD = frozenset(("provisioned-concurrency", "lambda-managed-instances"))

_RESERVE_SECONDS = 0.02
# No function may run for longer than 15 minutes, but a stand-in for its context may say anything.
_LONGEST_MS = 86_400_000.0

_LATE = (
    "invocation_late",
    "an invocation ended after it had been counted as a timeout, shortly before its time was up; it counts once",
)
_LEFT = (
    "invocation_unwritten",
    "lines were still waiting when an invocation ended; they are written when the next one wakes the environment",
)

_is_first = True


class Invocation:
    """One invocation. None of its methods raises.

    Args:
        monitor: writes its lines.
        name: the flow's name.
        runtime: the context object that the handler was called with, or anything else.
    """

    __slots__ = ("_deadline", "_flow", "_monitor", "_name", "_request", "_runtime")

    def __init__(self, monitor: Monitor, name: str, runtime: object) -> None:
        self._monitor = monitor
        self._name = name
        self._runtime = runtime
        self._request = Request(monitor)
        self._flow = Flow(monitor.lines, name)
        self._deadline: Deadline | None = None

    def start(self) -> None:
        """Bind what belongs to it, start the flow, and watch the time."""
        try:
            self._request.bind(self._properties(), self._traceparent())
            remaining_ms, lines = self._remaining_ms(), self._monitor.lines
            if remaining_ms and (lines.flows_enabled or lines.models_enabled):
                self._deadline = Deadline(remaining_ms, lines.failed)
        except Exception as problem:
            self._monitor.lines.failed(problem)
        self._flow.start()
        self._count_cold_start()

    def pause(self) -> None:
        """Leave it for as long as a generator's consumer works."""
        self._flow.pause()

    def resume(self) -> None:
        """Come back."""
        self._flow.resume()

    def end(self, error: BaseException | None) -> None:
        """End the flow, forget what was bound, and wait until everything has been written."""
        self._flow.end(error)
        try:
            if self._deadline is not None:
                self._deadline.over()
                if self._deadline.told:
                    self._monitor.tally.count(*_LATE)
            self._request.forget()
            if not _endings.flush(self._patience_seconds()):
                self._monitor.tally.count(*_LEFT)
        except Exception as problem:
            self._monitor.lines.failed(problem)

    def _properties(self) -> dict[str, object]:
        found = {
            names.REQUEST_ID: self._fact("aws_request_id"),
            names.FUNCTION_VERSION: self._fact("function_version") or os.environ.get(_FUNCTION_VERSION),
        }
        return {name: text for name, text in found.items() if text}

    def _fact(self, name: str) -> str | None:
        found = self._read(name)
        return found if isinstance(found, str) else None

    def _traceparent(self) -> object:
        """Ask the context for the trace that it has in W3C's form, where the runtime did not say X-Ray's."""
        if os.environ.get(_TRACE):
            return None
        fields = self._asked("w3c")
        return fields.get("traceparent") if isinstance(fields, dict) else None

    def _remaining_ms(self) -> float | None:
        found = self._asked("get_remaining_time_in_millis")
        return float(found) if type(found) in (int, float) and 0 <= found < _LONGEST_MS else None

    def _read(self, name: str) -> Any:
        try:
            return getattr(self._runtime, name, None)
        except Exception:  # a stand-in for the context
            return None

    def _asked(self, method_name: str) -> Any:
        try:
            return self._read(method_name)()
        except Exception:  # no context of the runtime's, or a stand-in that knows less
            return None

    def _patience_seconds(self) -> float:
        remaining_ms = self._remaining_ms()
        if remaining_ms is None:
            return _endings.PATIENCE_SECONDS
        return max(0.0, min(_endings.PATIENCE_SECONDS, remaining_ms / 1000 - _RESERVE_SECONDS))

    def _count_cold_start(self) -> None:
        global _is_first  # noqa: PLW0603 - of the environment, which is this process
        if not _is_first:
            return
        _is_first = False
        made = os.environ.get(_INITIALIZATION_TYPE) or _ON_DEMAND
        if made in _MADE_AHEAD:
            return
        function_name = os.environ.get(FUNCTION_NAME) or self._name
        self._monitor.bind(**{names.INITIALIZATION_TYPE: made})
        self._monitor.metric(names.COLD_START, 1, units.COUNT, {names.FUNCTION_NAME: function_name})
        self._monitor.unbind(names.INITIALIZATION_TYPE)
