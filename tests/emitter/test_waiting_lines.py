"""What waits in a queue leaves it in its order, joined as far as it may be, with whoever counts it."""

from __future__ import annotations

from collections import deque
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flowemf._output.background import Background
from flowemf._output.sink import Sink
from flowemf._output.target import FunctionTarget
from flowemf._output.waiting import FILLER, Mark, gather, tallies_in
from flowemf._tally import Tally

OWNER, OTHER, THIRD = Tally(), Tally(), Tally()
LINES = st.binary(min_size=1, max_size=60).map(lambda text: text + b"\n")
WAITING = st.one_of(
    LINES,
    st.tuples(LINES, st.sampled_from([OWNER, OTHER, THIRD])),
    st.builds(lambda: (b"", Mark())),
    st.just(FILLER),
)


def lines_of(queue: list[Any]) -> list[tuple[bytes, Tally]]:
    """Give the lines of a queue, each with whoever counts it."""
    pairs = [(each, OWNER) if isinstance(each, bytes) else each for each in queue]
    return [pair for pair in pairs if pair[0]]


@settings(max_examples=300, deadline=None)
@given(waiting=st.lists(WAITING, max_size=40), most_bytes=st.integers(1, 200))
def test_every_line_leaves_once_in_its_order_with_whoever_counts_it(waiting: list[Any], most_bytes: int) -> None:
    """Any queue, any size: one monitor's lines a batch, no batch too large, a mark behind the lines before it."""
    queue, left, passed = deque(waiting), [], 0
    while queue:
        lines, tally, marks = gather(queue, most_bytes, OWNER)
        assert len(lines) <= 1 or sum(map(len, lines)) <= most_bytes
        assert (tally is None) == (not lines)
        left += [(line, tally) for line in lines]
        for mark in marks:
            place = next(place for place, each in enumerate(waiting) if each[1] is mark)
            assert len(lines_of(waiting[:place])) <= len(left)
        passed += len(marks)
    assert left == lines_of(waiting)
    assert passed == sum(isinstance(each, tuple) and isinstance(each[1], Mark) for each in waiting)


@given(waiting=st.lists(WAITING, max_size=40))
def test_who_counts_what_waits_is_told_without_taking_it(waiting: list[Any]) -> None:
    """At the end of a program, when the thread may still be writing."""
    queue = deque(waiting)
    assert tallies_in(queue, OWNER) == [tally for _, tally in lines_of(waiting)]
    assert list(queue) == waiting


def test_two_monitors_share_a_queue_in_order_and_count_for_themselves() -> None:
    """Whichever of them opened it."""
    arrived: list[bytes] = []
    first, second = Tally(), Tally()
    queue = Background(Sink(FunctionTarget(arrived.append)), 100, first)
    expected = [b"%d\n" % number for number in range(30)]
    for number, line in enumerate(expected):
        queue.write(line, second if number % 3 else first)
    assert queue.drain(10)
    assert arrived == expected
    assert (first.lines_written, second.lines_written) == (10, 20)
