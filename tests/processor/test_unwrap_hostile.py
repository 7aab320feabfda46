"""Wrappers that were made to hurt: each costs bounded time and memory, and becomes a finding."""

from __future__ import annotations

import base64
import gzip
import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replaying import CLOCK, Pieces, balanced
from shape_corpus import corpus
from shape_wrappers import compact, cri, data_message, docker, emf, event, firehose, kinesis, packed, pretty

from flowemf_processor.core.ledger import Ledger
from flowemf_processor.core.unwrap import NAMES
from flowemf_processor.core.unwrap.pieces import iso_milliseconds, milliseconds
from flowemf_processor.model import Event, Record
from flowemf_processor.pipeline.guards import Guards
from flowemf_processor.pipeline.reading import SourceReader
from flowemf_schemas import limits

MEGABYTE = 1_048_576
PIECE_BYTES = 65_536


def read(data: bytes | str, *, form: str = "auto") -> list[Record]:
    """Read bytes; the ledger must balance and count every record."""
    ledger = Ledger()
    source = Pieces.of(data.encode() if isinstance(data, str) else data, PIECE_BYTES)
    reader = SourceReader(source, ledger=ledger, clock=CLOCK, guards=Guards(form=form))
    records = [record for step in reader.steps() for record in step.records]
    account = balanced(ledger)
    assert account["records"]["total"] == len(records)
    return records


def reasons(records: list[Record]) -> list[str]:
    """List what was found."""
    return [found.reason for record in records for found in getattr(record, "findings", ())]


def zipped(data: bytes) -> str:
    """Compress a payload."""
    return base64.b64encode(gzip.compress(data, 1)).decode()


def values(records: list[Record]) -> list[float]:
    """Give the values of the metric records."""
    return [record.measurements[0].values[0][0] for record in records if isinstance(record, Event)]


# --- Sizes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("extra", "found"), [(0, []), (1, ["payload-too-large"])])
def test_a_payload_at_the_limit_is_opened_and_one_over_it_is_not(extra: int, found: list[str]) -> None:
    """A few hundred KB that decompress to 64 MB; the other records of the same line are read."""
    bomb = zipped(b"x" * (limits.PAYLOAD_BYTES - len(emf(1)) + extra))
    records = read(compact(firehose(base64.b64encode(emf(1).encode()).decode(), bomb)))
    assert (reasons(records), values(records)) == (found, [1])


def test_many_payloads_share_the_room_of_one_line() -> None:
    """Ten bombs that are each within the limit are not held at once."""
    bomb = zipped(b"x" * (limits.PAYLOAD_BYTES // 3))
    tracemalloc.start()
    records = read(compact(kinesis(*[bomb] * 10)))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reasons(records) == ["payload-too-large"] * 7
    assert peak_bytes < 6 * limits.PAYLOAD_BYTES


@pytest.mark.parametrize("plain", [b"", b"a", b"abc"])
def test_what_is_not_compressed_cannot_take_more_room_than_there_is(plain: bytes) -> None:
    """A record fills the room to its last byte, and another follows that nobody decompressed: a third has none left."""
    full, bomb = zipped(b"x" * limits.PAYLOAD_BYTES), zipped(b"y" * limits.PAYLOAD_BYTES)
    tracemalloc.start()
    records = read(compact(firehose(full, base64.b64encode(plain).decode(), bomb)))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reasons(records) == ["payload-too-large"]
    assert peak_bytes < 3 * limits.PAYLOAD_BYTES


@pytest.mark.parametrize(
    "wrapper",
    [
        compact(firehose(zipped(b"\n" * 10_000_000))),
        compact({"events": [{"message": ""}] * 100_001}),
        compact({"awslogs": {"data": zipped(compact(data_message([""] * 100_001)).encode())}}),
        compact(kinesis(*[zipped(b"\n" * 50_000)] * 3)),
    ],
    ids=["line endings", "events", "a data message", "several records"],
)
def test_more_log_events_than_a_line_may_hold_are_refused_together(wrapper: str) -> None:
    """They would take a hundred times the size of the line."""
    found = reasons(read(wrapper))
    assert "wrapper-too-large" in found
    assert len(found) < 5


def test_wrappers_that_multiply_share_the_room_of_one_line() -> None:
    """A hundred records of a hundred records of a thousand lines each: ten million events in 20 KB."""
    inner = compact(kinesis(*[zipped(b"a\n" * 1000)] * 100))
    records = read(compact(kinesis(*[zipped(inner.encode())] * 100)))
    assert len(records) <= limits.EVENTS_PER_WRAPPER + 100
    assert set(reasons(records)) == {"wrapper-too-large"}


@pytest.mark.parametrize("over", [False, True])
def test_a_wrapper_larger_than_can_be_held_is_rejected(over: bool) -> None:
    """A Docker line of 8 MB; behind it reading goes on."""
    frame = len(docker("\n"))
    text = "x" * (limits.WRAPPER_BYTES - frame + over)
    records = read(docker(text + "\n") + "\n" + docker(emf(2) + "\n") + "\n")
    assert reasons(records) == (["wrapper-too-large"] if over else [])
    assert values(records) == [2]


@pytest.mark.parametrize("over", [False, True])
def test_an_event_at_the_limit_is_read_out_of_its_wrapper(over: bool) -> None:
    """1 MB is the event's own size, not that of what is wrapped around it; so it is where it comes in parts."""
    message = emf(3, Reply="")
    message = emf(3, Reply="x" * (limits.EVENT_BYTES - len(message) + over))
    parts = [message[start : start + 16_384] for start in range(0, len(message), 16_384)]
    in_cri = b"\n".join([*[cri("P", part) for part in parts[:-1]], cri("F", parts[-1])]) + b"\n"
    listed = "\n".join(pretty({"events": [event(1, message)]})) + "\n"
    for data in (docker(message + "\n") + "\n", compact({"events": [event(1, message)]}), listed, in_cri):
        records = read(data)
        assert (reasons(records), values(records)) == ((["line-too-large"], []) if over else ([], [3]))


def test_a_list_of_any_length_is_read_one_event_at_a_time() -> None:
    """`aws logs filter-log-events` prints one document, however many events there are."""
    one = "\n".join(pretty(event(0, emf(1)))).replace("\n", "\n        ")
    data = ('{\n    "events": [\n' + ",\n".join([f"        {one}"] * 4000) + "\n    ]\n}\n").encode()
    tracemalloc.start()
    ledger = Ledger()
    for _ in SourceReader(Pieces.of(data, PIECE_BYTES), ledger=ledger, clock=CLOCK).steps():
        pass
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (ledger.metric_records, ledger.duplicate_records) == (1, 3999)
    assert peak_bytes < 2 * MEGABYTE


def test_a_document_without_an_end_is_not_held() -> None:
    """20 MB behind an opening that looked like a list: bounded, and rejected."""
    begun = b'{\n    "Records": [\n' + (b"        " + b"x" * 1000 + b"\n") * 20_000
    records = read(begun + emf(5).encode() + b"\n")
    assert (reasons(records), values(records)) == (["truncated"], [5])


def test_an_event_of_text_that_never_ends_gives_its_lines_back() -> None:
    """Half an event of `--output text`, and then another log."""
    begun = f"EVENTS\t{1:056}\t1760000000000\tstream\thalf an event\n"
    records = read(begun + f"{emf(1)}\n" * 50 + begun)
    assert (values(records), len(records)) == ([1] * 50, 1 + 50 + 1)
    assert reasons(records) == ["part-waiting"]  # of the second one: the first gave its lines back


# --- Nesting, and text that is no text --------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [limits.WRAPPER_LEVELS, limits.WRAPPER_LEVELS + 1])
def test_wrappers_may_stand_in_wrappers_so_deep_and_no_deeper(levels: int) -> None:
    """Each level costs a parse of all that is inside it."""
    line = emf(1)
    for _ in range(levels):
        line = cri("F", line).decode()
    expected = ([], [1.0]) if levels == limits.WRAPPER_LEVELS else (["wrapped-too-deep"], [])
    records = read(line + "\n")
    assert (reasons(records), values(records)) == expected


def test_brackets_by_the_thousand_stop_no_parser() -> None:
    """Inside a wrapper and as a wrapper."""
    deep = "[" * 100_000
    records = read(
        "\n".join([docker(deep + "\n"), '{"log":' + deep, '{"events":' + deep, compact({"log": deep}), emf(1)]) + "\n"
    )
    assert (reasons(records), values(records)) == ([], [1])


@pytest.mark.parametrize(
    "line",
    [
        b'{"log":"\\ud800 {\\"_aws\\":{\\"CloudWatchMetrics\\":[]}}\\n","stream":"a","time":"b"}',
        b'{"log":"{\\"_aws\\":{\\"CloudWatchMetrics\\":[]},\\"a\\":\\"\xff\\"}\\n","stream":"a","time":"b"}',
        cri("F", b'{"_aws":{"CloudWatchMetrics":[]},"a":"\xff"}'),
    ],
    ids=["half a character", "a stray byte", "a stray byte in CRI"],
)
def test_what_is_no_utf_8_is_said_of_the_event_itself(line: bytes) -> None:
    """The wrapper is opened all the same."""
    assert reasons(read(line + b"\n")) in (["invalid-utf-8"], ["not-json"])


# --- Times ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["", "2025-02-31T00:00:00Z", "2025-10-09", "2025-10-09T08:53:20.Z", "1969-12-31T23:59:59Z", "0000-01-01T00:00:00Z"],
)
def test_a_text_that_is_no_time_gives_none(text: str) -> None:
    """The time of the run is used then, as for a line without a wrapper."""
    assert iso_milliseconds(text) is None


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("2025-10-09T08:53:20Z", 1_760_000_000_000),
        ("2025-10-09T10:53:20.5+02:00", 1_760_000_000_500),
        ("2025-10-09T08:53:20.123456+00:00", 1_760_000_000_123),
        ("2025-10-09T05:23:20-03:30", 1_760_000_000_000),
    ],
)
def test_a_time_is_read_in_its_zone(text: str, time_ms: int) -> None:
    """Fractions of any length, offsets in hours and minutes."""
    assert iso_milliseconds(text) == time_ms


@pytest.mark.parametrize("value", [True, "1", None, -1, 10**30, float("nan"), float("inf")])
def test_a_number_that_is_no_time_gives_none(value: object) -> None:
    """Whatever the wrapper states."""
    assert milliseconds(value) is None


# --- Anything ---------------------------------------------------------------------------------------------------------

SMALL = [shape.data for shape in corpus() if len(shape.data) < 3000]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Take one or two files of the corpus and change, drop, repeat or swap pieces of them."""
    data = bytearray(b"".join(draw(st.lists(st.sampled_from(SMALL), min_size=1, max_size=2))))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 60)))
        data[start:end] = draw(
            st.sampled_from([b"", b"\n", b"{", b"}", b'"', b"\\", b"[", b"\xff", b"\x00"]) | st.binary(max_size=8)
        )
    return bytes(data)


@settings(max_examples=150, deadline=None)
@given(mutated(), st.sampled_from(NAMES))
def test_no_bytes_make_anything_but_records(data: bytes, form: str) -> None:
    """Whatever stands in a log and whatever format is named: no exception, and a ledger that balances."""
    read(data, form=form)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from([emf(1), packed({}), "%%"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "log",
                    "stream",
                    "time",
                    "message",
                    "timestamp",
                    "requestId",
                    "events",
                    "eventId",
                    "logEvents",
                    "messageType",
                    "awslogs",
                    "data",
                    "Records",
                    "records",
                    "kinesis",
                    "kubernetes",
                    "logtag",
                    "_p",
                    "partial_message",
                    "partial_id",
                    "partial_ordinal",
                    "partial_last",
                    "container_id",
                    "date",
                    "eventID",
                    "ingestionTime",
                    "flowemf_rejects",
                    "line",
                    "line_base64",
                    "received_ms",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(JSON, min_size=1, max_size=3), st.sampled_from([None, 2]))
def test_wrappers_with_anything_in_their_members_make_nothing_but_records(
    documents: list[object], indent: int | None
) -> None:
    """Each member may be of any type."""
    read("\n".join(json.dumps(document, indent=indent) for document in documents))
