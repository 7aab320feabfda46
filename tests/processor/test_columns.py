"""Values as columns: sorted with numpy, they are what a dictionary would have gathered."""

from __future__ import annotations

import pickle
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_lines import NOW_MS, document, event, numbers

from flowemf_processor.core import runs
from flowemf_processor.core.aggregate import Aggregator
from flowemf_processor.core.columns import Loose, Sheet, sheet_of
from flowemf_processor.core.gathered import Gathered
from flowemf_processor.core.runs import Run, groups_of, run_of
from flowemf_processor.model import Aggregate, Series, StatisticSet, Tally
from flowemf_schemas import limits

SERIES = 6
Groups = dict[tuple[int, int], Counter[float]]
Row = tuple[int, int, list[list[float]]]
"""The number of its dimension values, its timestamp, and the values of each metric."""

values = st.lists(numbers.map(float), min_size=1, max_size=3)
times_ms = st.integers(NOW_MS, NOW_MS + 200_000) | st.sampled_from(
    [0, 999, 59_999, 60_000, NOW_MS // 60_000 * 60_000 - 1, NOW_MS // 60_000 * 60_000, limits.TIMESTAMP_MS]
)


@st.composite
def sheets(draw: st.DrawFn) -> tuple[Sheet, list[Row], list[list[int]]]:
    """Give a sheet, with what was put into it."""
    metrics = draw(st.lists(st.tuples(st.sampled_from([1, 60]), st.integers(1, 3)), min_size=1, max_size=3))
    sheet = sheet_of(metrics)
    table = draw(
        st.lists(
            st.lists(st.integers(0, SERIES - 1), min_size=sheet.width, max_size=sheet.width), min_size=1, max_size=3
        )
    )
    of_metric = values if draw(st.booleans()) else values.map(lambda several: several[:1])
    row = st.tuples(st.integers(0, len(table) - 1), times_ms, st.tuples(*[of_metric] * len(metrics)).map(list))
    rows = draw(st.lists(row, max_size=12))
    fill(sheet, rows, table)
    return sheet, rows, table


def fill(sheet: Sheet, rows: Iterable[Row], table: Iterable[list[int]]) -> None:
    """Put rows into a sheet."""
    for series in table:
        sheet.add_series(series)
    for number, time_ms, targets in rows:
        sheet.numbers.append(number)
        sheet.times_ms.append(time_ms)
        for column, target in zip(sheet.columns, targets, strict=True):
            column.is_uneven = True
            column.lengths.append(len(target))
            column.values.extend(target)
    for column in sheet.columns:
        if all(length == 1 for length in column.lengths):
            column.is_uneven, column.lengths = False, sheet.numbers[:0]


def obvious(sheet: Sheet, rows: Iterable[Row], table: list[list[int]]) -> Groups:
    """Gather the same into a dictionary."""
    groups: Groups = defaultdict(Counter)
    for number, time_ms, targets in rows:
        for column, target in zip(sheet.columns, targets, strict=True):
            start_s = time_ms // 1000 // column.resolution_seconds * column.resolution_seconds
            for series in table[number][column.first : column.first + column.sets]:
                groups[series, start_s].update(target)
    return groups


def groups_in(run: Run) -> Groups:
    """Read a run; what is in it has to be in order."""
    groups: Groups = {}
    for place, (first, end) in enumerate(pairwise(run.firsts.tolist())):
        several = run.values[first:end].tolist()
        assert several == sorted(set(several))
        groups[int(run.series[place]), int(run.starts_s[place])] = Counter(
            dict(zip(several, run.counts[first:end].tolist(), strict=True))
        )
    assert list(groups) == sorted(groups)
    return groups


@settings(max_examples=200, deadline=None)
@given(
    st.lists(sheets(), max_size=3),
    st.lists(st.tuples(st.integers(0, SERIES - 1), times_ms, values), max_size=3),
    st.permutations(range(SERIES)),
    st.sets(st.integers(0, SERIES - 1), max_size=2),
    st.sampled_from([1, 5, 1 << 22]),
)
def test_columns_hold_what_a_dictionary_would(
    several: list[tuple[Sheet, list[Row], list[list[int]]]],
    beside: list[tuple[int, int, list[float]]],
    places: list[int],
    apart: set[int],
    at_once: int,
) -> None:
    """Whatever the values, times and series are: the same distinct values with the same counts, and nothing rounded."""
    expected: Groups = defaultdict(Counter)
    for sheet, rows, table in several:
        for group, counts in obvious(sheet, rows, table).items():
            expected[group].update(counts)
    only_sheets, loose = len(expected), Loose()
    for series, time_ms, target in beside:
        loose.add(series, time_ms // 1000, target)
        expected[series, time_ms // 1000].update(target)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(runs, "_MOST_ENTRIES", at_once)
        run, rest = run_of([sheet for sheet, _, _ in several], loose, places, apart=apart)
    left_out: Groups = defaultdict(Counter)
    for series, start_s, value in rest:
        left_out[series, start_s][value] += 1
    assert left_out == {group: counts for group, counts in expected.items() if group[0] in apart}
    assert groups_in(run) == {
        (places[series], start_s): counts for (series, start_s), counts in expected.items() if series not in apart
    }
    if several:
        assert groups_of([sheet for sheet, _, _ in several]) == only_sheets


def test_what_fits_no_key_is_sorted_all_the_same() -> None:
    """Ten thousand years in seconds, thousands of values and a trillion of series are more than one number can tell."""
    places = [0, 1, 1 << 40]
    sheet = sheet_of([(1, 1)])
    rows: list[Row] = [(row % 3, (row % 2) * limits.TIMESTAMP_MS, [[float(-row)]]) for row in range(1 << 13)]
    fill(sheet, rows, [[0], [1], [2]])
    run, _ = run_of([sheet], Loose(), places)
    expected = obvious(sheet, rows, [[0], [1], [2]])
    assert groups_in(run) == {(places[series], start_s): counts for (series, start_s), counts in expected.items()}


def test_minus_zero_and_zero_are_one_value_whichever_came_first() -> None:
    """As numbers they are equal; what is sent does not tell the order of the lines."""
    several_runs = []
    for several in ([-0.0, 0.0, 1.0], [0.0, 1.0, -0.0]):
        loose = Loose()
        loose.add(0, 60, several)
        several_runs.append(run_of([], loose, [0])[0])
    assert [str(run.values.tolist()) for run in several_runs] == ["[0.0, 1.0]"] * 2
    assert [run.counts.tolist() for run in several_runs] == [[2, 1]] * 2


# --- As aggregates ----------------------------------------------------------------------------------------------------


def filled(aggregator: Aggregator) -> tuple[Series, Series]:
    """Keep a sheet of two series, and lines beside it that have one of them and another one."""
    first, second = (Series("App", "Latency", (("Service", name),), "Count", 60) for name in "ab")
    several = [aggregator.number(each, is_plain=True) for each in (second, first)]
    sheet = sheet_of([(60, 1)])
    fill(
        sheet,
        [(0, 60_000, [[2.0]]), (1, 60_000, [[3.0]]), (0, 120_000, [[2.0]]), (0, 60_000, [[2.0]])],
        [[n] for n in several],
    )
    aggregator.keep(sheet)
    aggregator.datapoints += 4
    return first, second


def test_columns_and_lines_read_one_by_one_become_one_aggregate() -> None:
    """A series is one, however its values came; aggregates are ordered by series and period."""
    aggregator = Aggregator()
    first, second = filled(aggregator)
    aggregator.add(event(document({"Latency": [2, 5]}, dimensions={"Service": "b"}, unit="Count", timestamp_ms=61_000)))
    gathered = aggregator.close()
    assert len(gathered) == 3
    assert list(gathered) == [
        Aggregate(first, 60, ((3.0, Tally(1.0, 1)),)),
        Aggregate(second, 60, ((2.0, Tally(3.0, 3)), (5.0, Tally(1.0, 1)))),
        Aggregate(second, 120, ((2.0, Tally(1.0, 1)),)),
    ]


def test_counts_of_lines_are_added_exactly_to_those_of_columns() -> None:
    """Fractions and statistic sets make a series one that is not kept as columns alone."""
    aggregator = Aggregator()
    first, second = filled(aggregator)
    statistic = {"Min": 1, "Max": 3, "Sum": 4, "Count": 2}
    for target in ({"Values": [2], "Counts": [0.1]}, statistic, {"Values": [2], "Counts": [0.2]}):
        line = document({"Latency": target}, dimensions={"Service": "b"}, unit="Count", timestamp_ms=60_000)
        aggregator.add(event(line))
    assert list(aggregator.close()) == [
        Aggregate(first, 60, ((3.0, Tally(1.0, 1)),)),
        Aggregate(second, 60, ((2.0, Tally(2.3, 4)),), (StatisticSet(2, 4, 1, 3),)),
        Aggregate(second, 120, ((2.0, Tally(1.0, 1)),)),
    ]


def test_what_was_gathered_is_the_same_in_another_process() -> None:
    """It is sent as a few arrays."""
    aggregator = Aggregator()
    filled(aggregator)
    gathered = aggregator.close()
    sent: Gathered = pickle.loads(pickle.dumps(gathered))
    assert list(sent) == list(gathered)
    assert len(sent) == len(gathered) == 3


@pytest.mark.parametrize(("most", "are_enough"), [(1, True), (3, True), (4, False), (100, False)])
def test_groups_are_counted_where_there_may_be_enough(most: int, are_enough: bool) -> None:
    """Three groups of four datapoints."""
    aggregator = Aggregator()
    filled(aggregator)
    assert aggregator.has_groups(most) == are_enough
    assert aggregator.groups == 3


def test_an_epoch_leaves_no_columns_behind() -> None:
    """What comes after `close` begins anew."""
    aggregator = Aggregator()
    filled(aggregator)
    aggregator.close()
    assert list(aggregator.close()) == []
    assert not aggregator.has_groups(1)
