"""A span whose end may have to be written before it ends: a Lambda invocation runs out of time.

A span, what is known of it, and whoever watches come in; a line comes out, with what the span says by then.
"""

from __future__ import annotations

from time import time_ns

from flowemf._collecting.vocabulary import Kind
from flowemf._tracing.context import of_span, span_members
from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from flowemf._collecting.live_spans import Known
    from flowemf._events.lines import Lines
    from flowemf._open_calls import OpenCalls


class OpenSpan:
    """A flow or a generation that somebody watches.

    Args:
        span: its span.
        known: what is known of it.
        lines: where its lines go.
        watcher: who watches.
    """

    __slots__ = ("_known", "_lines", "_span", "_watcher")

    def __init__(self, span: ReadableSpan, known: Known, lines: Lines, watcher: OpenCalls) -> None:
        self._span = span
        self._known = known
        self._lines = lines
        self._watcher = watcher
        watcher.add(self)

    def may_end(self) -> bool:
        """Tell a span that ends whether its line is still to be written."""
        return self._watcher.take(self)

    def write_end(self, error: BaseException) -> None:
        """Write its line with what is known by now; the span goes on."""
        context = self._span.context
        token = of_span.set("" if context is None else span_members(context))
        try:
            self._write(error)
        except Exception as problem:
            self._lines.failed(problem)
        finally:
            of_span.reset(token)

    def _write(self, error: BaseException) -> None:
        known, started = self._known, self._known.started
        duration_ms = float("nan")
        if self._span.start_time is not None:
            duration_ms = (time_ns() - self._span.start_time + 500) // 1000 / 1000
        if started.kind is Kind.FLOW:
            self._lines.flow_failed(started.name, duration_ms, error, known.flow)
            return
        ended = known.translator.ending(started, self._span)
        measured: dict[str, object] = {names.GENERATION_DURATION: duration_ms, **ended.tokens}
        own = "" if known.flow is None else known.flow.encoded
        self._lines.generation(ended.name or started.name, measured, error, ended.resolved_model_id, own)
