"""Lines of any size: properties are cut, numbers never."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from metric_lines import merged, points_of

import flowemf
from flowemf import Monitor
from flowemf._encoding.document import members_of, with_fitting
from flowemf._encoding.shapes import ROLLUPS
from flowemf_schemas import limits

SMALLEST = 4096


def test_the_properties_added_last_are_cut_first_and_the_line_says_how_many(
    make_monitor: Callable[..., Monitor], captured: Any
) -> None:
    """What was bound early is what a program relies on."""
    monitor = make_monitor(max_line_bytes=SMALLEST)
    monitor.bind(first="x" * 1000, second="x" * 1000, third="x" * 3000, fourth="short")
    with monitor.flow("chat"):
        pass
    for document in captured.documents:
        assert {"first", "second", "flow_id"} <= document.keys()
        assert document.keys().isdisjoint({"third", "fourth"})
        assert document["properties_cut"] == 2
    assert max(map(len, captured.lines)) <= SMALLEST
    assert monitor.stats() == {"lines_written": 2, "properties_too_large": 4}


def test_a_line_at_the_limit_is_whole_and_one_byte_more_is_cut(
    make_monitor: Callable[..., Monitor], captured: Any
) -> None:
    """The newline counts."""
    monitor = make_monitor(max_line_bytes=SMALLEST)
    monitor.metric("Depth", 3)
    room = SMALLEST - len(captured.lines[0]) - len(',"p":""')
    for length in (room, room + 1):
        monitor.bind(p="x" * length)
        monitor.metric("Depth", 3)
    assert len(captured.lines[1]) == SMALLEST
    assert "properties_cut" not in captured.documents[1]
    assert ("p" in captured.last, captured.last["properties_cut"]) == (False, 1)


def test_the_default_is_what_a_log_event_holds(make_monitor: Callable[..., Monitor], captured: Any) -> None:
    """1 MB; each property is bounded by itself."""
    monitor = make_monitor()
    monitor.bind(**{f"p{index}": "x" * 8000 for index in range(200)})
    monitor.metric("Depth", 3)
    assert limits.EVENT_BYTES - 8100 < len(captured.lines[0]) <= limits.EVENT_BYTES
    assert captured.last["properties_cut"] == 200 - sum(name.startswith("p") for name in captured.last) + 1


def test_many_values_are_divided_where_a_line_has_no_room_for_them(
    make_monitor: Callable[..., Monitor], captured: Any
) -> None:
    """A hundred long numbers take more than 2 KB for each of a generation's metrics."""
    monitor = make_monitor(max_line_bytes=SMALLEST, metric_buffer_size=1000)
    values = [1e-9 + index / 7 for index in range(300)]
    for value in values:
        monitor.on_generate("nova", duration_ms=value, time_to_first_token_ms=value / 3)
    flowemf.flush()
    assert max(map(len, captured.lines)) <= SMALLEST
    documents = captured.documents
    assert {document["event"] for document in documents} == {"generation"}
    durations = [number for document in documents for number in listed(document["GenerationDuration"])]
    assert sorted(durations) == sorted(values)


def test_metrics_are_divided_where_their_dimensions_leave_no_room(
    captured_class: Any, clock_class: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is left of a flow is no flow's end any more: each piece is a line of metrics, and no set is missing."""
    found = []
    for longest in (limits.EVENT_BYTES, SMALLEST):
        captured = captured_class()
        custom = {"Team": "x" * 1000, "Environment": "y" * 550}
        monitor = Monitor(
            "App", sink=captured, clock=clock_class(), max_line_bytes=int(longest), custom_dimensions=custom
        )
        monitor.on_flow_error('"' * 1024, 12.5, "boom")
        found.append(captured)
    whole, divided = found
    assert len(whole.lines) == 1
    assert len(divided.lines) > 1
    assert max(map(len, divided.lines)) <= SMALLEST
    assert {document["event"] for document in divided.documents} == {"metric"}
    assert merged(points_of(divided.documents)) == merged(points_of(whole.documents))
    assert capsys.readouterr().err == ""


def test_a_number_whose_dimensions_alone_are_too_long_is_counted(
    make_monitor: Callable[..., Monitor], captured: Any
) -> None:
    """Its other sets are written; nothing is lost in silence."""
    monitor = make_monitor(max_line_bytes=SMALLEST)
    monitor.metric("Depth", 3, dimensions={f"D{index}": "x" * 1000 for index in range(5)})
    assert [document["_aws"]["CloudWatchMetrics"][0]["Dimensions"] for document in captured.documents] == [[[]]]
    assert captured.last["Depth"] == 3
    assert monitor.stats() == {"lines_written": 1, "line_too_large": 1}


def test_the_log_group_has_its_room(captured: Any) -> None:
    """It joins the line last, and the limit holds for the whole."""
    group = "/shop/" + "x" * 400
    monitor = Monitor("App/Test", sink=captured, log_group=group, max_line_bytes=SMALLEST)
    monitor.bind(**{f"p{index}": "x" * 50 for index in range(100)})
    monitor.metric("Depth", 3)
    assert SMALLEST - 70 < len(captured.lines[0]) <= SMALLEST


def test_fields_and_their_log_events_keep_to_the_limit(make_monitor: Callable[..., Monitor], captured: Any) -> None:
    """More than one document holds is written at once, in lines that are short enough."""
    monitor = make_monitor(max_line_bytes=SMALLEST)
    metrics = {f"M{index}": [float(index) + each / 7 for each in range(130)] for index in range(120)}
    first = monitor.fields(metrics, {"Route": "chat"})
    bulk = monitor.lines.in_bulk()
    bulk.write(bulk.encoded(first["_aws"].part, first["_aws"].timestamp_ms, {}))
    assert max(map(len, captured.lines)) <= SMALLEST
    values: dict[str, list[float]] = {}
    for line in captured.lines:
        document = flowemf_document(line)
        for name in metrics.keys() & document.keys():
            values.setdefault(name, []).extend(listed(document[name]))
    assert {name: sorted(found) for name, found in values.items()} == {n: sorted(v) for n, v in metrics.items()}


def flowemf_document(line: bytes) -> dict[str, Any]:
    import json

    document: dict[str, Any] = json.loads(line)
    return document


# --- Any size

TEXTS = st.text(st.sampled_from('a"\\ \u00e9\U0001f600'), max_size=1100)


CASES = st.fixed_dictionaries(
    {
        "most": st.integers(SMALLEST, 20_000),
        "name": TEXTS,
        "error_type": st.sampled_from(["Timeout", "E" * 255]),
        "values": st.lists(st.floats(2.0**-360, 2.0**360), min_size=1, max_size=30),
        "properties": st.dictionaries(st.sampled_from("abcdef"), TEXTS, max_size=6),
        "metric_buffer_size": st.sampled_from([1, 10_000]),
        "rollups": st.sampled_from(ROLLUPS),
        "sample_rate": st.sampled_from([1, 1e-6]),
        "custom": st.sampled_from([0, 10, 600]),
    }
)
EXTREME = {"most": 4096, "name": '"' * 1024, "error_type": "E" * 255, "values": [1.5, 0.1], "properties": {"a": "x"}}


@settings(max_examples=60)
@given(case=CASES)
@example({**EXTREME, "metric_buffer_size": 1, "rollups": "all", "sample_rate": 1, "custom": 600})
@example({**EXTREME, "metric_buffer_size": 10, "rollups": "all", "sample_rate": 0.1, "custom": 600})
def test_no_line_is_longer_and_no_number_is_missing(
    captured_class: Any, clock_class: Any, case: dict[str, Any]
) -> None:
    """The same points as with lines as long as may be, whatever is divided."""
    most, name = case["most"], case["name"]
    found = []
    for longest in (limits.EVENT_BYTES, most):
        captured = captured_class()
        monitor = Monitor(
            "App/Test",
            sink=captured,
            clock=clock_class(),
            max_line_bytes=int(longest),
            error_types=lambda error: case["error_type"],
            custom_dimensions={key: "x" * case["custom"] for key in ("Team", "Env") if case["custom"]},
            **{name: case[name] for name in ("metric_buffer_size", "rollups", "sample_rate")},
        )
        if monitor.lines._writer._sampler is not None:
            monitor.lines._writer._sampler._draw = lambda: 0.0
        monitor.bind(**case["properties"])
        for value in case["values"]:
            monitor.on_flow_end(name, value)
            monitor.on_flow_error(name, value, "boom")
            monitor.on_generate(name, duration_ms=value, input_tokens=3, time_to_first_token_ms=value)
            monitor.metric("Depth", value, dimensions={"Index": name})
        flowemf.flush()
        monitor.unbind()
        assert max(map(len, captured.lines)) <= longest
        assert set(monitor.stats()).isdisjoint({"internal_error", "line_too_large"})
        found.append(merged(points_of(captured.documents)))
    assert found[0] == found[1]


@given(
    properties=st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=8),
    room=st.integers(-10, 400),
)
def test_what_fits_is_a_beginning_of_what_there_is(properties: dict[str, str], room: int) -> None:
    """Cut from the end, with the number of what was cut; never longer than the room."""
    members = {name: f',"{index}":"{value}"'.encode() for index, (name, value) in enumerate(properties.items())}
    text, cut = with_fitting(members, room)
    if text is None:
        assert room < len(b"".join(members.values()))
        return
    assert len(text) <= room
    kept = [name for name in members if name not in cut and name != "properties_cut"]
    said = f',"properties_cut":{len(cut)}'.encode() if cut else b""
    assert text == b"".join(members[name] for name in kept) + said
    assert list(members)[: len(kept)] == kept


@given(
    st.dictionaries(
        st.text(max_size=10),
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=10)
        | st.lists(st.text(max_size=3), max_size=2),
        max_size=5,
    )
)
def test_encoded_properties_come_apart_as_they_were(monitor_class: Any, properties: dict[str, Any]) -> None:
    """Byte for byte: what is kept of a line is what would have stood there."""
    bulk = monitor_class("App", sink=print).lines.in_bulk()
    members = bulk.properties(properties, ())
    assert members_of(b"".join(members.values()).decode("ascii")) == members


@pytest.fixture(scope="module")
def monitor_class() -> type[Monitor]:
    return Monitor


def listed(target: Any) -> list[Any]:
    return target if isinstance(target, list) else [target]


def test_a_hundred_and_one_metrics_are_two_documents(make_monitor: Callable[..., Monitor], captured: Any) -> None:
    """CloudWatch extracts nothing at all from a directive of more than a hundred."""
    monitor = make_monitor()
    first = monitor.fields({f"M{index}": index for index in range(limits.METRICS_PER_DIRECTIVE + 1)})
    counts = Counter([len(first) - 1, len(flowemf_document(captured.lines[0])) - 1])
    assert counts == {100: 1, 1: 1}
