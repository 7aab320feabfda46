"""The calls that are open while somebody watches: flows and generations that have started and have not ended.

Calls come in when they start and go when they end; whoever watches may write the ends of those that are left. Each end
is written once, by whoever is first, in whichever thread.
"""

from __future__ import annotations

from _contextvars import copy_context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _contextvars import Context
    from typing import Protocol

    class Call(Protocol):
        """A running flow or generation."""

        def write_end(self, error: BaseException) -> None:
            """Write its end, though it may go on."""
            ...


class OpenCalls:
    """The calls of one invocation that are open. Single steps of a dictionary and a set take the place of a lock."""

    __slots__ = ("_open", "_told")

    def __init__(self) -> None:
        self._open: dict[Call, Context] = {}
        self._told: set[Call] = set()

    def add(self, call: Call) -> None:
        """Note a call that has started, with what is bound around it, since another thread may have to end it."""
        self._open[call] = copy_context()

    def take(self, call: Call) -> bool:
        """Tell a call that ends whether the end is its own to write, rather than written already."""
        return self._open.pop(call, None) is not None or call not in self._told

    def end_all(self, error: BaseException) -> int:
        """Write the ends of all that are open, the innermost first.

        Args:
            error: what they end with.

        Returns:
            How many there were.
        """
        ended = 0
        for call in reversed(list(self._open)):
            self._told.add(call)  # before it is taken: from then on its own end asks here
            context = self._open.pop(call, None)
            if context is not None:
                context.run(call.write_end, error)
                ended += 1
        return ended
