"""How fast requests follow each other: so many a second, fewer while the service throttles, and back again."""

from __future__ import annotations

import pytest

from flowemf_processor.core.pacing import Pacer


def starts(pacer: Pacer, requests: int, now_seconds: float = 1000.0) -> list[float]:
    """Ask for turns without any time passing; list when each would start."""
    return [now_seconds + pacer.wait_seconds(now_seconds) for _ in range(requests)]


def test_no_second_has_more_turns_than_the_rate() -> None:
    """Those of one may follow each other at once."""
    assert starts(Pacer(4), 9) == [1000.0] * 4 + [1001.0] * 4 + [1002.0]
    pacer = Pacer(4)
    begun = [now + pacer.wait_seconds(now) for now in (0.0, 0.1, 0.9, 0.9, 0.9, 1.5, 1.95, 1.95, 1.95)]
    assert begun == [0.0, 0.1, 0.9, 0.9, 1.0, 1.5, 1.95, 1.95, 2.0]


@pytest.mark.parametrize(("rate", "apart_seconds"), [(1, 1.0), (2.5, 0.4), (0.5, 2.0), (0.25, 4.0)])
def test_low_and_broken_rates_are_kept_as_well(rate: float, apart_seconds: float) -> None:
    """One turn at a time."""
    assert starts(Pacer(rate), 3) == [1000.0, 1000.0 + apart_seconds, 1000.0 + 2 * apart_seconds]


def test_time_that_nobody_used_is_not_saved_up() -> None:
    """After a pause there is no rush above the rate."""
    pacer = Pacer(2)
    pacer.wait_seconds(0)
    assert starts(pacer, 3, 100.0) == [100.0, 100.0, 101.0]


def test_a_service_that_throttles_is_spared_a_rush() -> None:
    """Until the rate is won back, turns are spaced evenly."""
    pacer = Pacer(8)
    pacer.throttled()
    assert starts(pacer, 3) == [1000.0, 1000.25, 1000.5]


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
