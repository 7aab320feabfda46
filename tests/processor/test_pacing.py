"""How fast requests follow each other: evenly, slower while the service throttles, and back again."""

from __future__ import annotations

import pytest

from flowemf_processor.core.pacing import Pacer


def starts(pacer: Pacer, requests: int, now_seconds: float = 1000.0) -> list[float]:
    """Ask for turns without any time passing; list when each would start."""
    return [now_seconds + pacer.wait_seconds(now_seconds) for _ in range(requests)]


def test_turns_are_spread_evenly_over_a_second() -> None:
    """The first goes at once."""
    assert starts(Pacer(4), 5) == [1000.0, 1000.25, 1000.5, 1000.75, 1001.0]


def test_time_that_nobody_used_is_not_saved_up() -> None:
    """After a pause there is no burst above the rate."""
    pacer = Pacer(10)
    pacer.wait_seconds(0)
    assert starts(pacer, 2, 100.0) == [100.0, 100.1]


def test_throttling_halves_the_rate_and_acceptance_wins_it_back() -> None:
    """Never above the highest, never to a standstill."""
    pacer = Pacer(100)
    pacer.throttled()
    pacer.throttled()
    assert pacer.per_second == 25
    pacer.accepted()
    assert pacer.per_second == 27
    for _ in range(100):
        pacer.accepted()
    assert pacer.per_second == 100
    for _ in range(100):
        pacer.throttled()
    assert pacer.per_second == pytest.approx(0.2)
