"""Which dimension sets a metric is published under."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowemf._encoding.shapes import ROLLUPS, Row, dimension_sets, directives

FLOW = ("FlowName",)
STATUS = ("FlowName", "Status")
ERROR = ("FlowName", "Status", "ErrorType")
KEYS = st.lists(st.sampled_from([f"Own{index}" for index in range(8)] + list(ERROR)), unique=True, max_size=6)


@pytest.mark.parametrize(
    ("rollups", "custom", "own", "expected"),
    [
        ("none", (), FLOW, [FLOW]),
        ("none", ("Team",), ERROR, [("Team", *ERROR)]),
        ("none", ("Team",), (), [("Team",)]),
        ("none", (), (), [()]),
        ("standard", (), FLOW, [FLOW, ()]),
        ("standard", ("Team",), FLOW, [("Team", "FlowName"), FLOW, ()]),
        ("standard", (), STATUS, [STATUS, FLOW, ()]),
        ("standard", (), ERROR, [ERROR, FLOW, ("ErrorType",), ()]),
        ("standard", ("Team",), ("ModelID",), [("Team", "ModelID"), ("ModelID",), ()]),
        ("standard", (), ("ModelID", "ErrorType"), [("ModelID", "ErrorType"), ("ModelID",), ("ErrorType",), ()]),
        ("standard", ("Team",), ("Index", "Kind"), [("Team", "Index", "Kind"), ()]),
        ("standard", ("Team",), (), [("Team",), ()]),
        ("standard", (), (), [()]),
        ("all", ("Team",), STATUS, [("Team", *STATUS), STATUS, FLOW, ("Status",), ()]),
        ("all", (), ("A", "B", "C", "D", "E"), [tuple("ABCDE"), ("A",), ("B",), ("C",), ("D",), ("E",), ()]),
    ],
)
def test_the_dimension_sets_are_those_of_the_table(
    rollups: str, custom: tuple[str, ...], own: tuple[str, ...], expected: list[tuple[str, ...]]
) -> None:
    """The full set comes first; roll-ups never contain a custom dimension."""
    assert list(dimension_sets(custom, own, rollups)) == expected


def test_all_means_every_subset_of_the_own_dimensions() -> None:
    """Three dimensions give eight sets, beside the one with the custom dimensions."""
    found = {frozenset(each) for each in dimension_sets(("Team",), ERROR, "all")}
    subsets = {frozenset(chosen) for size in range(4) for chosen in combinations(ERROR, size)}
    assert found == subsets | {frozenset(("Team", *ERROR))}


@given(own=KEYS, custom=st.lists(st.sampled_from(["Team", "Env"]), unique=True), rollups=st.sampled_from(ROLLUPS))
def test_no_two_sets_are_equal_and_none_is_too_large(own: list[str], custom: list[str], rollups: str) -> None:
    """Sets are compared as sets, since CloudWatch ignores their order."""
    found = dimension_sets(tuple(custom), tuple(own), rollups)
    assert len({frozenset(each) for each in found}) == len(found)
    assert set(found[0]) == {*custom, *own}
    assert all(set(each) <= set(own) for each in found[1:])
    assert len(found) <= 17


def test_metrics_with_the_same_dimensions_share_a_directive() -> None:
    """The order of the metrics is kept within and between directives."""
    rows = [Row("A", "Count", 60, FLOW), Row("B", "Count", 60, STATUS), Row("C", "Count", 60, FLOW)]
    found = directives(rows, (), "none")
    assert [[row.metric for row in directive.rows] for directive in found] == [["A", "C"], ["B"]]
