"""Merging values within a relative error: what CloudWatch adds up stays exact."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowemf_processor.core.metric_batches import merged
from flowemf_processor.model import Aggregate, Series, Tally
from flowemf_schemas import limits

SERIES = Series("N", "Latency", (), "Milliseconds", 60)
VALUES = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e30, max_value=1e30)


def aggregate_of(values: dict[float, int]) -> Aggregate:
    """Make an aggregate; each count is as many datapoints."""
    return Aggregate(SERIES, 0, tuple((value, Tally(float(n), n)) for value, n in sorted(values.items())))


MANY = aggregate_of({1.0 + number / 50: 1 + number % 3 for number in range(5000)})


def test_what_fits_into_one_datum_is_left_alone() -> None:
    """Exactness costs nothing there; one value more, and near ones are merged."""
    fits = aggregate_of({1.0 + number / 1e6: 1 for number in range(limits.VALUES_PER_DATUM)})
    assert merged(fits, 0.01) is fits
    one_more = aggregate_of({1.0 + number / 1e6: 1 for number in range(limits.VALUES_PER_DATUM + 1)})
    assert len(merged(one_more, 0.01).values) == 3


def test_ten_thousand_values_of_two_decades_need_a_few_hundred() -> None:
    """About the logarithm of the range by that of the ratio."""
    few = merged(MANY, 0.01)
    assert len(few.values) <= 2 + math.log(101) / math.log(1.01)
    assert few.datapoints == MANY.datapoints


@pytest.mark.parametrize("relative_error", [0.001, 0.01, 0.1])
def test_every_percentile_is_within_the_error(relative_error: float) -> None:
    """Each value of the original lies as near to the one that stands for it."""
    expanded = [value for value, tally in MANY.values for _ in range(tally.datapoints)]
    stand_ins = [value for value, tally in merged(MANY, relative_error).values for _ in range(tally.datapoints)]
    assert len(stand_ins) == len(expanded)
    for value, stand_in in zip(expanded, stand_ins, strict=True):
        assert abs(stand_in - value) <= relative_error * abs(value) * (1 + 1e-12)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(VALUES, st.integers(1, 5), min_size=151, max_size=300), st.sampled_from([0.01, 0.3]))
def test_count_sum_and_extremes_stay(values: dict[float, int], relative_error: float) -> None:
    """Negative numbers, zeros and tiny ones among them; values still ascend."""
    before = aggregate_of(values)
    after = merged(before, relative_error)
    assert after.datapoints == before.datapoints
    assert (after.values[0], after.values[-1]) == (before.values[0], before.values[-1])
    assert list(after.values) == sorted(after.values, key=lambda pair: pair[0])
    absolute = math.fsum(abs(value) * tally.count for value, tally in before.values)
    totals = [math.fsum(value * tally.count for value, tally in each.values) for each in (before, after)]
    assert abs(totals[0] - totals[1]) <= 1e-12 * absolute
