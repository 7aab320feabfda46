"""The time of day and the time that only goes forward, in milliseconds.

Nothing goes in; numbers come out. Tests and simulations pass an object of their own with the same two methods.
"""

from __future__ import annotations

from time import perf_counter_ns, time_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Clock(Protocol):
        """What the setting `clock` takes."""

        def wall_ms(self) -> int:
            """Return the milliseconds since the epoch, for timestamps."""
            ...

        def monotonic_ms(self) -> float:
            """Return milliseconds from any fixed point, for durations."""
            ...


class SystemClock:
    """The clock of this machine."""

    __slots__ = ()

    def wall_ms(self) -> int:
        """Return the milliseconds since the epoch."""
        return time_ns() // 1_000_000

    def monotonic_ms(self) -> float:
        """Return the milliseconds of a clock that never goes back."""
        return perf_counter_ns() / 1e6
