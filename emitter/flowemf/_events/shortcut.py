"""The shortest way of the most frequent lines: the start of a flow, the end of one that succeeded, a generation.

What all such lines of one flow or model have in common goes in; a function comes out that takes what differs, numbers
and the properties of the flow itself, and writes the line. It checks and counts what the general way would. That has to
look everything up that this function has at hand. Of the 2.7 us that a line of a flow takes to a file, the write takes
1.1, putting the text together 0.5, all that decides and counts the rest.
"""

from __future__ import annotations

from time import time_ns

from flowemf._clock import SystemClock
from flowemf._collecting import nesting
from flowemf._context import (
    LAMBDA_KEY,
    OPENTELEMETRY,
    STRUCTLOG,
    current_bound,
    current_flow,
    environment,
    modules,
    properties,
    running_flow,
)
from flowemf._encoding.shapes import pieces
from flowemf._tracing import context as trace_context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowemf._clock import Clock
    from flowemf._context import FlowSpan
    from flowemf._encoding.shapes import Prepared, Shape
    from flowemf._output.outlet import Outlet
    from flowemf._redaction.redactor import Redactor
    from flowemf._tally import Tally

    Shortcut = Callable[[float, FlowSpan | None], None]
    ShortcutOfMany = Callable[[Sequence[float], str], None]
    # What writes a line that is too long: its timestamp, its numbers and its properties.
    LongWay = Callable[[int, Sequence[float], str], None]


def shortcut(
    shape: Shape,
    prepared: Prepared,
    most_bytes: int,
    clock: Clock,
    redactor: Redactor,
    sink: Outlet,
    tally: Tally,
    long_way: LongWay,
) -> Shortcut:
    """Make the function for one shape with one tuple of dimension values.

    Args:
        shape: the kind of line; each of its metrics but the last is 1.
        prepared: what the writer has prepared for the dimension values; nothing has to be counted for it.
        most_bytes: the longest line.
        clock: the clock for timestamps.
        redactor: what cleans the texts of the monitor.
        sink: where lines go.
        tally: the monitor's counts.
        long_way: what writes a line that is longer.

    Returns:
        A function that takes the value of the last metric (an exact, finite number) and the flow that the event belongs
        to (None: the one that runs here, if any does), and writes the line.
    """
    head, before, tail = pieces(shape, prepared.dimensions)
    ones = "1".join(before)
    reserved = shape.reserved
    now_ns = _now_ns(clock)
    counts = (1,) * (len(before) - 1)

    def write(value: float, span: FlowSpan | None) -> None:
        # `running_flow` and `properties`, without calling them where there is nothing that only they can find.
        if span is None:
            span = current_flow.get() if nesting.watched is None else running_flow()
        bound = current_bound.get()
        if (
            STRUCTLOG in modules
            or OPENTELEMETRY in modules
            or LAMBDA_KEY in environment
            or trace_context.given
            or (bound.redactor is not redactor and bound.members)
            or not bound.names.isdisjoint(reserved)
        ):
            own = properties(reserved, tally, redactor)
        else:
            own = bound.encoded
        if span is not None:
            own = span.encoded + own
        line = f"{head}{now_ns() // 1_000_000!r}{ones}{value!r}{tail}{own}}}\n".encode()
        if len(line) > most_bytes:
            long_way(clock.wall_ms(), (*counts, value), own)
        else:
            sink.write(line, tally)

    return write


def shortcut_of_many(
    shape: Shape,
    prepared: Prepared,
    most_bytes: int,
    clock: Clock,
    redactor: Redactor,
    sink: Outlet,
    tally: Tally,
    long_way: LongWay,
) -> ShortcutOfMany:
    """Make the function for a shape whose first metric is 1 and whose others differ; see `shortcut` for the arguments.

    Returns:
        A function that takes the values of all metrics but the first (exact, finite numbers) and the encoded properties
        of the event itself, and writes the line.
    """
    head, before, tail = pieces(shape, prepared.dimensions)
    first, *others = map(_literally, before)
    text = f"{_literally(head)}%d{first}1{''.join(f'{each}%r' for each in others)}{_literally(tail)}%s}}\n"
    reserved = shape.reserved
    now_ns = _now_ns(clock)

    def write(values: Sequence[float], own: str) -> None:
        own += properties(reserved, tally, redactor)
        line = (text % (now_ns() // 1_000_000, *values, own)).encode()
        if len(line) > most_bytes:
            long_way(clock.wall_ms(), (1, *values), own)
        else:
            sink.write(line, tally)

    return write


def _now_ns(clock: Clock) -> Callable[[], int]:
    return time_ns if type(clock) is SystemClock else lambda: clock.wall_ms() * 1_000_000


def _literally(text: str) -> str:
    """Write a text so that the operator `%` gives it back."""
    return text.replace("%", "%%")
