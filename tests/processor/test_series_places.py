"""Gives places to series until there is none left."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_lines import document, event

from flowemf_processor.core.admission import SeriesCap
from flowemf_processor.core.aggregate import Aggregator
from flowemf_processor.model import Aggregate


def gathered(*values: tuple[str, int]) -> list[Aggregate]:
    """Gather so many datapoints under each value of a dimension."""
    aggregator = Aggregator()
    for value, times in values:
        for _ in range(times):
            aggregator.add(event(document({"A": 1}, dimensions={"Op": value})))
    return list(aggregator.close())


def placed(cap: SeriesCap, *values: tuple[str, int]) -> list[str]:
    """Give the values of the dimension that got a place."""
    return [each.series.dimensions[0][1] for each, has_place in cap.judge(gathered(*values)) if has_place]


def test_every_series_has_a_place_while_there_is_one() -> None:
    """Exactly as many as allowed."""
    assert placed(SeriesCap(2), ("a", 1), ("b", 1)) == ["a", "b"]
    assert placed(SeriesCap(1), ("a", 1), ("b", 1)) == ["a"]


def test_the_series_with_the_most_datapoints_get_the_places() -> None:
    """A flood of request ids does not drive out what is measured all the time."""
    assert placed(SeriesCap(2), ("a1", 1), ("a2", 1), ("orders", 9), ("stock", 8)) == ["orders", "stock"]


def test_a_series_keeps_its_place() -> None:
    """What the first epoch sent the others go on with, however few datapoints it has in them."""
    cap = SeriesCap(2)
    assert placed(cap, ("orders", 2), ("stock", 2)) == ["orders", "stock"]
    assert placed(cap, ("flood", 9), ("stock", 1)) == ["stock"]
    assert placed(cap, ("orders", 1)) == ["orders"]


def test_periods_of_one_series_share_one_place() -> None:
    """A series is counted once, whatever time it spans."""
    aggregator = Aggregator()
    for minute in range(5):
        aggregator.add(event(document({"A": 1}, timestamp_ms=1_760_000_000_000 + 60_000 * minute)))
    assert [has_place for _, has_place in SeriesCap(1).judge(aggregator.close())] == [True] * 5


@pytest.mark.parametrize(
    ("here", "there", "is_taken"),
    [
        ("", "ab", True),
        ("a", "ab", True),
        ("abc", "c", True),
        ("c", "ab", True),
        ("", "abc", False),  # it was full: another may have been left out there that had a place here
        ("bc", "ad", False),
        ("abc", "d", False),
        ("abc", "", True),
    ],
)
def test_places_that_were_given_elsewhere_are_taken_over_all_or_none(here: str, there: str, is_taken: bool) -> None:
    """There is room for three; where all get a place they keep it, and where one would not none has got one."""
    cap, other = SeriesCap(3), SeriesCap(3)
    placed(cap, *((each, 1) for each in here))
    placed(other, *((each, 1) for each in there))
    before = cap.placed
    assert cap.place(other.placed) is is_taken
    assert cap.placed == (before | other.placed if is_taken else before)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 4), min_size=1), st.integers(1, 9), st.randoms())
def test_the_order_of_the_lines_makes_no_difference(counts: dict[str, int], most: int, random: object) -> None:
    """So nor does the number of processes that read them; and no more series than allowed ever get through."""
    aggregates = gathered(*counts.items())
    chosen = {each for each, has_place in SeriesCap(most).judge(aggregates) if has_place}
    random.shuffle(aggregates)  # type: ignore[attr-defined]
    assert {each for each, has_place in SeriesCap(most).judge(aggregates) if has_place} == chosen
    assert len(chosen) == min(most, len(counts))
