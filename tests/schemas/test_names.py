"""Holds the spellings apart: no two constants of one kind are alike, and lists are complete."""

from __future__ import annotations

from flowemf_schemas import names

CONSTANTS = {name: value for name, value in vars(names).items() if name.isupper()}
SPELLINGS = {name: value for name, value in CONSTANTS.items() if isinstance(value, str)}
LISTS = {name: value for name, value in CONSTANTS.items() if isinstance(value, tuple)}
EVENTS = {value for name, value in SPELLINGS.items() if name.startswith("EVENT_")}
# Members that mean another thing in another place: a statistic set's Count is neither a unit nor a metric.
TARGET_MEMBERS = {names.VALUES, names.COUNTS, names.MIN, names.MAX, names.SUM, names.COUNT}
FORMAT_MEMBERS = {
    names.AWS,
    names.TIMESTAMP,
    names.LOG_GROUP_NAME,
    names.CLOUDWATCH_METRICS,
    names.NAMESPACE,
    names.DIMENSIONS,
    names.METRICS,
    names.NAME,
    names.UNIT,
    names.STORAGE_RESOLUTION,
    names.VERSION,
}
REJECTS_MEMBERS = {
    names.REJECTS,
    names.REJECTS_LINE,
    names.REJECTS_LINE_BASE64,
    names.REJECTS_RECEIVED_MS,
    names.REJECTS_EVENT_ID,
}
STATES = {names.STATUS_SUCCESS, names.STATUS_ERROR, names.STATUS_CANCELLED}


def test_no_two_constants_share_a_spelling() -> None:
    """Two names for one spelling are one name too many."""
    assert len(set(SPELLINGS.values())) == len(SPELLINGS)


def test_no_list_names_anything_twice() -> None:
    """Lists are used as sets and as orders of columns."""
    assert {name for name, members in LISTS.items() if len(set(members)) < len(members)} == set()


def test_every_spelling_belongs_to_a_list_or_a_kind() -> None:
    """A constant that no list knows would be forgotten by whoever walks through the lists."""
    listed = {member for members in LISTS.values() for member in members}
    assert set(SPELLINGS.values()) == listed | EVENTS | TARGET_MEMBERS | FORMAT_MEMBERS | REJECTS_MEMBERS | STATES


def test_what_stands_at_the_root_together_never_collides() -> None:
    """Metrics, dimensions, properties and the metadata share one object, so that no one may overwrite another."""
    kinds = (
        [names.AWS],
        names.FLOW_METRICS,
        names.GENERATION_METRICS,
        names.DELIVERY_METRICS,
        names.BUILT_IN_DIMENSIONS,
        names.PROPERTIES,
    )
    together = [member for kind in kinds for member in kind]
    assert len(set(together)) == len(together)


def test_the_names_differ_by_more_than_case() -> None:
    """DuckDB's columns do not tell upper case from lower case."""
    columns = [*names.FLOW_METRICS, *names.GENERATION_METRICS, *names.BUILT_IN_DIMENSIONS]
    assert len({name.casefold() for name in columns}) == len(columns)


def test_the_names_are_ones_that_both_roads_take() -> None:
    """ASCII letters and underscores: nothing to quote, encode or escape."""
    for name in (*names.FLOW_METRICS, *names.GENERATION_METRICS, *names.BUILT_IN_DIMENSIONS, *names.PROPERTIES):
        assert name.isascii()
        assert name.isidentifier()
