"""The spans that are open, and who is around whom.

Spans come in when they start and go out when they end. For a span, the nearest one around it that matters comes out:
the flow it belongs to, whether a generation measures it already. What never ends is forgotten when there is too much;
of what somebody watches the end may be written before it ends.
"""

from __future__ import annotations

from itertools import islice
from time import time_ns

from flowemf._collecting.vocabulary import Kind
from flowemf._tracing.context import of_span, span_members
from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import ReadableSpan

    from flowemf._collecting.span_errors import Failure
    from flowemf._collecting.vocabulary import Started, Translator, Watched
    from flowemf._context import FlowSpan
    from flowemf._events.lines import Lines
    from flowemf._open_calls import OpenCalls

# A program that leaves spans open for good must not grow by them. More than this are never open at once in sane ones.
MOST_SPANS = 10_000
# How many spans that don't matter may stand between two that do.
_MOST_LEVELS = 64
# By themselves: before Python 3.12 an attribute of an enumeration takes as long as a call.
_GENERATION, _OWN_GENERATION, _PREVIEW = Kind.GENERATION, Kind.OWN_GENERATION, Kind.PREVIEW


class Known:
    """An open span that matters.

    Attributes:
        started: what the translator said of it.
        translator: who said it.
        around: the nearest span around it that matters.
        flow: the innermost flow that is, or is around, this span.
        lines: where its lines go; None where nothing is written about it.
        is_inside: whether it is a generation, or inside one.
        is_foreign: whether that generation is somebody else's, and not an explicit one of the application's.
        is_preview: whether it is a developer's try-out, or inside one.
        error_at_start: the identity of the exception that was being handled already; 0 where none was.
        failure: what last went wrong inside it.
        open_span: lets whoever watches write its end before it ends; None where nobody watches.
    """

    __slots__ = (
        "around",
        "error_at_start",
        "failure",
        "flow",
        "is_foreign",
        "is_inside",
        "is_preview",
        "lines",
        "open_span",
        "started",
        "translator",
    )

    def __init__(self, started: Started, translator: Translator, around: Known | None) -> None:
        kind = started.kind
        self.started = started
        self.translator = translator
        self.around = around
        self.lines: Lines | None = None
        if around is None:
            self.flow: FlowSpan | None = None
            self.is_inside: bool = kind is _GENERATION or kind is _OWN_GENERATION
            self.is_foreign: bool = kind is _GENERATION
            self.is_preview: bool = kind is _PREVIEW
        else:
            self.flow = around.flow
            self.is_inside = around.is_inside or kind is _GENERATION or kind is _OWN_GENERATION
            self.is_foreign = around.is_foreign or kind is _GENERATION
            self.is_preview = around.is_preview or kind is _PREVIEW
        self.error_at_start = 0
        self.failure: Failure | None = None
        self.open_span: OpenSpan | None = None


class LiveSpans:
    """The open spans of one processor, by their identifiers; also what `nesting` asks.

    Args:
        discover: looks again at a span that did not matter when it started: some frameworks say only after the start
            what a span is. Gives what is known of it now, or None.

    Attributes:
        open: what is known of each open span that matters; the others as they are, since they may stand between two
            that do. The processor adds to it and takes from it by itself: a call for each would take a quarter of the
            time that an unrelated span may cost.
    """

    __slots__ = ("_discover", "open")

    def __init__(self, discover: Callable[[Watched], Known | None]) -> None:
        self.open: dict[int, Known | Watched] = {}
        self._discover = discover

    def forget_oldest(self) -> None:
        """Let go of the tenth that has been open for longest: finding one alone takes as long as finding many."""
        try:
            oldest = list(islice(self.open, len(self.open) // 10 + 1))
        except RuntimeError:  # another thread has just added one; the next span will come here, too
            return
        for span_id in oldest:
            self.open.pop(span_id, None)

    def around(self, span_id: int) -> Known | None:
        """Find the nearest open span that matters: this one, or one around it."""
        for _ in range(_MOST_LEVELS):
            found = self.open.get(span_id)
            if found is None or isinstance(found, Known):
                return found
            known = self._discover(found)
            if known is not None or found.parent is None:
                return known
            span_id = found.parent.span_id
        return None

    # --- What nesting asks

    def is_in_generation(self, span_id: int) -> bool:
        """Tell whether this span or a live one around it is a generation."""
        known = self.around(span_id)
        return known is not None and known.is_inside

    def is_in_foreign_generation(self, span_id: int) -> bool:
        """Tell the same, of generations that somebody else opened a span for."""
        known = self.around(span_id)
        return known is not None and known.is_foreign

    def flow_of(self, span_id: int) -> FlowSpan | None:
        """Give the innermost automatic flow that is live around a span, or is it."""
        known = self.around(span_id)
        return None if known is None else known.flow


class OpenSpan:
    """A flow or a generation that somebody watches, since a Lambda invocation may run out of time before it ends.

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
        duration_ms = duration_ms_of(self._span.start_time, time_ns())
        if started.kind is Kind.FLOW:
            self._lines.flow_failed(started.name, duration_ms, error, known.flow)
            return
        ended = known.translator.ending(started, self._span)
        measured: dict[str, object] = {names.GENERATION_DURATION: duration_ms, **ended.tokens}
        own = "" if known.flow is None else known.flow.encoded
        self._lines.generation(ended.name or started.name, measured, error, ended.resolved_model_id, own)


def duration_ms_of(start_ns: int | None, end_ns: int | None) -> float:
    """Give the time between two moments of a span; what has none, as one that was put together by hand, has no time."""
    if start_ns is None or end_ns is None:
        return float("nan")
    return (end_ns - start_ns + 500) // 1000 / 1000  # to the microsecond, like every duration of ours
