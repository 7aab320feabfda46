"""A generation that an integration measures outside of OpenTelemetry: what clients and callbacks say about one call.

The moments of a call come in, from any thread, late or never; one line leaves through the default monitor, with the
flow, the trace and the bound properties of the place where the call began. Nothing is raised.
"""

from __future__ import annotations

import os
from _contextvars import copy_context

from flowemf import _default
from flowemf._calls import watcher_of
from flowemf._collecting import nesting
from flowemf._context import running_flow
from flowemf._encoding.text import member_text
from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _contextvars import Context

    from flowemf._context import FlowSpan
    from flowemf._events.lines import Lines


def begin(model_id: object, flow: FlowSpan | None = None) -> Collected | None:
    """Begin to measure a call.

    Args:
        model_id: the model or alias that is asked for.
        flow: the flow that it belongs to, where the framework knows better than the context.

    Returns:
        None where nothing is to be written: there is no monitor, generations are turned off, or something around the
        call measures it already.
    """
    lines = _default.found_lines()
    if lines is None or not lines.models_enabled or nesting.inside_generation():
        return None
    try:
        return Collected(lines, model_id, flow or running_flow())
    except Exception as problem:  # the clock may be a stranger's
        lines.failed(problem)
        return None


def failed(problem: Exception) -> None:
    """Count a bug of ours, or something that nobody foresaw, where there is no call to count it for."""
    lines = _default.found_lines()
    if lines is not None:
        lines.failed(problem)


class Collected:
    """One call of a model, until its line is written.

    Attributes:
        is_whole: whether the model has said everything, though its account may still be to come.
        done: whether its line is written.
    """

    __slots__ = (
        "__weakref__",
        "_asked",
        "_context",
        "_first_token_ms",
        "_flow",
        "_last_ms",
        "_lines",
        "_model_id",
        "_process",
        "_resolved_model_id",
        "_server_latency_ms",
        "_started_ms",
        "_usage",
        "_watcher",
        "done",
        "is_whole",
    )

    def __init__(self, lines: Lines, model_id: object, flow: FlowSpan | None) -> None:
        self.is_whole = False
        self.done = False
        self._lines = lines
        self._model_id = model_id
        self._resolved_model_id: str | None = None
        self._usage: dict[str, object] = {}
        self._asked = False
        self._server_latency_ms: object = None
        self._first_token_ms: float | None = None
        self._last_ms: float | None = None
        self._flow = "" if flow is None else flow.encoded
        self._context: Context = copy_context()
        self._process = os.getpid()
        self._started_ms = lines.monotonic_ms()
        self._watcher = watcher_of(self)

    def heard(self, *, is_token: bool = False) -> None:
        """Note that a part of the answer has arrived.

        Args:
            is_token: whether the model has said something in it; the first one gives TimeToFirstToken.
        """
        try:
            self._last_ms = self._lines.monotonic_ms()
            if is_token and self._first_token_ms is None:
                self._first_token_ms = self._since_start(self._last_ms)
        except Exception as problem:
            self._lines.failed(problem)

    def read(self, response: object) -> None:
        """Note what a response says that the call used; later numbers replace earlier ones."""
        found = self._lines.read_response(response)
        self._asked = True
        self._usage.update(found.tokens)
        self._resolved_model_id = found.model or self._resolved_model_id

    def note(
        self,
        *,
        measured: dict[str, object] | None = None,
        resolved_model_id: str | None = None,
        server_latency_ms: object = None,
    ) -> None:
        """Note what is known without a response to read it from.

        Args:
            measured: metric -> value.
            resolved_model_id: the model that really answered.
            server_latency_ms: what the service says that it took, in milliseconds; what is no number is left out.
        """
        self._usage.update(measured or {})
        self._resolved_model_id = resolved_model_id or self._resolved_model_id
        self._server_latency_ms = _number(server_latency_ms) or self._server_latency_ms

    def finish(self, error: object = None, *, at_last_sign: bool = False, duration_ms: float | None = None) -> None:
        """Write the line; only the first call counts.

        Args:
            error: what went wrong; a cancellation counts as none.
            at_last_sign: whether the call ended with the last part that arrived, rather than now.
            duration_ms: how long it took, where somebody else has measured that.
        """
        if self.done:
            return
        self.done = True
        if self._watcher is not None and not self._watcher.take(self):
            return
        try:
            if os.getpid() == self._process:  # in a forked child a copy of the call belongs to the parent
                now_ms = self._lines.monotonic_ms()
                end_ms = self._last_ms if at_last_sign and self._last_ms is not None else now_ms
                duration_ms = self._since_start(end_ms) if duration_ms is None else duration_ms
                self._context.run(self._write, duration_ms, error)
        except Exception as problem:
            self._lines.failed(problem)

    def write_end(self, error: BaseException) -> None:
        """Write the line with what is known by now; the call may go on."""
        try:
            self._write(self._since_start(self._lines.monotonic_ms()), error)
        except Exception as problem:  # others are waiting to be told
            self._lines.failed(problem)

    def abandon(self, *, at_last_sign: bool = False) -> None:
        """Write the line of a call whose answer nobody reads on: it was cancelled, unless the answer was whole."""
        self.finish(None if self.is_whole else GeneratorExit(), at_last_sign=at_last_sign)

    def failed(self, problem: Exception) -> None:
        """Count a bug of ours, or an answer that nobody foresaw."""
        self._lines.failed(problem)

    def _write(self, duration_ms: float, error: object) -> None:
        measured = {
            names.GENERATION_DURATION: duration_ms,
            names.TIME_TO_FIRST_TOKEN: self._first_token_ms,
            **self._usage,
        }
        if self._asked and not self._usage and error is None:
            self._lines.usage_not_found()
        own = self._flow
        if self._server_latency_ms is not None:
            own += member_text(names.SERVER_LATENCY_MS, str(self._server_latency_ms))
        self._lines.generation(self._model_id, measured, error, self._resolved_model_id, own)

    def _since_start(self, moment_ms: float) -> float:
        return round(moment_ms - self._started_ms, 3)


def _number(value: object) -> int | None:
    """Take a whole number of milliseconds; headers are text."""
    text = str(value) if type(value) in (int, str) else ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None
