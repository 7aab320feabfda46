"""What waits in a queue: lines with the tallies that count them, and marks between them.

A queue goes in; the lines that fit into one write come out, in their order. And how to wait for a mark.
"""

from __future__ import annotations

from time import monotonic, sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable

    from flowemf._tally import Tally

    # A line of the queue's owner, a line with whoever counts it, a mark, or a filler.
    Waiting = bytes | tuple[bytes, "Tally | Mark | None"]

_SHORTEST_NAP_SECONDS = 0.0002
_LONGEST_NAP_SECONDS = 0.005


class Mark:
    """Put into a queue behind lines; reached when they have been written."""

    __slots__ = ("reached",)

    def __init__(self) -> None:
        self.reached = False


def wait_until(is_reached: Callable[[], bool], patience_seconds: float = float("inf")) -> bool:
    """Sleep in short naps until a condition holds; no lock is taken, so that a signal handler may wait like this, too.

    Args:
        is_reached: the condition.
        patience_seconds: how long to wait at most.

    Returns:
        Whether it holds.
    """
    end_seconds = monotonic() + patience_seconds
    nap_seconds = _SHORTEST_NAP_SECONDS
    while not is_reached():
        if monotonic() >= end_seconds:
            return False
        sleep(nap_seconds)
        nap_seconds = min(2 * nap_seconds, _LONGEST_NAP_SECONDS)
    return True


FILLER: Waiting = (b"", None)
"""Takes a place in a bounded queue and is nothing else."""


def gather(
    queue: deque[Waiting], most_bytes: int, owner: Tally | None = None
) -> tuple[list[bytes], Tally | None, list[Mark]]:
    """Take the lines that fit into one write, at least one, and what stands between and right behind them.

    Args:
        queue: what waits; nobody else takes from it meanwhile.
        most_bytes: how much may be written at once.
        owner: whoever counts the lines that wait by themselves.

    Returns:
        The lines, who counts all of them (None: there are none), and the marks that are reached when they have been
        written.
    """
    lines: list[bytes] = []
    marks: list[Mark] = []
    tally: Tally | Mark | None
    counted_by: Tally | None = None
    while queue:
        waiting = queue.popleft()
        if isinstance(waiting, bytes):
            line, tally = waiting, owner
        else:
            line, tally = waiting
        if line:
            most_bytes -= len(line)
            if most_bytes < 0 or tally is not counted_by:
                if lines:
                    queue.appendleft(waiting)
                    break
                counted_by = tally  # type: ignore[assignment] # what stands beside a line counts it
            lines.append(line)
        elif isinstance(tally, Mark):
            marks.append(tally)
    return lines, counted_by, marks


def tallies_in(queue: deque[Waiting], owner: Tally | None) -> list[Tally]:
    """Tell who counts each line that waits, and leave them where they are.

    Args:
        queue: what waits; another thread may take from it meanwhile.
        owner: whoever counts the lines that wait by themselves.
    """
    items = [(waiting, owner) if isinstance(waiting, bytes) else waiting for waiting in list(queue)]
    return [tally for line, tally in items if line and tally is not None and not isinstance(tally, Mark)]
