"""For the tests of applications: what their code would have written, as something to make assertions about.

Code under test goes in, within `with capture_metrics()` or a pytest test that takes the fixture `flowemf_capture`;
metrics, dimensions and lines come out. Every line is held against the schemas of flowemf: an invalid one fails the
test.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from flowemf import _default
from flowemf._captured import Captured, InvalidLineError
from flowemf._events.lines import Lines
from flowemf._monitor import Monitor
from flowemf._output.diversion import close_diversion, open_diversion
from flowemf._settings import TABLE, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowemf._clock import Clock

__all__ = ["Captured", "InvalidLineError", "ManualClock", "capture_metrics"]


class ManualClock:
    """A clock that stands still until it is told to go on, so that durations in a test are exact.

    >>> clock = ManualClock()
    >>> clock.advance(12.5)
    >>> clock.monotonic_ms() - ManualClock().monotonic_ms()
    12.5
    """

    def __init__(self, now_ms: float = 1_767_225_600_000.0) -> None:
        """Start at a moment, in milliseconds since the epoch; 2026-01-01T00:00:00Z where none is given."""
        self._now_ms = now_ms

    def wall_ms(self) -> int:
        """Give the time of day in milliseconds since the epoch."""
        return int(self._now_ms)

    def monotonic_ms(self) -> float:
        """Give the time that durations are measured with, in milliseconds."""
        return self._now_ms

    def advance(self, milliseconds: float) -> None:
        """Let time pass.

        Args:
            milliseconds: how much.
        """
        self._now_ms += milliseconds


@contextmanager
def capture_metrics(*, clock: Clock | None = None) -> Iterator[Captured]:
    """Capture every metric line of the process, instead of writing it, as long as the block runs.

    It captures what every monitor writes, from any thread or task: the default one, those that the code under test
    makes inside, and those that exist already. Without a default monitor there is one for the length of the block, so
    that code which leaves `configure` to the program's start can be tested as it is; what `configure` sets inside is
    undone at the end. Blocks may be nested: each captures what is written while it is open. Log lines without metrics,
    such as those of `flowemf.structlog`, go their own way. Of a disabled monitor nothing is captured, and a forked
    process captures for itself.

    >>> import flowemf
    >>> @flowemf.flow("chat")
    ... def answer(question):
    ...     flowemf.metric("DocumentsFound", 3, "Count", {"Index": "manuals"})
    ...     return "42"
    >>> clock = ManualClock()
    >>> with capture_metrics(clock=clock) as captured:
    ...     with flowemf.generation("nova") as generation:
    ...         clock.advance(250)
    ...         generation.record_usage(input_tokens=11, output_tokens=7)
    ...     reply = answer("what?")
    >>> captured.count("FlowCompleted", FlowName="chat")
    1
    >>> captured.values("GenerationDuration", ModelID="nova")
    [250.0]
    >>> captured.sum("DocumentsFound")
    3.0
    >>> captured.dimensions("FlowCompleted")
    [{'FlowName': 'chat', 'Status': 'Success'}]
    >>> [line["event"] for line in captured.lines]
    ['generation', 'flow.start', 'metric', 'flow.end']

    Args:
        clock: an object with `wall_ms()` and `monotonic_ms()`, such as `ManualClock`, for the default monitor and those
            that are made inside. Default: the clock that each has.

    Yields:
        What was captured so far.

    Raises:
        InvalidLineError: at the end of the block, unless it ends with an exception of its own: a line is not what the
            schemas demand.
        ImportError: jsonschema, which comes with the extra `testing`, is not installed.
    """
    captured = Captured()
    before = _default.configured()
    with _clock_of_new_monitors(clock):
        _default.replace(_default_monitor(before, clock))
        captured.settle()  # what waits to be merged was written before
        open_diversion(captured.take)
        try:
            yield captured
        finally:
            captured.settle()
            close_diversion(captured.take)
            _default.replace(before)
    captured.check()


@contextmanager
def _clock_of_new_monitors(clock: Clock | None) -> Iterator[None]:
    setting = next(row for row in TABLE if row.name == "clock")
    usual = setting.default
    setting.default = clock or usual
    try:
        yield
    finally:
        setting.default = usual


def _default_monitor(before: Monitor | None, clock: Clock | None) -> Monitor:
    """Give the default monitor for the length of a block: what there is, with the clock of the test."""
    if before is None:
        return Monitor(sink=_nowhere, disabled=False)
    if clock is None:
        return before
    settings = before.lines.in_bulk().settings
    twin = Monitor.__new__(Monitor)
    twin.tally = before.tally
    twin.lines = Lines(
        Settings({**{name: getattr(settings, name) for name in settings.__slots__}, "clock": clock}), twin.tally
    )
    return twin


def _nowhere(line: bytes) -> None:
    """Take a line that is captured anyway."""
