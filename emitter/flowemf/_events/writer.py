"""Writes events: fills in what their lines have in common, keeps every line within its size, hands it to the sink.

A shape, dimension values, metric values and properties go in; whole lines leave through the sink, at once or merged
with others. What has to be changed or left out is counted.
"""

from __future__ import annotations

from flowemf._context import properties
from flowemf._encoding.shapes import Numbers, Prepared, filler
from flowemf._encoding.text import CHANGES, dimension_value
from flowemf._events.shortcuts import shortcut, shortcut_of_many
from flowemf._output.outlet import most_bytes
from flowemf._volume.series import OTHER, Series
from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from flowemf._encoding.document import Content, Number
    from flowemf._encoding.shapes import Shape
    from flowemf._events.shortcuts import Shortcut, ShortcutOfMany
    from flowemf._output.outlet import Outlet
    from flowemf._redaction.redactor import Redactor
    from flowemf._settings import Settings
    from flowemf._tally import Tally
    from flowemf._volume.sampling import Sampler

    Short = TypeVar("Short")

# This cache is emptied when it is full: a program that keeps inventing names stays within its memory.
_MOST_PREPARED = 1024

_LIMITED = "series_limited"
CUT = "properties_too_large"
NO_ROOM = "line_too_large"
PROBLEMS = {
    **CHANGES,
    "dimension_redacted": "a dimension held a secret or personal data; a mark was written instead",
    "dimension_identifier": (
        "a dimension held an identifier (a UUID, a long number, a hash), each of which would be a metric to pay for; "
        "'_identifier' was written instead: bind it as a property"
    ),
    _LIMITED: (
        f"there are more combinations of dimension values than the setting max_series allows; {OTHER!r} was written "
        "for what was new: bind what distinguishes single requests as a property"
    ),
    CUT: "a line would be larger than max_line_bytes allows; the properties added last were left out",
    NO_ROOM: "a value was left out: its dimensions alone are larger than max_line_bytes allows",
}
"""What is counted for a line that is written all the same: reason -> what to tell the user."""


class Writer:
    """The way from an event to the sink, for one monitor.

    Args:
        settings: the monitor's settings.
        tally: its counts.
        redactor: what cleans its texts.
        sink: where its lines go.
    """

    __slots__ = (
        "_mark",
        "_merger",
        "_most_bytes",
        "_most_prepared",
        "_redactor",
        "_sampler",
        "_series",
        "_settings",
        "_sink",
        "_tally",
        "_wall_ms",
    )

    def __init__(self, settings: Settings, tally: Tally, redactor: Redactor, sink: Outlet | None) -> None:
        self._settings = settings
        self._tally = tally
        self._redactor = redactor
        # There is none only where a monitor is disabled, and events don't come here.
        self._sink: Outlet = sink  # type: ignore[assignment]
        self._wall_ms: Callable[[], int] = settings.clock.wall_ms
        self._most_bytes = most_bytes(settings)
        self._most_prepared = max(_MOST_PREPARED, settings.max_series)
        self._series = Series(settings.max_series)
        self._mark = ""
        self._sampler: Sampler | None = None
        if settings.sample_rate < 1:
            from flowemf._volume.sampling import Sampler, mark

            self._mark = mark(settings.sample_rate)
            self._sampler = Sampler(settings.sample_rate, tally)
        self._merger = None
        if sink is not None and settings.metric_buffer_size > 1:
            from flowemf._volume.merge import Merger

            gathered = settings.metric_buffer_size, settings.flush_interval_seconds
            self._merger = Merger(*gathered, self._mark, self._write_merged, tally)

    def emit_at_once(self, shape: Shape, dimensions: tuple[str, ...], values: Sequence[Number], own: str) -> None:
        """Write an event that is neither merged nor weighted: `emit` without its questions, 0.1 us of 2.5 less."""
        prepared = shape.prepared.get(dimensions) or self._prepare(shape, dimensions)
        if prepared.changes:
            self.count(prepared.changes)
        own += properties(shape.reserved, self._tally, self._redactor)
        timestamp_ms = self._wall_ms()
        line = prepared.fill(timestamp_ms, values, own)
        if len(line) > self._most_bytes:
            self._write_shorter(shape, prepared, timestamp_ms, values, 1, own)
        else:
            self._sink.write(line, self._tally)

    def shortcut(self, shape: Shape, dimensions: tuple[str, ...]) -> Shortcut | None:
        """Give a short way for more events like one that was written; see `flowemf._events.shortcuts`.

        Returns:
            None where each of them has to be counted, or must not be written by itself.
        """
        return self._short(shape, dimensions, shortcut)

    def shortcut_of_many(self, shape: Shape, dimensions: tuple[str, ...]) -> ShortcutOfMany | None:
        """Give the same for events of which every number but the first differs."""
        return self._short(shape, dimensions, shortcut_of_many)

    def _short(self, shape: Shape, dimensions: tuple[str, ...], make: Callable[..., Short]) -> Short | None:
        prepared = shape.prepared.get(dimensions)
        if prepared is None or prepared.changes or self._merger or self._sampler:
            return None

        def long_way(timestamp_ms: int, values: Sequence[Number], own: str) -> None:
            self._write_shorter(shape, prepared, timestamp_ms, values, 1, own)

        clock = self._settings.clock
        return make(shape, prepared, self._most_bytes, clock, self._redactor, self._sink, self._tally, long_way)

    def emit(
        self, shape: Shape, dimensions: tuple[str, ...], values: Sequence[Number], own: str, weight: int = 1
    ) -> None:
        """Write an event that is merged with others, or stands for several.

        Args:
            shape: the kind of line.
            dimensions: the values of the shape's dimensions, exact strings, in its order.
            values: the values of the shape's metrics, exact and finite, in its order.
            own: the encoded properties of this event; they don't come into merged lines.
            weight: how many events it stands for.
        """
        prepared = shape.prepared.get(dimensions) or self._prepare(shape, dimensions)
        if prepared.changes:
            self.count(prepared.changes)
        timestamp_ms = self._wall_ms()
        if self._merger is not None:
            self._merger.add((shape, prepared, timestamp_ms, values, weight))
            return
        own += properties(shape.reserved, self._tally, self._redactor)
        weighted = [Numbers((value,), weight) for value in values]
        line = prepared.fill(timestamp_ms, weighted, self._mark + own)
        if len(line) > self._most_bytes:
            self._write_shorter(shape, prepared, timestamp_ms, values, weight, own)
        else:
            self._sink.write(line, self._tally)

    def emit_sampled(self, shape: Shape, dimensions: tuple[str, ...], values: Sequence[Number], own: str) -> None:
        """Write an event if chance will have it; see `emit` for the arguments."""
        weight = 1 if self._sampler is None else self._sampler.weight()
        if weight:
            self.emit(shape, dimensions, values, own, weight)

    def line(self, shape: Shape, values: Sequence[Number]) -> bytes:
        """Make the line of an event without dimensions of its own and without properties."""
        prepared = shape.prepared.get(()) or self._prepare(shape, ())
        return prepared.fill(self._wall_ms(), values, "")

    def dimension(self, key: str, value: object) -> str:
        """Make a dimension value that may leave; count what had to be changed."""
        text, changes = self._clean(key, self.text(value))
        self.count(changes)
        return text

    def series(self, dimensions: dict[str, str]) -> dict[str, str]:
        """Give the dimensions of one call, clean ones, as far as there may be more series; count it where not."""
        admitted = self._series.admit(tuple(dimensions), tuple(dimensions.values()))
        if admitted != tuple(dimensions.values()):
            self.count((_LIMITED,))
        return dict(zip(dimensions, admitted, strict=True))

    def text(self, value: object) -> str:
        """Make an exact string of a dimension value: a cache would take 1 for True."""
        if type(value) is str:
            return value
        if isinstance(value, str):
            return str.__str__(value)
        text, changes = dimension_value(value)
        self.count(changes)
        return text

    def count(self, changes: Sequence[str], times: int = 1) -> None:
        """Count what had to be changed: keys of `PROBLEMS`."""
        for change in changes:
            self._tally.count(change, PROBLEMS[change], times)

    # --- How

    def _prepare(self, shape: Shape, dimensions: tuple[str, ...]) -> Prepared:
        changes: list[str] = []
        texts = []
        for key, value in zip(shape.dimensions, dimensions, strict=True):
            text, more = self._clean(key, value)
            changes += more
            texts.append(text)
        written = tuple(texts)
        admitted = self._series.admit(shape.dimensions, written)
        if admitted != written:
            self.count(changes)
            return self._limited(shape, admitted)
        return self._kept(shape, dimensions, written, tuple(changes))

    def _limited(self, shape: Shape, admitted: tuple[str, ...]) -> Prepared:
        """Find what all have in common that are too many: under their own names they would displace the others."""
        key = (_LIMITED, *admitted)  # one longer than the dimensions of any event
        return shape.prepared.get(key) or self._kept(shape, key, admitted, (_LIMITED,))

    def _kept(self, shape: Shape, key: tuple[str, ...], written: tuple[str, ...], changes: tuple[str, ...]) -> Prepared:
        members = (*self._settings.custom_dimensions, *zip(shape.dimensions, written, strict=True))
        if len(shape.prepared) >= self._most_prepared:
            shape.prepared.clear()
        prepared = shape.prepared[key] = Prepared(filler(shape, members), members, changes)
        return prepared

    def _clean(self, key: str, value: str) -> tuple[str, Sequence[str]]:
        """Make a dimension value that may leave, and name what had to be changed."""
        if key in (names.STATUS, names.ERROR_TYPE):
            return value, ()  # ours, or checked as an error type of the user's
        return self._redactor.dimension(value)

    def _write_shorter(
        self, shape: Shape, prepared: Prepared, timestamp_ms: int, values: Sequence[Number], weight: int, own: str
    ) -> None:
        from flowemf._encoding.document import Content, members_of

        said = "" if weight == 1 else self._mark
        content = Content(shape, prepared, timestamp_ms, [(value,) for value in values], weight, said)
        self._write_fitted(content, members_of(own))

    def _write_merged(self, content: Content) -> None:
        self._sink.await_room()
        self._write_fitted(content, {})

    def _write_fitted(self, content: Content, members: dict[str, bytes]) -> None:
        from flowemf._encoding.document import fitted

        for line, cut in fitted(content, members, self._most_bytes):
            if cut:
                self.count((CUT,), cut)
            if line:
                self._sink.write(line, self._tally)
            else:
                self.count((NO_ROOM,))
