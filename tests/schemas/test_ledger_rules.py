"""Tries the rules about ledgers: the shape, and the sums that must balance.

Ledgers go in; sentences come out, none for a ledger that balances.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
from emf_documents import json_values
from hypothesis import given, settings
from hypothesis import strategies as st

from flowemf_schemas.ledger_rules import examine_ledger

LEDGER: dict[str, Any] = {
    "schema_version": 1,
    "lines": 12,
    "records": {"total": 10, "metric": 4, "other": 3, "rejected": 1, "duplicate": 1, "incomplete": 1},
    "values": 8,
    "duplicate_window": 100_000,
    "reasons": {"not-json": 1},
    "sources": [{"name": "app.log", "lines": 12, "read_bytes": 900, "already_accepted_bytes": 0}],
    "destinations": [
        {
            "name": "metrics",
            "datapoints": {
                "extracted": 24,
                "resumed": 4,
                "accepted": 16,
                "refused": 5,
                "pending": 2,
                "ambiguous": 1,
            },
            "requests": {"planned": 3, "accepted": 1, "refused": 1, "pending": 0, "ambiguous": 1},
            "reasons": {"too-old": 5, "timeout": 1, "throttled": 2},
        }
    ],
}
COUNTERS = [
    ("records", "total"),
    ("records", "metric"),
    ("records", "other"),
    ("records", "rejected"),
    ("records", "duplicate"),
    ("records", "incomplete"),
    ("destinations", 0, "datapoints", "extracted"),
    ("destinations", 0, "datapoints", "accepted"),
    ("destinations", 0, "datapoints", "refused"),
    ("destinations", 0, "datapoints", "pending"),
    ("destinations", 0, "datapoints", "ambiguous"),
    ("destinations", 0, "requests", "planned"),
    ("destinations", 0, "requests", "accepted"),
    ("destinations", 0, "requests", "pending"),
]


def put(path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """Give a copy of the ledger with another value at a path; an ellipsis removes the member."""
    ledger = copy.deepcopy(LEDGER)
    container: Any = ledger
    for step in path[:-1]:
        container = container[step]
    if value is ...:
        del container[path[-1]]
    else:
        container[path[-1]] = value
    return ledger


def test_a_ledger_that_balances_is_fine() -> None:
    """With every kind of record and every state; and with no destination, as `check` has it."""
    assert examine_ledger(LEDGER) == []
    assert examine_ledger(LEDGER | {"destinations": []}) == []


@pytest.mark.parametrize("path", COUNTERS, ids=[".".join(map(str, path)) for path in COUNTERS])
@pytest.mark.parametrize("step", [1, 1000])
def test_a_single_wrong_count_is_noticed(path: tuple[str | int, ...], step: int) -> None:
    """Every counter takes part in a sum, so that none can be forgotten unseen."""
    current: Any = LEDGER
    for member in path:
        current = current[member]
    (problem,) = examine_ledger(put(path, current + step))
    assert "do not balance" in problem


@pytest.mark.parametrize(("kept", "not_kept", "is_enough"), [(1, 0, True), (0, 1, True), (3, 0, True), (0, 0, False)])
def test_each_rejected_record_was_kept_or_could_not_be(kept: int, not_kept: int, is_enough: bool) -> None:
    """One is rejected here; records of which a part was not used are kept beside it."""
    problems = examine_ledger(LEDGER | {"rejects": {"name": "bad.log", "kept": kept, "not_kept": not_kept}})
    assert ["rejected records are more than" in problem for problem in problems] == ([] if is_enough else [True])


WRONG_SHAPES: list[tuple[tuple[str | int, ...], Any]] = [
    (("schema_version",), 2),
    (("schema_version",), ...),
    (("lines",), -1),
    (("lines",), 1.5),
    (("lines",), True),
    (("records",), ...),
    (("records", "incomplete"), ...),
    (("records", "metric"), "4"),
    (("records", "lost"), 1),
    (("reasons", "not-json"), 0),
    (("sources", 0, "name"), ...),
    (("sources", 0, "extra"), 1),
    (("destinations",), {}),
    (("destinations", 0, "name"), None),
    (("destinations", 0, "datapoints", "pending"), ...),
    (("destinations", 0, "datapoints", "lost"), 1),
    (("destinations", 0, "requests", "lost"), 1),
    (("extra",), 1),
]


@pytest.mark.parametrize(("path", "value"), WRONG_SHAPES)
def test_a_ledger_of_another_shape_is_refused(path: tuple[str | int, ...], value: Any) -> None:
    """Nothing is missing, nothing is beside the sums, and every count is a whole number."""
    assert examine_ledger(put(path, value))


@given(ledger=json_values().filter(lambda value: isinstance(value, dict)), member=st.sampled_from(sorted(LEDGER)))
@settings(max_examples=100)
def test_any_json_object_can_be_examined(ledger: dict[str, Any], member: str) -> None:
    """What is no ledger at all is told so, without an exception."""
    assert examine_ledger(ledger)
    assert isinstance(examine_ledger(LEDGER | {member: ledger}), list)
