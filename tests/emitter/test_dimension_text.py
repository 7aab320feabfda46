"""Dimension keys and values as both CloudWatch roads take them."""

from __future__ import annotations

import enum
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowemf import Monitor
from flowemf._encoding.text import CHANGES, dimension_key, dimension_value

TEXT = st.text(max_size=60)
# Control characters are removed; everything else can be read back.
READABLE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=60).filter(str.strip)


class Kind(str, enum.Enum):
    FAST = "fast"


class Level(enum.IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    ("value", "expected", "changes"),
    [
        ("chat", "chat", ()),
        ("two words", "two words", ()),
        ("", "unknown", ("dimension_empty",)),
        ("   ", "unknown", ("dimension_empty",)),
        ("\n\t", "unknown", ("dimension_control_characters", "dimension_empty")),
        ("a\nb\x7f", "ab", ("dimension_control_characters",)),
        ("café", "caf%C3%A9", ("dimension_percent_encoded",)),
        ("50%", "50%", ()),
        ("50%25", "50%2525", ("dimension_percent_encoded",)),
        ("100% é", "100% %C3%A9", ("dimension_percent_encoded",)),
        (3, "3", ()),
        (True, "true", ()),
        (Kind.FAST, "fast", ()),
        (Level.HIGH, "3", ()),
        (2**64, "unknown", ("dimension_not_text",)),
        (None, "unknown", ("dimension_not_text",)),
        (1.5, "unknown", ("dimension_not_text",)),
        (["a"], "unknown", ("dimension_not_text",)),
        ("x" * 1024, "x" * 1024, ()),
    ],
)
def test_a_dimension_value_is_made_fit(value: object, expected: str, changes: tuple[str, ...]) -> None:
    """Printable ASCII stays as it is; what is changed is named."""
    assert dimension_value(value) == (expected, changes)
    assert set(changes) <= set(CHANGES)


def test_a_long_value_is_shortened_and_stays_distinct() -> None:
    """Two values that differ only beyond the limit stay two; no escape is cut in half."""
    first, changes = dimension_value("x" * 1024 + "a")
    second, _ = dimension_value("x" * 1024 + "b")
    assert len(first) == len(second) == 1024
    assert first != second
    assert changes == ("dimension_shortened",)
    for shift in range(4):
        encoded, _ = dimension_value("x" * shift + "é" * 600)
        assert len(encoded) <= 1024
        assert unquote(encoded.partition("~")[0]).strip("x") == "é" * unquote(encoded).count("é")


@given(READABLE)
@example("%41")
@example("%%41%")
@example("%4é1")
def test_percent_encoding_can_be_read_back(text: str) -> None:
    """`urllib.parse.unquote` gives the text, whatever percent signs it held."""
    assert unquote(dimension_value(text)[0]) == text


@given(READABLE, READABLE)
def test_different_values_stay_different(first: str, second: str) -> None:
    """No two series melt into one."""
    assert (dimension_value(first)[0] == dimension_value(second)[0]) == (first == second)


@given(st.one_of(TEXT, st.integers(), st.none(), st.floats(), st.binary()))
def test_any_value_becomes_printable_ascii_of_bounded_length(value: object) -> None:
    """Empty or blank is never the result."""
    text, _ = dimension_value(value)
    assert text.isascii()
    assert text.isprintable()
    assert text.strip()
    assert len(text) <= 1024


@pytest.mark.parametrize(
    ("key", "expected", "changes"),
    [
        ("Tenant", "Tenant", ()),
        ("a b", "a b", ()),
        (" Tenant ", "Tenant", ("dimension_control_characters",)),
        ("é", "%C3%A9", ("dimension_percent_encoded",)),
        (":a", "%3Aa", ("dimension_percent_encoded",)),
        ("\x00:a", "%3Aa", ("dimension_control_characters", "dimension_percent_encoded")),
    ],
)
def test_a_dimension_key_is_made_fit(key: str, expected: str, changes: tuple[str, ...]) -> None:
    """It begins with no white space and no colon; what is changed is named."""
    assert dimension_key(key) == (expected, changes)


@pytest.mark.parametrize("make", [dimension_key, dimension_value])
def test_control_characters_are_removed_and_their_neighbours_kept(make: Any) -> None:
    """Each of them, and none that only stands beside them in the tables: blanks, tildes, no-break spaces."""
    for number in [*range(0x180), 0x2027, 0x2028, 0x2029, 0x202A]:
        fixed, _ = make(f"a{chr(number)}b")
        removed = number < 32 or 127 <= number < 160 or number in (0x2028, 0x2029)
        assert unquote(fixed) == ("ab" if removed else f"a{chr(number)}b"), hex(number)


@given(st.text(max_size=400))
def test_any_key_becomes_one_that_cloudwatch_takes(key: str) -> None:
    """Printable ASCII, 1 to 250 characters, no leading white space or colon."""
    fixed, _ = dimension_key(key)
    assert 1 <= len(fixed) <= 250
    assert fixed.isascii()
    assert fixed.isprintable()
    assert fixed[0] not in " :"


def test_every_changed_dimension_is_counted_with_each_event(
    monitor: Monitor, captured: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counted each time, said once; the cache does not hide the second one."""
    for _ in range(3):
        monitor.on_flow_start("café")
        monitor.on_flow_start("")
        monitor.on_flow_start(None)  # type: ignore[arg-type]
    assert [document["FlowName"] for document in captured.documents[:3]] == ["caf%C3%A9", "unknown", "unknown"]
    assert monitor.stats() == {
        "lines_written": 9,
        "dimension_percent_encoded": 3,
        "dimension_empty": 3,
        "dimension_not_text": 3,
    }
    assert capsys.readouterr().err.count("\n") == 3


def test_a_long_key_is_as_long_as_it_may_be() -> None:
    """250 characters, with the room that an encoded colon takes."""
    assert len(dimension_key(":" + "k" * 300)[0]) == 250
