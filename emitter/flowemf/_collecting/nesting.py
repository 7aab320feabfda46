"""Decides whether a call is being measured already: the one place that keeps calls from being counted twice.

Integrations say that they measure a call; spans that are watched and explicit generations are known here too. Whether
there is a generation around the current call, and which flow, comes out. The outermost generation wins.

    measured = nesting.begin()     # None: something around this call measures it; don't
    ...                            # the call; whatever collects inside it will find it measured
    nesting.end(measured)          # in any thread, task or context, once or twice

This module is on the emitter's import path: it imports next to nothing, and OpenTelemetry never.
"""

from __future__ import annotations

import sys
from _contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from flowemf._context import FlowSpan

    class WatchedSpans(Protocol):
        """What the span processor offers: it knows the spans that are open."""

        def is_in_generation(self, span_id: int) -> bool:
            """Tell whether this span or a live one around it is a generation."""
            ...

        def is_in_foreign_generation(self, span_id: int) -> bool:
            """Tell the same, of generations that somebody else opened a span for."""
            ...

        def flow_of(self, span_id: int) -> FlowSpan | None:
            """Give the innermost automatic flow that is live around a span, or is it."""
            ...


_OPENTELEMETRY = "opentelemetry.trace"


class Measured:
    """A generation that is being measured in this context.

    Attributes:
        is_explicit: whether the application itself measures it, with `flowemf.generation`.
        done: whether it is over; contexts that were copied meanwhile may still hold it.
    """

    __slots__ = ("_around", "done", "is_explicit")

    def __init__(self, *, is_explicit: bool) -> None:
        self.is_explicit = is_explicit
        self.done = False
        self._around = _live()

    def enter(self) -> None:
        """Let what this context calls from now on know."""
        _measured.set(self)

    def leave(self) -> None:
        """Take it back, where it is the innermost one of this context."""
        if _measured.get() is self:
            _measured.set(self._around)

    @property
    def around(self) -> Measured | None:
        """The one that was live around it when it began."""
        return self._around


_measured: ContextVar[Measured | None] = ContextVar("flowemf_measured", default=None)
# The spans that a processor of ours watches, while one is attached.
watched: WatchedSpans | None = None


def watch(spans: WatchedSpans | None) -> None:
    """Take the spans that a processor watches into account from now on; None ends it."""
    global watched  # noqa: PLW0603 - of the process, like the tracer provider
    watched = spans


def begin() -> Measured | None:
    """Say that this context measures a generation now, for an integration.

    Returns:
        What `end` takes; None where the call is inside a generation that is measured already: leave it alone.
    """
    if inside_generation():
        return None
    measured = Measured(is_explicit=False)
    measured.enter()
    return measured


def end(measured: Measured | None) -> None:
    """Say that a generation is over."""
    if measured is not None:
        measured.done = True
        measured.leave()


def begin_explicit() -> Measured | None:
    """Say that the application measures a generation now.

    Returns:
        What `end` takes; None where the call is inside one that is collected automatically. Explicit generations inside
        each other are all counted: the application says so.
    """
    if inside_automatic_generation():
        return None
    measured = Measured(is_explicit=True)
    measured.enter()
    return measured


def inside_generation() -> bool:
    """Tell whether a generation around the current call is being measured, by whomever."""
    if _live() is not None:
        return True
    span_id = _current_span_id()
    return bool(span_id and watched is not None and watched.is_in_generation(span_id))


def inside_automatic_generation() -> bool:
    """Tell whether an integration of ours measures a generation around the current call."""
    found = _live()
    while found is not None:
        if not (found.is_explicit or found.done):
            return True
        found = found.around
    span_id = _current_span_id()
    return bool(span_id and watched is not None and watched.is_in_foreign_generation(span_id))


def is_measured() -> bool:
    """Tell whether this context is inside a generation that an integration or the application measures; spans aside."""
    return _measured.get() is not None and _live() is not None


def automatic_flow() -> FlowSpan | None:
    """Give the innermost flow that was found in live spans around the current call."""
    span_id = _current_span_id()
    return None if watched is None or not span_id else watched.flow_of(span_id)


def _live() -> Measured | None:
    """Give the innermost generation of this context that is not over."""
    found = _measured.get()
    while found is not None and found.done:
        found = found.around
    return found


def _current_span_id() -> int:
    """Give the identifier of OpenTelemetry's current span; 0 where there is none, or nobody watches."""
    if watched is None:
        return 0
    try:
        span_id: int = sys.modules[_OPENTELEMETRY].get_current_span().get_span_context().span_id
    except Exception:  # half imported, or a stranger's span that is none
        return 0
    return span_id
