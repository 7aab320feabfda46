"""What is bound for one request or invocation, and forgotten when it is over.

Properties and a traceparent go in; they stand in the lines of the request, beside what the application binds while it
serves it. Afterwards everything is bound that was bound before, and nothing else.
"""

from __future__ import annotations

from flowemf import _context
from flowemf._tracing import context as _trace_context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowemf._monitor import Monitor


class Request:
    """The bound properties of one request.

    Args:
        monitor: writes its lines.
    """

    __slots__ = ("_before", "_monitor")

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._before = _context.bound_now()

    def bind(self, properties: Mapping[str, object], traceparent: object = None) -> None:
        """Bind properties, and the trace that it belongs to.

        Args:
            properties: name -> value.
            traceparent: the header of that name, text or bytes; None where it came without one.
        """
        if properties:
            self._monitor.bind(**properties)
        if traceparent is not None:
            _trace_context.carry(traceparent, self._monitor.tally)

    def forget(self) -> None:
        """Bind what was bound before it."""
        _context.bind_again(self._before)
