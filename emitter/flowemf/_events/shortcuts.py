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
from flowemf._encoding.text import json_string, member_text
from flowemf._encoding.values import LEAST, MOST
from flowemf._tracing import context as trace_context
from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowemf._clock import Clock
    from flowemf._context import FlowSpan
    from flowemf._encoding.shapes import Prepared, Shape
    from flowemf._events.writer import Writer
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


# --- Which generations take it: those that succeeded, from the second one of a model on

# These caches are emptied when they are full: a program that keeps inventing names stays within its memory.
_MOST_WAYS = 1024
_MOST_WHOLE = 2**53
_MOST_MODELS = 512
_MODEL_CHARACTERS = 1024


class ShortGenerations:
    """The short ways of one monitor, by model and by what was measured.

    The line goes out as the general way would write it, which has to look up and to check what is the same every time.

    Args:
        writer: the monitor's way to the sink.
        redactor: what cleans its texts.
    """

    __slots__ = ("_redactor", "_resolved", "_ways", "_writer")

    def __init__(self, writer: Writer, redactor: Redactor) -> None:
        self._writer = writer
        self._redactor = redactor
        self._ways: dict[tuple[object, ...], ShortcutOfMany] = {}
        self._resolved: dict[str, str] = {}

    def write(self, model_id: object, measured: Mapping[str, object], resolved_model_id: object, own: str) -> bool:
        """Write a generation that succeeded.

        Returns:
            Whether it was written; False where the general way has to look at it.
        """
        if type(model_id) is not str:
            return False
        known: list[str] = [model_id]
        values: list[int | float] = []
        for metric, value in measured.items():
            # One pass, and whole numbers held against whole numbers: 1 us of the 7 that such a line takes.
            if type(value) is int:
                if not 0 <= value <= _MOST_WHOLE:
                    return False
            elif type(value) is float:
                if not LEAST <= value <= MOST:
                    return False
            elif value is None:
                continue
            else:
                return False
            known.append(metric)
            values.append(value)
        way = self._ways.get(tuple(known))
        if way is None:
            return False
        way(values, own + self.resolved(resolved_model_id))
        return True

    def learn(self, shape: Shape, dimensions: tuple[str, ...], measured: Mapping[str, object]) -> None:
        """Find the short way for more generations like one that was written, where there is one.

        Args:
            shape: the kind of its line.
            dimensions: the model, as it was given where it was a text.
            measured: metric -> value, as it was given.
        """
        known = [metric for metric, value in measured.items() if value is not None]
        # Without a duration, something has to be counted each time.
        if shape.metrics == (names.GENERATION_COUNT, *known) and names.GENERATION_DURATION in known:
            found = self._writer.shortcut_of_many(shape, dimensions)
            if found is not None:
                if len(self._ways) >= _MOST_WAYS:
                    self._ways.clear()
                kind = (*dimensions, *known)
                self._ways[kind] = found

    def resolved(self, model_id: object) -> str:
        """Encode the model that answered; there are few, and cleaning a text takes longer than finding it."""
        if not (isinstance(model_id, str) and model_id):
            return ""
        known = self._resolved.get(model_id)
        if known is None:
            if len(self._resolved) >= _MOST_MODELS:
                self._resolved.clear()
            text = self._redactor.clean(model_id, _MODEL_CHARACTERS)
            known = self._resolved[model_id] = member_text(names.RESOLVED_MODEL_ID, json_string(text))
        return known
