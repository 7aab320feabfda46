"""How fast requests may follow each other.

A highest rate and the answers go in; how long to wait before the next request comes out. Time is an argument.
"""

from __future__ import annotations

from collections import deque

_LONGEST_RUSH = 1000
_SLOWEST_PER_SECOND = 0.2
_SLOWED_TO = 0.5
_RECOVERY = 0.02
"""What an accepted request wins back of the highest rate: from a standstill to full speed in fifty."""


class Pacer:
    """Lets no more requests begin in any second than its rate; halves that when the service throttles (AIMD).

    At the highest rate those of a second may follow each other at once, since what was planned comes in rushes. While
    the rate is won back, slowly, they are spaced evenly.

    >>> pacer = Pacer(2)
    >>> [pacer.wait_seconds(100.0) for _ in range(5)]
    [0.0, 0.0, 1.0, 1.0, 2.0]

    Args:
        most_per_second: the highest rate.
    """

    def __init__(self, most_per_second: float) -> None:
        self._most_per_second = most_per_second
        self.per_second = most_per_second
        """The rate just now."""
        # Two at once, then two after 0.8 seconds, would be more in one second than a rate of 2.5 allows.
        self._rush = min(int(most_per_second), _LONGEST_RUSH) if most_per_second == int(most_per_second) else 1
        self._starts: deque[float] = deque(maxlen=self._rush)

    def wait_seconds(self, now_seconds: float) -> float:
        """Take the next turn.

        Args:
            now_seconds: the time, by a clock that never goes back.

        Returns:
            How long to wait for that turn, in seconds.
        """
        rush = self._rush if self.per_second == self._most_per_second else 1
        start_seconds = now_seconds
        if len(self._starts) >= rush:
            start_seconds = max(now_seconds, self._starts[-rush] + rush / self.per_second)
        self._starts.append(start_seconds)
        return start_seconds - now_seconds

    def throttled(self) -> None:
        """Slow down: the service has refused a request for being one too many."""
        self.per_second = max(self.per_second * _SLOWED_TO, _SLOWEST_PER_SECOND)

    def accepted(self) -> None:
        """Win back some of the rate."""
        self.per_second = min(self.per_second + self._most_per_second * _RECOVERY, self._most_per_second)
