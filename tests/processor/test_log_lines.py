"""Writes records as lines again: what must stay as it was, and the little that is changed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from metric_lines import NOW_MS, document, line

from flowemf_processor.core.conditions import Conditions
from flowemf_processor.core.parse import parse
from flowemf_processor.core.rewriting import line_text
from flowemf_processor.model import Event, Origin


def written(
    data: bytes | str | dict[str, Any], *, namespaces: tuple[str, ...] = (), wrapped_ms: int | None = None
) -> bytes:
    """Read a line and write it again."""
    given = replace(line(data), origin=Origin(wrapped_ms))
    record = parse(given, received_ms=NOW_MS, conditions=Conditions(namespaces=namespaces))
    assert isinstance(record, Event), record
    return line_text(replace(record, text=given.data))


@pytest.mark.parametrize(
    "frame",
    [
        '{"_aws":{"Timestamp":1,DIRECTIVES},"M":1.50}',
        ' { "M" : 1e0 , "\\u005faws" : {DIRECTIVES,"Timestamp":1}} ',
        '{"Version":"0","Timestamp":7,DIRECTIVES,"M":2,"note":"\\ud83d\\ude00"}',
    ],
)
def test_a_line_stays_byte_by_byte_what_it_was(frame: str) -> None:
    """Numbers keep their spelling, members their order, white space its place."""
    directives = '"CloudWatchMetrics":[{"Namespace":"N","Dimensions":[[]],"Metrics":[{"Name":"M"}]}]'
    text = frame.replace("DIRECTIVES", directives)
    assert written(text) == text.encode()


def test_a_line_of_which_something_else_is_noted_keeps_its_time() -> None:
    """It has one; that a directive names no dimensions is no reason to write it anew."""
    noted = document({"M": 1}, timestamp_ms=7)
    del noted["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    assert written(noted) == json.dumps(noted).encode()


def test_a_document_of_several_lines_becomes_one() -> None:
    """Line breaks between its members become spaces: one log event a line."""
    pretty = json.dumps(document({"M": 1}), indent=1).replace("\n", "\r\n")
    assert json.loads(written(pretty)) == document({"M": 1})
    assert not {*b"\r\n"} & {*written(pretty)}


@pytest.mark.parametrize(("wrapped_ms", "expected_ms"), [(None, NOW_MS), (NOW_MS - 5000, NOW_MS - 5000)])
def test_a_line_without_a_time_gets_one(wrapped_ms: int | None, expected_ms: int) -> None:
    """That of its wrapper, else that of reading: else CloudWatch would take the time at which it is sent."""
    before = document({"M": 1}, timestamp_ms=None)
    after = json.loads(written(before, wrapped_ms=wrapped_ms))
    assert after.pop("_aws") == {**before.pop("_aws"), "Timestamp": expected_ms}
    assert after == before


def test_a_version_0_line_without_a_time_gets_one_at_its_root() -> None:
    """There it is read."""
    before = {"Version": 0, **document({"M": 1}, timestamp_ms=None)["_aws"], "M": 1}
    assert json.loads(written(before)) == {**before, "Timestamp": NOW_MS}


def test_directives_of_other_namespaces_are_left_out() -> None:
    """CloudWatch would extract them, though nobody asked for them."""
    mixed = document({"M": 1}, namespace="Mine")
    mixed["_aws"]["CloudWatchMetrics"] += document({"M": 1}, namespace="Theirs")["_aws"]["CloudWatchMetrics"]
    assert json.loads(written(mixed, namespaces=("Mine",))) == document({"M": 1}, namespace="Mine")
