"""Writes one end line in N, each of which then counts for N.

Nothing goes in but chance; the weight of the next line comes out. The sums are unbiased, not exact: over many lines
they come out right, in a single minute they scatter.
"""

from __future__ import annotations

import os

from flowemf._encoding.text import member_text
from flowemf._volume.settings import one_line_in
from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from flowemf._tally import Tally

_LEFT_OUT = "lines_sampled_out"
_BITS = 53


def drawn() -> float:
    """Draw a number from 0 up to 1, without 1.

    From the system, since a generator of our own would draw the same in every process that is forked, or restored
    from a snapshot, in the same state: they would all keep the same lines. It takes 0.7 us, a quarter of what the line
    would have cost.
    """
    return (int.from_bytes(os.urandom(7), "big") >> 3) / (1 << _BITS)


class Sampler:
    """Decides for each line whether it is written.

    Every line has the same chance, whatever was decided before: systematic choice, say of each tenth line, would
    follow the rhythm of a program that alternates between two kinds of work.

    Args:
        rate: 1/N.
        tally: where lines that are not written are counted.
        draw: gives a number from 0 up to 1, without 1.
    """

    __slots__ = ("_draw", "_one_in", "_rate", "_tally")

    def __init__(self, rate: float, tally: Tally, draw: Callable[[], float] = drawn) -> None:
        self._one_in = one_line_in(rate)
        self._rate = rate
        self._tally = tally
        self._draw = draw

    def weight(self) -> int:
        """Give the number of events that the next line counts for; 0 where it is not written."""
        if self._draw() < self._rate:
            return self._one_in
        self._tally.count(_LEFT_OUT, "")
        return 0


def mark(rate: float) -> str:
    """Encode the property that says that a line was sampled."""
    return member_text(names.SAMPLE_RATE, repr(rate))
