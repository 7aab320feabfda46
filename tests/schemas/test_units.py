"""Compares the units with botocore's list, and tries the suggestions for spellings of other systems."""

from __future__ import annotations

import botocore.loaders
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowemf_schemas import units


def test_the_units_are_those_of_the_service_model() -> None:
    """None is missing, none is our own, and none stands twice."""
    model = botocore.loaders.Loader().load_service_model("cloudwatch", "service-2")
    assert set(units.UNITS) == set(model["shapes"]["StandardUnit"]["enum"])
    assert len(set(units.UNITS)) == len(units.UNITS)


@pytest.mark.parametrize("unit", units.UNITS)
def test_a_known_unit_in_any_case_is_itself(unit: str) -> None:
    """Only the case or the white space around it is at fault."""
    for spelling in (unit, unit.lower(), unit.upper(), f" {unit}\n"):
        assert units.suggest(spelling) == unit


@pytest.mark.parametrize(
    ("spelling", "meant"),
    [
        ("ms", "Milliseconds"),
        ("MSEC", "Milliseconds"),
        ("Milisecond", "Milliseconds"),
        ("s", "Seconds"),
        ("second", "Seconds"),
        ("us", "Microseconds"),
        ("\u00b5s", "Microseconds"),  # the micro sign
        ("\u03bcs", "Microseconds"),  # the Greek letter
        ("By", "Bytes"),
        ("kB", "Kilobytes"),
        ("By/s", "Bytes/Second"),
        ("bytes/sec", "Bytes/Second"),
        ("count/s", "Count/Second"),
        ("1", "Count"),
        ("{token}", "Count"),
        ("%", "Percent"),
        ("percentage", "Percent"),
        ("", "None"),
    ],
)
def test_what_was_probably_meant_is_suggested(spelling: str, meant: str) -> None:
    """Abbreviations of UCUM, OpenTelemetry and Prometheus, and slips of the pen."""
    assert units.suggest(spelling) == meant


@pytest.mark.parametrize("spelling", ["furlongs", "ns", "EUR", "min", "x" * 2_000_000, "\ud800", "\x00"])
def test_where_nothing_is_near_nothing_is_suggested(spelling: str) -> None:
    """A wrong suggestion is worse than none: a nanosecond is no second."""
    assert units.suggest(spelling) is None


@given(spelling=st.text(max_size=80))
@settings(max_examples=100)
def test_a_suggestion_is_always_a_known_unit(spelling: str) -> None:
    """Whatever was written, what is suggested can be written."""
    assert units.suggest(spelling) in {*units.UNITS, None}
