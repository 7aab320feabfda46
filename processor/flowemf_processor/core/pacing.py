"""How fast requests may follow each other.

A highest rate and the answers go in; how long to wait before the next request comes out. Time is an argument.
"""

from __future__ import annotations

_SLOWEST_PER_SECOND = 0.2
_SLOWED_TO = 0.5
_RECOVERY = 0.02
"""What an accepted request wins back of the highest rate: from a standstill to full speed in fifty."""


class Pacer:
    """Spaces requests evenly; halves its rate when the service throttles and wins it back slowly (AIMD).

    >>> pacer = Pacer(10)
    >>> pacer.wait_seconds(100.0), round(pacer.wait_seconds(100.0), 3)
    (0.0, 0.1)

    Args:
        most_per_second: the highest rate.
    """

    def __init__(self, most_per_second: float) -> None:
        self._most_per_second = most_per_second
        self.per_second = most_per_second
        """The rate just now."""
        self._next_seconds = float("-inf")

    def wait_seconds(self, now_seconds: float) -> float:
        """Take the next turn.

        Args:
            now_seconds: the time, by a clock that never goes back.

        Returns:
            How long to wait for that turn, in seconds.
        """
        start_seconds = max(now_seconds, self._next_seconds)
        self._next_seconds = start_seconds + 1 / self.per_second
        return start_seconds - now_seconds

    def throttled(self) -> None:
        """Slow down: the service has refused a request for being one too many."""
        self.per_second = max(self.per_second * _SLOWED_TO, _SLOWEST_PER_SECOND)

    def accepted(self) -> None:
        """Win back some of the rate."""
        self.per_second = min(self.per_second + self._most_per_second * _RECOVERY, self._most_per_second)
