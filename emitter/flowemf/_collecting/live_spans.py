"""The spans that are open, and who is around whom.

Spans come in when they start and go out when they end. For a span, the nearest one around it that matters comes out:
the flow it belongs to, whether a generation measures it already. What never ends is forgotten when there is too much.
"""

from __future__ import annotations

from flowemf._collecting.vocabulary import Kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from opentelemetry.sdk.trace import ReadableSpan

    from flowemf._collecting.span_errors import Failure
    from flowemf._collecting.vocabulary import Started, Translator
    from flowemf._context import FlowSpan
    from flowemf._events.lines import Lines

# A program that leaves spans open for good must not grow by them. More than this are never open at once in sane ones.
MOST_SPANS = 10_000
# How many spans that don't matter may stand between two that do.
_MOST_LEVELS = 64


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
        "started",
        "translator",
    )

    def __init__(self, started: Started, translator: Translator, around: Known | None) -> None:
        kind = started.kind
        self.started = started
        self.translator = translator
        self.around = around
        self.flow: FlowSpan | None = None if around is None else around.flow
        self.lines: Lines | None = None
        self.is_inside: bool = kind in (Kind.GENERATION, Kind.OWN_GENERATION) or (
            around is not None and around.is_inside
        )
        self.is_foreign: bool = kind is Kind.GENERATION or (around is not None and around.is_foreign)
        self.is_preview: bool = kind is Kind.PREVIEW or (around is not None and around.is_preview)
        self.error_at_start = 0
        self.failure: Failure | None = None


class LiveSpans:
    """The open spans of one processor, by their identifiers; also what `nesting` asks.

    Args:
        discover: looks again at a span that did not matter when it started: some frameworks say only after the start
            what a span is. Gives what is known of it now, or None.
    """

    __slots__ = ("_discover", "_known", "_others")

    def __init__(self, discover: Callable[[ReadableSpan], Known | None]) -> None:
        self._known: dict[int, Known] = {}
        self._others: dict[int, ReadableSpan] = {}
        self._discover = discover

    def add(self, span_id: int, known: Known) -> None:
        """Take in a span that matters."""
        self._known[span_id] = known
        if len(self._known) > MOST_SPANS:
            _forget_oldest(self._known)

    def add_other(self, span_id: int, span: ReadableSpan) -> None:
        """Take in a span that does not matter by itself, but may stand between two that do."""
        self._others[span_id] = span
        if len(self._others) > MOST_SPANS:
            _forget_oldest(self._others)

    def take(self, span_id: int) -> Known | None:
        """Let go of a span that has ended, and give what was known of it."""
        self._others.pop(span_id, None)
        return self._known.pop(span_id, None)

    def around(self, span_id: int) -> Known | None:
        """Find the nearest open span that matters: this one, or one around it."""
        for _ in range(_MOST_LEVELS):
            known = self._known.get(span_id)
            if known is not None:
                return known
            other = self._others.get(span_id)
            if other is None:
                return None
            found = self._discover(other)
            if found is not None:
                return found
            parent = other.parent
            if parent is None:
                return None
            span_id = parent.span_id
        return None

    def __len__(self) -> int:
        """Count the open spans that are held."""
        return len(self._known) + len(self._others)

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


def _forget_oldest(spans: dict[int, Any]) -> None:
    """Let go of the span that has been open for longest; another thread may be doing the same."""
    try:
        spans.pop(next(iter(spans)), None)
    except (RuntimeError, StopIteration):
        return
