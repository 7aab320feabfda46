"""Whatever stands in the records of an event: handlers answer, and their ledgers balance."""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
from typing import Any

from handler_services import data_message, emf, kinesis_event
from hypothesis import example, given, settings
from hypothesis import strategies as st
from metric_lines import document

from flowemf_processor import handlers
from flowemf_processor.core.metric_batches import plan
from flowemf_processor.core.parse import parse
from flowemf_processor.core.portions import Portions, shares_of
from flowemf_processor.model import Event, Line, Origin, Position
from flowemf_schemas.ledger_rules import examine_ledger
from flowemf_schemas.rules import examine

SOUND = data_message([emf({"A": 1}), "text"])

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
messages = st.fixed_dictionaries(
    {"messageType": st.sampled_from(["DATA_MESSAGE", "CONTROL_MESSAGE", "?", 7])},
    optional={
        "logGroup": json_values,
        "logStream": json_values,
        "logEvents": json_values
        | st.lists(
            st.fixed_dictionaries(
                {},
                optional={"id": json_values, "timestamp": json_values, "message": st.just(emf({"A": 1})) | json_values},
            ),
            max_size=3,
        ),
    },
).map(lambda message: gzip.compress(json.dumps(message).encode(), mtime=0))
damaged = st.tuples(st.integers(0, len(SOUND)), st.binary(max_size=4)).map(
    lambda cut: SOUND[: cut[0]] + cut[1] + SOUND[cut[0] + len(cut[1]) :]
)
payloads = st.binary(max_size=30) | messages | damaged | st.just(SOUND)
data = payloads.map(lambda payload: base64.b64encode(payload).decode()) | st.text(max_size=8)


def answered(handler: Any, event: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Call a handler with its default settings; give its answer and its line."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        answer = handler(event, None)
    [line] = output.getvalue().splitlines()
    report: dict[str, Any] = json.loads(line)
    assert (examine(report), examine_ledger(report["ledger"])) == ([], [])
    return answer, report


@given(
    st.lists(
        json_values
        | st.fixed_dictionaries(
            {
                "kinesis": st.fixed_dictionaries(
                    {"data": data | json_values}, optional={"approximateArrivalTimestamp": json_values}
                )
            },
            optional={"eventID": json_values, "eventSourceARN": json_values},
        ),
        max_size=4,
    )
)
@example([kinesis_event([b""], age_seconds=age)["Records"][0] for age in (5, 1e100)])
@settings(max_examples=150)
def test_whatever_a_stream_holds_no_record_keeps_it_waiting(records: list[Any]) -> None:
    """What cannot be read is rejected or ordinary log; nothing is raised and nothing comes again."""
    answer, report = answered(handlers.kinesis, {"Records": records})
    assert answer == {"batchItemFailures": []}
    assert report["ledger"]["lines"] == len(records)


@given(
    st.lists(
        json_values
        | st.fixed_dictionaries(
            {"recordId": st.text(max_size=3), "data": data | json_values},
            optional={"approximateArrivalTimestamp": json_values},
        ),
        max_size=4,
    )
)
@settings(max_examples=150)
def test_whatever_goes_through_firehose_each_record_has_an_answer(records: list[Any]) -> None:
    """In the order of the records, with data that can be read where the result is Ok."""
    answer, _ = answered(handlers.firehose, {"records": records})
    ids = [record.get("recordId") if isinstance(record, dict) else None for record in records]
    assert [each["recordId"] for each in answer["records"]] == ids
    for each in answer["records"]:
        assert each["result"] in ("Ok", "Dropped", "ProcessingFailed")
        assert ("data" in each) == (each["result"] == "Ok")
        base64.b64decode(each.get("data", ""), validate=True)


def test_a_sound_record_among_any_others_is_read() -> None:
    """The same bytes as in the properties above, so that those say something."""
    _, report = answered(handlers.kinesis, kinesis_event([SOUND, b"?"]))
    assert report["ledger"]["records"]["metric"] == 1


# --- Portions ---------------------------------------------------------------------------------------------------------

numbers = st.lists(st.integers(0, 9), min_size=1, max_size=4)
shapes = st.lists(st.tuples(st.lists(st.sampled_from("XYZ"), min_size=1, max_size=3, unique=True), numbers), max_size=8)


def event_of(number: int, namespaces: list[str], values: list[int]) -> Event:
    """Read an event with an id."""
    one = document({"A": values})
    [directive] = one["_aws"]["CloudWatchMetrics"]
    one["_aws"]["CloudWatchMetrics"] = [{**directive, "Namespace": each} for each in namespaces]
    text = json.dumps(one).encode()
    line = Line(Position("a", number, 0), text, len(text), terminated=True, origin=Origin(event_id=f"id-{number}"))
    event = parse(line, received_ms=0)
    assert isinstance(event, Event)
    return event


@given(shapes)
def test_portions_hold_every_number_once_under_its_key(events: list[tuple[list[str], list[int]]]) -> None:
    """Each portion is of one namespace and knows the events and records that it settles."""
    portions = Portions()
    for number, (namespaces, values) in enumerate(events, start=1):
        for share in shares_of(event_of(number, namespaces, values)):
            portions.add(share)
    seen: list[str] = []
    datapoints = 0
    for portion in portions:
        [namespace] = {key.rpartition("/")[2] for key in portion.keys}
        assert {f"id-{record}/{namespace}" for record in portion.records} == set(portion.keys)
        seen += portion.keys
        datapoints += portion.aggregator.datapoints
        assert {each.series.namespace for each in portion.aggregator.close()} == {namespace}
    expected = [f"id-{n}/{each}" for n, (namespaces, _) in enumerate(events, start=1) for each in namespaces]
    assert sorted(seen) == sorted(expected)
    assert datapoints == sum(len(namespaces) * len(values) for namespaces, values in events)


def test_a_portion_fits_into_one_request() -> None:
    """Thousands of events with a series each: every portion, closed and planned, is a single batch."""
    portions = Portions()
    for number in range(3000):
        one = document({"A": [number, 0.5]}, dimensions={"User": f"user-{number:06}", "Region": "eu-central-1"})
        text = json.dumps(one).encode()
        event = parse(Line(Position("a", number, 0), text, len(text), terminated=True), received_ms=0)
        assert isinstance(event, Event)
        for share in shares_of(event):
            portions.add(share)
    sizes = [len(list(plan(portion.aggregator.close()))) for portion in portions]
    assert sizes == [1, 1, 1, 1]
