"""Shapes that are almost what they look like: each line is read as what it is, and none is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from replaying import CLOCK, Pieces, balanced
from shape_wrappers import REQUEST, TEXT, TIME, compact, emf, plain, pretty

from flowemf_processor.core.ledger import Ledger
from flowemf_processor.model import Event, Other, Record
from flowemf_processor.pipeline.guards import Guards
from flowemf_processor.pipeline.reading import SourceReader
from flowemf_schemas import limits

METRIC = json.loads(emf(3))
TAIL_HEAD = f"{TIME}+00:00 app/1 "


def read(*lines: str, form: str = "auto") -> list[Record]:
    """Read lines; the ledger must balance and count every record."""
    ledger = Ledger()
    source = Pieces.of("".join(f"{line}\n" for line in lines).encode(), 65_536)
    reader = SourceReader(source, ledger=ledger, clock=CLOCK, guards=Guards(form=form))
    records = [record for step in reader.steps() for record in step.records]
    assert balanced(ledger)["records"]["total"] == len(records)
    return records


def values(records: list[Record]) -> list[float]:
    """Give the values of the metric records."""
    return [record.measurements[0].values[0][0] for record in records if isinstance(record, Event)]


def reasons(records: list[Record]) -> list[str]:
    """List what was found."""
    return [found.reason for record in records for found in getattr(record, "findings", ())]


def of_lambda(members: str) -> str:
    """Write an object of Lambda's JSON log format with these members."""
    return f'{{"timestamp":"{TIME}.000Z","requestId":"{REQUEST}",{members}}}'


@pytest.mark.parametrize(
    "members",
    [
        f'"message":{compact(METRIC)}',
        f'"tenant":{{"message":{{"text":1}}}},"message":{compact(METRIC)}',
        f'"tenant":"the \\"message\\": {{","message" : {compact(METRIC)}',
        f'"the \\"message":{{"text":1}},"message":{compact(METRIC)}',
        f'"mess\\u0061ge":{compact(METRIC)}',
        f'"message":{compact({**METRIC, "note": "message"})},"level":"INFO"',
    ],
    ids=[
        "plain",
        "another object of that name",
        "text that looks like it",
        "a name that ends like it",
        "spelled with an escape",
        "not the last",
    ],
)
def test_an_object_that_lambda_wraps_is_found_wherever_its_name_stands(members: str) -> None:
    """The member at the root is the message, whatever else bears its name."""
    assert values(read(of_lambda(members))) == [3]


@pytest.mark.parametrize("hidden", ["", ',"tenant":{"message":{"text":1}}'])
def test_a_member_that_stands_twice_inside_a_message_is_told(hidden: str) -> None:
    """The text is taken as it was written: written anew, one of the two would have vanished."""
    twice = compact(METRIC)[:-1] + ',"A":4}'
    assert reasons(read(of_lambda(f'"message":{twice}{hidden}'))) == ["duplicate-key"]


@pytest.mark.parametrize(
    "document",
    [
        {"records": [{"data": 5}]},
        {"records": [{"data": plain(emf(1))}, {"data": None}]},
        {"records": ["data"]},
        {"records": []},
        {"Records": [{"kinesis": {"data": 5}}]},
        {"Records": [{"kinesis": plain(emf(1))}]},
        {"awslogs": {"data": 5}},
        {"messageType": "DATA_MESSAGE", "logEvents": [{"message": 5}]},
    ],
)
def test_what_only_looks_like_a_delivery_is_an_ordinary_line(document: dict[str, Any]) -> None:
    """Records without their data are of some other program."""
    records = read(compact(document), emf(3))
    assert [type(each) for each in records] == [Other, Event]


def test_a_head_of_tail_without_its_json_gives_the_lines_back() -> None:
    """Time and stream stand alone on a line; what follows is no opening bracket, and is read as what it is."""
    records = read(TAIL_HEAD, emf(3), TAIL_HEAD, TEXT)
    assert values(records) == [3]
    assert len(records) == 4


@pytest.mark.parametrize("over", [False, True])
def test_a_document_over_many_lines_may_be_as_large_as_a_wrapper(over: bool) -> None:
    """Bytes of its lines and what is needed to hold each of them count; behind it reading goes on."""
    held = sum(len(line) + 200 for line in pretty({"awslogs": {"data": plain(emf(1))}}))
    room = limits.WRAPPER_BYTES - held
    note = {f"n{number:06}": "" for number in range((room - 50_000) // 220 + 1000 * over)}
    records = read(*pretty({"awslogs": {"data": plain(emf(1))}, **note}), emf(2))
    assert (reasons(records), values(records)) == ((["wrapper-too-large"], [2.0]) if over else ([], [1.0, 2.0]))


def test_a_line_that_was_cut_inside_a_document_makes_the_document_too_large() -> None:
    """What is missing of it nobody can open; the lines are held no longer."""
    begun = pretty({"awslogs": {"note": "x" * (limits.WRAPPER_BYTES + 1000), "data": plain(emf(1))}})
    records = read(*begun, emf(2))
    assert (reasons(records), values(records)) == (["wrapper-too-large"], [2])


def test_a_line_that_was_cut_and_has_no_wrapper_is_an_ordinary_one() -> None:
    """Even where a format is named: nothing about it says metric."""
    records = read("x" * (limits.WRAPPER_BYTES + 1000), f"{TIME}.000Z {emf(2)}", form="s3-export")
    assert [type(each) for each in records] == [Other, Event]
