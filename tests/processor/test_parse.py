"""Reading one line: which lines are metric lines, and what is wrong with those that cannot be used."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from emf_documents import good_document, json_values, mutated_documents, version0_document
from hypothesis import example, given, settings
from hypothesis import strategies as st
from metric_lines import NOW_MS, document, documents, line, read, reasons

from flowemf_processor.core.document import NESTING_LEVELS, may_be_metric
from flowemf_processor.core.parse import parse
from flowemf_processor.model import Event, Incomplete, Line, Other, Position, Rejected
from flowemf_schemas import limits
from flowemf_schemas.verdicts import VERDICTS, Scope

GOOD = json.dumps(document({"Latency": 12}))
OPEN = GOOD[:-1]  # without its closing brace
MENTION = '"about": "CloudWatchMetrics"'


# --- Which lines are metric lines -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "2026-01-01 INFO started",
        '{"level": "INFO", "message": "no metric"}',
        '{"level": "INFO", "message": "caf\\u00e9", "value": NaN}',
        '{"level": "INFO", "message": "caf\\u00e9"',
        '{"message": "caf\\u00e9", "big": ' + "9" * 5000 + "}",
        '{"message": "caf\\u00e9", "deep": ' + "[" * 600 + "]" * 600 + "}",
        '{"message": "\\u0041\\u0042", "padding": "' + "x" * limits.EVENT_BYTES + '"}',
        '{"message": "extraction of CloudWatchMetrics was slow", "value": NaN, "value": 2}',
        '{"message": "a lone \\ud800 about CloudWatchMetrics"}',
        'DEBUG the member "_aws" is missing',
        '{"log": "{\\"_aws\\":{}}\\n"}',
    ],
)
def test_an_ordinary_line_is_no_defect_whatever_it_holds(text: str) -> None:
    """Only lines that are metric documents, or try to be, can be rejected."""
    assert isinstance(read(text), Other)


@pytest.mark.parametrize(
    "escaped",
    [
        GOOD.replace('"_aws"', '"\\u005faws"'),
        GOOD.replace('"_aws"', '"\\u005Faws"').replace("CloudWatchMetrics", "CloudWatch\\u004detrics"),
        GOOD.replace("CloudWatchMetrics", "".join(f"\\u00{ord(letter):02X}" for letter in "CloudWatchMetrics")),
        GOOD.replace("Latency", "L\\u0061tency"),
        GOOD.replace("Metrics", "\\u004detrics").replace("Namespace", "Names\\u0070ace"),
    ],
)
def test_escapes_in_the_spelling_of_a_member_hide_no_metric(escaped: str) -> None:
    """JSON allows any character to be escaped; the same document gives the same event."""
    assert read(escaped) == read(GOOD)


def test_a_document_without_its_directives_is_told_what_it_lacks() -> None:
    """The member _aws alone says that this was meant to be a metric line."""
    assert reasons(read('{"_aws": {"Timestamp": 1}, "Latency": 1}')) == ["directives-missing"]


def test_version_0_is_read() -> None:
    """Its metadata stands at the root, and its timestamp may be text."""
    record = read(version0_document())
    assert isinstance(record, Event)
    assert record.findings == ()
    assert record.timestamp_ms == 1_700_000_000_000


def test_an_event_without_a_timestamp_gets_the_time_of_reading() -> None:
    """CloudWatch takes the time of ingestion; a note says so."""
    record = read(document({"Latency": 1}, timestamp_ms=None))
    assert isinstance(record, Event)
    assert record.timestamp_ms == NOW_MS
    assert reasons(record) == ["timestamp-missing"]


# --- What is wrong with the text --------------------------------------------------------------------------------------

BROKEN = {
    "not JSON": ("not-json", OPEN + ' "x" 1}'),
    "text about the member": ("not-json", "INFO wrote CloudWatchMetrics"),
    "single quotes": ("not-json", GOOD.replace('"', "'")),
    "two documents in a line": ("not-json", GOOD + GOOD),
    "a comma too many": ("not-json", OPEN + ",}"),
    "control character in a string": ("not-json", OPEN + ', "x": "a\tb"}'),
    "NaN": ("not-a-number", OPEN + ', "x": NaN}'),
    "Infinity": ("not-a-number", OPEN + ', "x": Infinity}'),
    "minus Infinity": ("not-a-number", OPEN + ', "x": [-Infinity]}'),
    "cut off": ("truncated", OPEN),
    "cut off in a string": ("truncated", OPEN + ', "x": "abc'),
    "cut off in an escape": ("truncated", OPEN + ', "x": "\\u12'),
    "cut off behind an escape": ("truncated", OPEN + ', "x": "\\u1234'),
    "cut off in a number": ("truncated", OPEN + ', "x": 1.5e+'),
    "cut off in a word": ("truncated", OPEN + ', "x": tru'),
    "cut off in a character": ("truncated", (OPEN + ', "x": "é').encode()[:-1]),
    "cut off before CloudWatchMetrics": ("truncated", '{"_aws": {"Timestamp": 1, "Clou'),
    "cut off with a mark": ("truncated", GOOD[:-9] + "[Truncated...]"),
    "Latin-1": ("invalid-utf-8", (OPEN + ', "x": "é"}').encode("latin-1")),
    "an encoded surrogate": ("invalid-utf-8", OPEN.encode() + b', "x": "\xed\xa0\x80"}'),
    "half a character": ("invalid-utf-8", OPEN + ', "x": "\\ud83d"}'),
    "half a character in a key": ("invalid-utf-8", OPEN + ', "\\uDE00": 1}'),
    "one byte too large": ("line-too-large", OPEN + ', "x": "' + "x" * (limits.EVENT_BYTES - len(OPEN) - 9) + '"}'),
    "one level too deep": ("nesting-too-deep", OPEN + ', "x": ' + "[" * NESTING_LEVELS + "]" * NESTING_LEVELS + "}"),
    "thousands of levels": ("nesting-too-deep", OPEN + ', "x": ' + '{"a":' * 50_000),
    "a name twice at the root": ("duplicate-key", OPEN + ', "Latency": 13}'),
    "an escaped name twice": ("duplicate-key", OPEN + ', "L\\u0061tency": 13}'),
    "a name twice in _aws": ("duplicate-key", GOOD.replace('"_aws": {', '"_aws": {"Timestamp": 1, ')),
    "a name twice in a directive": ("duplicate-key", GOOD.replace('"Namespace"', '"Namespace": "x", "Namespace"')),
    "a name twice in a definition": ("duplicate-key", GOOD.replace('"Name"', '"Name": "x", "Name"')),
    "a name twice in a target": ("duplicate-key", GOOD.replace(": 12}", ': {"Values": [1], "Values": [2]}}')),
    "an array": ("not-an-object", f"[{GOOD}]"),
}


@pytest.mark.parametrize(("reason", "text"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_line_is_rejected_with_one_reason(reason: str, text: str | bytes) -> None:
    """The reason names what is wrong with the text, and its scope is the whole line."""
    record = read(text)
    assert isinstance(record, Rejected)
    assert reasons(record) == [reason]
    assert VERDICTS[reason].scope is Scope.LINE
    [finding] = record.findings
    assert finding.message.isprintable()
    assert finding.hint


def test_a_repeated_member_is_named() -> None:
    """The one that stands twice, not the first one of its object."""
    record = read(OPEN + ', "Latency": 13}')
    assert isinstance(record, Rejected)
    assert record.findings[0].message.startswith('member "Latency": ')


@pytest.mark.parametrize(
    "repeated", ['{"_aws": 1, "_aws": 2, "CloudWatchMetrics": 3}', '{"a": 1, "a": 2, "_aws": "CloudWatchMetrics"}']
)
def test_a_repeated_member_in_an_array_is_not_what_is_wrong_with_it(repeated: str) -> None:
    """A metric document is an object; whatever stands in an array is never read."""
    assert reasons(read(f"[{repeated}]")) == ["not-an-object"]


def test_a_line_at_the_limit_of_size_or_depth_is_read() -> None:
    """1,048,576 bytes and 512 levels are allowed."""
    padding = "x" * (limits.EVENT_BYTES - len(OPEN) - 10)
    assert isinstance(read(OPEN + ', "x": "' + padding + '"}'), Event)
    inside = NESTING_LEVELS - 1
    assert isinstance(read(OPEN + ', "x": ' + "[" * inside + "]" * inside + "}"), Event)
    assert isinstance(read(OPEN + ', "x": "' + '\\"[{' * 10_000 + '"}'), Event)


@pytest.mark.parametrize(
    "harmless",
    ['"x": {"a": 1, "b": {"c": 1, "c": 2}}', '"x": [{"a": 1, "a": 2}]', '"x": [[{"c": 1, "c": 2}]]'],
)
def test_a_name_twice_inside_a_property_is_nobodys_business(harmless: str) -> None:
    """CloudWatch does not look into properties, so the metrics beside them are not ambiguous."""
    assert reasons(read(f"{OPEN}, {harmless}}}")) == []


def test_an_integer_of_thousands_of_digits_costs_its_metric_only() -> None:
    """Python refuses to read it; as a property it does no harm, as a value it is out of range."""
    record = read(document({"Latency": 12, "Depth": 1})["_aws"] and OPEN + ', "x": ' + "9" * 5000 + "}")
    assert (type(record), reasons(record)) == (Event, [])
    two = json.dumps(document({"Latency": 12, "Depth": "here"})).replace('"here"', "-" + "9" * 5000)
    record = read(two)
    assert isinstance(record, Event)
    assert reasons(record) == ["value-out-of-range"]
    assert [measurement.name for measurement in record.measurements] == ["Latency"]


@settings(max_examples=100)
@given(documents(), st.data())
def test_every_beginning_of_a_metric_line_is_truncated(whole: dict[str, Any], data: st.DataObject) -> None:
    """Wherever a forwarder cut the line, the reason is the same, unless nothing of a metric line was left."""
    text = json.dumps({**whole, "é": "日本\u2028"}, ensure_ascii=data.draw(st.booleans()))
    encoded = text.encode()
    part = encoded[: data.draw(st.integers(1, len(encoded) - 1))]
    record = read(part)
    assert isinstance(record, Other) if not may_be_metric(part) else reasons(record) == ["truncated"]


# --- The torn end of a source -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "torn", [OPEN, '{"_aws": {"Cloud', "{", 'prefix {"a', '{"\\u005faws": {"CloudWatch\\u004detrics": [']
)
def test_an_unterminated_line_that_may_go_on_is_incomplete(torn: str) -> None:
    """Its rest may make a metric line of it, so it is neither rejected nor ordinary."""
    assert isinstance(read(torn, terminated=False), Incomplete)
    assert reasons(read(torn, terminated=False)) == ["line-incomplete"]


def test_an_unterminated_line_that_is_whole_is_read() -> None:
    """Nothing that follows could change it."""
    assert isinstance(read(GOOD, terminated=False), Event)
    assert isinstance(read(json.dumps({"_aws": 1}), terminated=False), Rejected)
    assert isinstance(read("INFO bye", terminated=False), Other)
    assert isinstance(read('{"level": "INFO"}', terminated=False), Incomplete)


# --- Never a traceback ------------------------------------------------------------------------------------------------

fragments = st.sampled_from(
    [b"{", b"}", b"[", b"]", b'"', b"\\", b"\\u", b"\\ud800", b"\\u00", b"CloudWatchMetrics", b'"_aws"', b":", b",",
     b"1", b"NaN", b"1e999", b"-", b"\xff", b"\xed\xa0\x80", b"\x00", b"null", b"Timestamp", b'"Metrics"', b" ", b"\r"]
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(fragments | st.binary(max_size=5), max_size=30).map(b"".join), st.booleans())
@example(b'"CloudWatchMetrics"', True)
@example(b"-CloudWatchMetrics", True)
def test_any_bytes_give_a_record(data: bytes, terminated: bool) -> None:
    """Nothing that a line may hold raises."""
    assert parse(line(data, terminated=terminated), received_ms=0).position.line == 1


@settings(max_examples=150)
@given(mutated_documents() | json_values().map(lambda value: {"CloudWatchMetrics": value, "Version": 0}))
def test_any_document_gives_a_record_that_its_findings_explain(mutated: Any) -> None:
    """What was rejected has a finding that costs something; what remains has valid numbers."""
    record = read(json.dumps(mutated))
    if isinstance(record, Rejected):
        assert any(VERDICTS[reason].scope is not Scope.NOTE for reason in reasons(record))
    elif isinstance(record, Event):
        assert 0 <= record.timestamp_ms <= limits.TIMESTAMP_MS
        assert all(VERDICTS[reason].scope is not Scope.LINE for reason in reasons(record))
        for measurement in record.measurements:
            assert measurement.dimension_sets
            assert measurement.values or measurement.statistic_set


@settings(max_examples=100)
@given(st.data())
def test_a_good_line_with_some_bytes_changed_gives_a_record(data: st.DataObject) -> None:
    """Bit rot in a log file is somebody else's defect, and no reason to stop."""
    damaged = bytearray(json.dumps(good_document()).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    parse(line(bytes(damaged)), received_ms=0)


MANY = 30_000
HOSTILE = {
    "escaped quotes": OPEN + "{" * 600 + '"' + '\\"' * 400_000,
    "braces in strings": OPEN + ', "x": ["' + '", "{'.join([""] * 100_000) + '"]}',
    "brackets": OPEN + ', "x": [' + ",".join(["[]"] * 250_000) + "]}",
    "repeated members": '{"_aws": {"CloudWatchMetrics": [' + ",".join(['{"a":1}'] * MANY) + ']}, "x": ['
    + ",".join(['{"a":1,"a":1}'] * MANY) + "]}",
    "deep objects": OPEN + ', "CloudWatchMetrics": ' + "[" * 500 + ",".join(['{"a":1,"a":1}'] * MANY) + "]" * 500 + "}",
    "surrogates": OPEN + ', "x": "' + "\\ud83d\\ude00" * 80_000 + '"}',
    "escapes": OPEN + ', "x": "' + "\\u0041" * 150_000 + '"}',
    "digits": OPEN + ', "x": ' + "9" * 1_000_000 + "}",
    "integers": OPEN + ', "x": [' + ",".join(["9" * 4200] * 200) + "]}",
    "directives": '{"_aws": {"Timestamp": 1, "CloudWatchMetrics": ['
    + ",".join(['{"Namespace":"a","Metrics":[{"Name":"b"}]}'] * 15_000) + ']}, "b": "' + "x" * 200_000 + '"}',
    "datapoints": '{"_aws": {"Timestamp": 1, "CloudWatchMetrics": [{"Namespace": "a", "Metrics": ['
    + ",".join(f'{{"Name":"m{number}"}}' for number in range(100)) + '], "Dimensions": ['
    + ",".join(f'["b","{number}"]' for number in range(60_000)) + "]}]}"
    + "".join(f',"m{number}":[{",".join("1" * 100)}]' for number in range(100)) + "}",
    "dimension sets": '{"_aws": {"Timestamp": 1, "CloudWatchMetrics": [{"Namespace": "a", "Dimensions": ['
    + ",".join(f'["b","{number}"]' for number in range(40_000)) + '], "Metrics": []}]}, "b": {"c": "'
    + "x" * 300_000 + '"}}',
}  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_line_takes_no_longer_than_its_size_deserves(text: str) -> None:
    """A line of up to 1 MB is judged within two seconds of CPU time, whatever it holds."""
    assert len(text) <= limits.EVENT_BYTES
    started = time.process_time()
    parse(Line(Position("a.log", 1, 0), text.encode(), len(text), terminated=True), received_ms=0)
    assert time.process_time() - started < 2
