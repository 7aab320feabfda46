"""Turns spans into the lines of flows and generations: the one span processor.

The starts and ends of spans come in, from any thread or task; calls of a monitor's `Lines` go out. What a span stands
for its translator says; what is counted is decided here. Nothing is ever raised: the application would get it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import SpanProcessor

from flowemf import _calls, _context
from flowemf._collecting import gen_ai_spans, genkit_spans, nesting
from flowemf._collecting.gen_ai_spans import OPERATION
from flowemf._collecting.live_spans import MOST_SPANS, Known, LiveSpans, OpenSpan, duration_ms_of
from flowemf._collecting.span_errors import ERROR, as_error, current_exception, failure_of, is_cancelled
from flowemf._collecting.vocabulary import Kind, Status, Translator, attributes_of
from flowemf._context import FlowSpan
from flowemf._tracing.context import of_span, span_members
from flowemf._tracing.spans import SCOPE as _OWN_SCOPE
from flowemf_schemas import names

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context

    from flowemf._collecting.span_errors import Failure
    from flowemf._collecting.vocabulary import Ended, Started, Watched
    from flowemf._events.lines import Lines

# Which translator reads the spans of which instrumentation scope: to read another framework in a way of its own is to
# write its two functions and to add a row. Whoever is not named here is read by the gen_ai conventions.
BY_SCOPE = {
    _OWN_SCOPE: Translator(gen_ai_spans.starting_of_ours, gen_ai_spans.ending),
    genkit_spans.SCOPE: Translator(genkit_spans.starting, genkit_spans.ending),
    "pydantic-ai": Translator(gen_ai_spans.starting_of_pydantic_ai, gen_ai_spans.ending),
    "strands.telemetry.tracer": Translator(gen_ai_spans.starting_of_strands, gen_ai_spans.ending),
}
ANYBODY = Translator(gen_ai_spans.starting, gen_ai_spans.ending)

# By themselves: before Python 3.12 an attribute of an enumeration takes as long as a call.
_FLOW, _GENERATION = Kind.FLOW, Kind.GENERATION
_DURATION = names.GENERATION_DURATION
_SUCCESS, _ERROR, _CANCELLED = Status.SUCCESS, Status.ERROR, Status.CANCELLED
_TRUNCATED = (
    "usage_truncated",
    (
        "the tokens of a generation are lost: a limit of OpenTelemetry has cut the attribute that holds them; raise "
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT and OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT, or unset them"
    ),
)


class Collector(SpanProcessor):
    """Watches the spans of one provider.

    Args:
        find_lines: gives the lines of the monitor to write through; None where there is none yet.

    Attributes:
        live: the spans that are open.
        is_active: whether it does anything; a provider cannot let go of a processor.
    """

    def __init__(self, find_lines: Callable[[], Lines | None]) -> None:
        self.live = LiveSpans(self._discover)
        self.is_active = True
        self._find_lines = find_lines
        self._open = self.live.open

    def on_start(self, span: Any, parent_context: Context | None = None) -> None:  # noqa: ARG002 - the SDK's
        """Look at a span that begins; most are none of our business."""
        if not self.is_active:
            return
        try:
            scope = span.instrumentation_scope
            translator = None if scope is None else BY_SCOPE.get(scope.name)
            if len(self._open) >= MOST_SPANS:
                self.live.forget_oldest()
            is_other = translator is None and OPERATION not in attributes_of(span)
            if is_other or self._look_at(span, translator or ANYBODY) is None:
                self._open[span.context.span_id] = span
        except Exception as problem:
            self._failed(problem)

    def on_end(self, span: Any) -> None:
        """Write what a span that has ended stands for."""
        if not self.is_active:
            return
        try:
            found = self._open.pop(span.context.span_id, None)
            if isinstance(found, Known):
                self._end(span, found)
            elif found is not None:
                # Asked here, and not by those who know how: most spans end here, and their calls would cost the most.
                scope = span.instrumentation_scope
                is_named = scope is not None and scope.name in BY_SCOPE
                if is_named or OPERATION in attributes_of(span) or span.status.status_code is ERROR:
                    self._end_other(span)
        except Exception as problem:
            self._failed(problem)

    def shutdown(self) -> None:
        """Do nothing: lines have left when a span has ended, or are the delivery's business."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Say that nothing is left."""
        del timeout_millis
        return True

    # --- Starts

    def _start(self, span: Watched, started: Started, translator: Translator) -> Known:
        around = None if span.parent is None else self.live.around(span.parent.span_id)
        known = Known(started, translator, around)
        handled = sys.exc_info()[1]
        known.error_at_start = 0 if handled is None else id(handled)
        if not known.is_preview:
            if started.kind is _FLOW:
                self._start_flow(span, known)
            elif started.kind is _GENERATION and not (around is not None and around.is_inside):
                known.lines = None if nesting.is_measured() else self._find_lines()
        self._open[span.context.span_id] = known
        watcher = _calls.watcher
        if known.lines is not None and watcher is not None:
            known.open_span = OpenSpan(span, known, known.lines, watcher)
        return known

    def _start_flow(self, span: Watched, known: Known) -> None:
        explicit, outer = _context.current_flow.get(), known.flow
        if explicit is not None and (outer is None or explicit.depth > outer.depth):
            outer = explicit
            if explicit.name == known.started.name:  # the application measures this very flow by itself
                known.flow = explicit
                return
        lines = self._find_lines()
        known.flow = outer
        if lines is not None and lines.flows_enabled:
            known.lines = lines
            known.flow = FlowSpan(outer, known.started.name)
            token = of_span.set(span_members(span.context))
            lines.flow_started(known.started.name, known.flow)
            of_span.reset(token)

    def _look_at(self, span: Watched, translator: Translator) -> Known | None:
        started = translator.starting(span.name, attributes_of(span))
        return None if started is None else self._start(span, started, translator)

    def _discover(self, span: Watched) -> Known | None:
        """Look again at an open span that said nothing when it started."""
        scope = span.instrumentation_scope
        translator = None if scope is None else BY_SCOPE.get(scope.name)
        if translator is None and OPERATION not in attributes_of(span):
            return None
        return self._look_at(span, translator or ANYBODY)

    # --- Ends

    def _end_other(self, span: Watched) -> None:
        """Look for the last time at a span that said nothing when it started, and remember what went wrong in it."""
        known = self._discover(span)
        if known is not None:
            self._open.pop(span.context.span_id, None)
            self._end(span, known)
        elif span.status.status_code is ERROR and span.parent is not None:
            around = self.live.around(span.parent.span_id)
            if around is not None:
                around.failure = failure_of(span, None, None).remembered(None)

    def _end(self, span: Watched, known: Known) -> None:
        lines, kind = known.lines, known.started.kind
        # Asked here first: nearly always nothing is being handled.
        error = None if sys.exc_info()[1] is None else current_exception(known.error_at_start)
        if lines is None or kind not in (_FLOW, _GENERATION):
            if span.status.status_code is ERROR:
                _remember(known, failure_of(span, None, error))
            return
        if known.open_span is not None and not known.open_span.may_end():
            return
        ended = known.translator.ending(known.started, span)
        token = of_span.set(span_members(span.context))
        try:
            if kind is _FLOW:
                self._end_flow(span, known, ended, error, lines)
            else:
                self._end_generation(span, known, ended, error, lines)
        finally:
            of_span.reset(token)

    def _end_flow(self, span: Watched, known: Known, ended: Ended, error: BaseException | None, lines: Lines) -> None:
        name, duration_ms = known.started.name, duration_ms_of(span.start_time, span.end_time)
        status = _status(span, ended, error)
        if status is _SUCCESS:
            lines.flow_completed(name, duration_ms, known.flow)
        elif status is _CANCELLED:
            lines.flow_cancelled(name, duration_ms, known.flow)
        else:
            lines.flow_failed(name, duration_ms, _error(span, known, ended, error, lines), known.flow)

    def _end_generation(
        self, span: Watched, known: Known, ended: Ended, error: BaseException | None, lines: Lines
    ) -> None:
        if ended.is_truncated:
            lines.count(*_TRUNCATED)
        measured: dict[str, object] = {_DURATION: duration_ms_of(span.start_time, span.end_time)}
        if ended.first_token_ms is not None:
            measured[names.TIME_TO_FIRST_TOKEN] = ended.first_token_ms
        measured.update(ended.tokens)
        status = _status(span, ended, error)
        what: BaseException | str | None = None
        if status is _ERROR:
            what = _error(span, known, ended, error, lines)
        elif status is _CANCELLED:
            what = GeneratorExit()  # for `Lines`, any cancellation is as good as another
        model = ended.name or known.started.name
        own = "" if known.flow is None else known.flow.encoded
        lines.generation(model, measured, what, ended.resolved_model_id, own)

    def _failed(self, problem: Exception) -> None:
        try:
            lines = self._find_lines()
            if lines is not None:
                lines.failed(problem)
        except Exception:
            return  # a guest who cannot even complain stays silent


def _status(span: Watched, ended: Ended, error: BaseException | None) -> Status:
    if ended.status is not None:
        return ended.status
    if error is None and span.status.status_code is not ERROR:
        return _SUCCESS
    if is_cancelled(span, error):
        return _CANCELLED
    return _ERROR if span.status.status_code is ERROR else _SUCCESS


def _error(span: Watched, known: Known, ended: Ended, error: BaseException | None, lines: Lines) -> BaseException | str:
    failure = failure_of(span, ended, error)
    _remember(known, failure)
    return as_error(failure, known.failure, lines.error_type)


def _remember(known: Known, failure: Failure) -> None:
    """Keep what went wrong for the span around it, which may end with nothing but a wrapper's name."""
    if known.around is not None:
        inside = known.failure
        known.around.failure = failure.remembered(inside)
