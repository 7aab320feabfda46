"""The fast road against the one that reads each line by itself: equal in everything, whatever the lines are."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
import verdict_vectors
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_lines import NOW_MS, documents, flow_end, numbers
from metric_lines import document as document_of
from replaying import CLOCK, balanced

from flowemf_processor.core import aggregate
from flowemf_processor.core.aggregate import Aggregator
from flowemf_processor.core.batches import BatchRoad, Nobody, SeriesTaker, packing, takers
from flowemf_processor.core.conditions import Conditions
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.model import Aggregate, Event, Incomplete, Rejected
from flowemf_processor.pipeline.guards import Guards
from flowemf_processor.pipeline.reading import SourceReader

REPETITIONS = 12  # more than a directive has to be seen before its lines are read together


class Pieces:
    """A source that gives its bytes in given pieces."""

    name = "a.log"
    identities = ("path:/a.log",)
    rewindable = False  # like a pipe, whose pieces are read as they come
    size_bytes = None

    def __init__(self, content: bytes, piece_bytes: int) -> None:
        self._content = content
        self._piece_bytes = piece_bytes

    def pieces(self) -> Iterable[bytes]:
        return (
            self._content[start : start + self._piece_bytes]
            for start in range(0, len(self._content), self._piece_bytes)
        )


class NoMarks:
    """Has no mark of an earlier run."""

    def mark(self, source: str) -> None:
        return None


def everything(
    content: bytes, *, road: str, piece_bytes: int = 1 << 20, guards: Guards | None = None, closes: bool = False
) -> dict[str, Any]:
    """Read bytes and give all that either road says of them: what is gathered, found, counted and remembered.

    With `closes` every piece is an epoch of its own.
    """
    aggregator = Aggregator()
    conditions = guards.conditions if guards else Conditions()
    takers = {"series": SeriesTaker(aggregator), "nobody": Nobody()}
    ledger = Ledger()
    reader = SourceReader(
        Pieces(content, piece_bytes),  # type: ignore[arg-type]
        ledger=ledger,
        clock=CLOCK,
        marks=NoMarks(),
        guards=guards or Guards(),
        road=BatchRoad(takers[road], conditions) if road in takers else None,
    )
    findings, rejections, marks, taken, datapoints = [], [], {}, 0, 0
    aggregates: list[Aggregate] = []
    for step in reader.steps():
        for record in step.records:
            if isinstance(record, Event):
                aggregator.add(record)
                taken += 1
            if isinstance(record, (Event, Rejected, Incomplete)):
                findings += [(record.position, found) for found in record.findings]
        rejections += step.rejections
        marks.update({mark.source: mark for mark in step.marks})
        if closes:
            datapoints += aggregator.datapoints
            aggregates += aggregator.close()
    datapoints += aggregator.datapoints
    return {
        "ledger": balanced(ledger),
        "findings": findings,
        "rejections": rejections,
        "marks": marks,
        "datapoints": datapoints,
        "aggregates": [*aggregates, *aggregator.close()],
        "one by one": taken,
    }


def assert_equal_roads(content: bytes, *, piece_bytes: int = 1 << 20, guards: Guards | None = None) -> dict[str, Any]:
    """Hold both roads to be equal; give what the fast one said."""
    slow = everything(content, road="none", piece_bytes=piece_bytes, guards=guards)
    fast = everything(content, road="series", piece_bytes=piece_bytes, guards=guards)
    checked = everything(content, road="nobody", piece_bytes=piece_bytes, guards=guards)
    for part in ("ledger", "findings", "rejections", "marks"):
        assert fast[part] == slow[part], part
        assert checked[part] == slow[part], part
    for part in ("datapoints", "aggregates"):
        assert fast[part] == slow[part], part
    return fast


def lines_of(several: Iterable[Mapping[str, Any] | bytes]) -> bytes:
    """Write documents, and bytes as they are, as lines."""
    return b"".join((one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in several)


# --- What is read together, and what is not ---------------------------------------------------------------------------

GOOD = document_of({"Latency": 12.5, "Items": 3}, dimensions={"Service": "a", "Op": "b"})


def compact(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def behind(document: Mapping[str, Any]) -> bytes:
    """Write `_aws` as the last member."""
    return json.dumps(
        {name: document[name] for name in (*(each for each in document if each != "_aws"), "_aws")}
    ).encode()


@pytest.mark.parametrize("write", [compact, behind, lambda document: json.dumps(document).encode()])
def test_lines_that_repeat_are_read_together(write: Any) -> None:
    """However a library orders and spaces them: only the first few are read one by one."""
    lines = [
        write(GOOD | {"Latency": number / 7, "Service": f"s{number % 3}", "id": f"{number}"}) for number in range(300)
    ]
    fast = assert_equal_roads(lines_of(lines), piece_bytes=2000)
    assert fast["one by one"] < 30
    assert fast["ledger"]["records"]["metric"] == 300


@pytest.mark.parametrize("remembered", [10_000, 3])
def test_epochs_that_follow_each_other_are_the_same_on_both_roads(
    monkeypatch: pytest.MonkeyPatch, remembered: int
) -> None:
    """Series keep their numbers, or get new ones; an epoch has their values as numbers, with counts, or not at all."""
    monkeypatch.setattr(aggregate, "_NUMBERS_KEPT", remembered)
    monkeypatch.setattr(packing, "REMEMBERED", remembered)
    chance = random.Random(4)
    targets: list[Any] = [1.5, 2, [1, 2, 2], {"Values": [1, 2], "Counts": [0.5, 4]}]
    several = [
        GOOD
        | {"Latency": chance.choice(targets[: 2 + number // 150]), "Service": f"s{chance.randrange(number // 50 + 1)}"}
        for number in range(600)
    ]
    content = lines_of(map(compact, several))
    slow = everything(content, road="none", piece_bytes=5000, closes=True)
    fast = everything(content, road="series", piece_bytes=5000, closes=True)
    assert (fast["datapoints"], fast["aggregates"]) == (slow["datapoints"], slow["aggregates"])
    assert fast["one by one"] < 150


REPEATED = lines_of([compact(GOOD | {"note": "n", "ms": 5})] * REPETITIONS)


def one_line(**changes: Any) -> bytes:
    """Write a line as those before it, with some members changed."""
    return compact(GOOD | {"note": "n", "ms": 5} | changes)


ODD_LINES = {
    "a repeated member of the root": one_line()[:-1] + b',"note":"again"}',
    "a repeated dimension": one_line()[:-1] + b',"Service":"again"}',
    "a repeated metric": one_line()[:-1] + b',"Latency":7}',
    "a repeated _aws": one_line()[:-1] + b',"_aws":{"Timestamp":1,"CloudWatchMetrics":[]}}',
    "an escaped second _aws": one_line()[:-1] + b',"\\u005faws":{"Timestamp":1,"CloudWatchMetrics":[]}}',
    "an escaped member that is there already": one_line()[:-1] + b',"\\u006eote":"x"}',
    "an escaped member": one_line().replace(b'"note"', b'"\\u006eote"'),
    "an escaped dimension": one_line(Service="\u00e9"),
    "an escaped quote in a property": one_line(note='say "hi" \\ '),
    "a repetition hidden by escaped quotes": one_line(note='""')[:-1].replace(b'"note":', b'"note":1,"note":'),
    "invalid UTF-8 in a property": one_line().replace(b'"note":"n"', b'"note":"\xff"'),
    "invalid UTF-8 in a dimension": one_line().replace(b'"b"', b'"\xff"'),
    "half a character": one_line().replace(b'"note":"n"', b'"note":"\\ud800"'),
    "a control character": one_line().replace(b'"note":"n"', b'"note":"\t"'),
    "true as a value": one_line(Latency=True),
    "null as a value": one_line(Latency=None),
    "a text as a value": one_line(Latency="1"),
    "NaN": one_line(Latency=float("nan")),
    "infinity": one_line(Latency=float("inf")),
    "NaN in a property": one_line(ms=float("nan")),
    "a value of 1e999": one_line().replace(b"12.5", b"1e999"),
    "a property of 1e999": one_line().replace(b'"ms":5', b'"ms":1e999'),
    "2^360": one_line(Latency=2**360),
    "just above 2^360": one_line(Latency=2**360 + 2**308),
    "minus zero": one_line(Latency=-0.0),
    "minus zero as an integer": one_line().replace(b"12.5", b"-0"),
    "an integer beyond float": one_line(Latency=2**53 + 1),
    "an integer of 5,000 digits": one_line().replace(b"12.5", b"1" * 5000),
    "a property of 5,000 digits": one_line().replace(b'"ms":5', b'"ms":' + b"1" * 5000),
    "an empty array": one_line(Latency=[]),
    "101 values": one_line(Latency=[1] * 101),
    "an array": one_line(Latency=[1, 2, 2.5]),
    "values and counts": one_line(Latency={"Values": [1, 2], "Counts": [3, 4]}),
    "values without their counts": one_line(Latency={"Values": [1, 2], "Counts": [3]}),
    "a statistic set": one_line(Latency={"Min": 1, "Max": 4, "Sum": 10, "Count": 4}),
    "a statistic set without minimum": one_line(Latency={"Min": 0, "Max": 0, "Sum": 10, "Count": 4}),
    "no value": compact({name: value for name, value in GOOD.items() if name != "Latency"}),
    "no dimension": compact({name: value for name, value in GOOD.items() if name != "Op"}),
    "no property": compact(GOOD),
    "a dimension that is a number": one_line(Service=5),
    "an empty dimension": one_line(Service=""),
    "a dimension of spaces": one_line(Service="  "),
    "a dimension with a control character": one_line(Service="a\u0001"),
    "a dimension of 1,024 characters": one_line(Service="x" * 1024),
    "a dimension of 1,025 characters": one_line(Service="x" * 1025),
    "a dimension that is not ASCII": compact(GOOD).replace(b'"b"', "\"\u00e9\"".encode()),
    "another property": one_line(other="x"),
    "a nested property": one_line(other={"a": [1, {"b": "c"}]}),
    "a nested repetition": one_line()[:-1] + b',"other":{"a":1,"a":2}}',
    "a deep property": one_line()[:-1] + b',"other":' + b"[" * 600 + b"]" * 600 + b"}",
    "a wrapper's member": one_line(log="x\n", stream="stdout", time="2016-10-05T00:00:30Z"),
    "another unit": compact(GOOD).replace(b'"Count"', b'"Counts"'),
    "a timestamp beyond its range": compact(GOOD).replace(str(NOW_MS).encode(), b"999999999999999"),
    "a timestamp with a leading zero": compact(GOOD).replace(str(NOW_MS).encode(), b"0760000000000"),
    "a timestamp with a fraction": compact(GOOD).replace(str(NOW_MS).encode(), str(NOW_MS).encode() + b".0"),
    "a short timestamp": compact(GOOD).replace(str(NOW_MS).encode(), b"1760000000"),
    "no timestamp": compact(GOOD).replace(b'"Timestamp"', b'"Time"'),
    "a carriage return": one_line() + b"\r",
    "white space around": b"  " + one_line() + b" \t",
    "a byte order mark": b"\xef\xbb\xbf" + one_line(),
    "truncated": one_line()[:-20],
    "truncated by the agent": one_line()[:-20] + b"[Truncated...]",
    "two objects": one_line() + one_line(),
    "two objects with a space": one_line() + b" " + one_line(),
    "something behind": one_line() + b" x",
    "text before": b"INFO " + one_line(),
    "in an array": b"[" + one_line() + b"]",
    "_aws inside another member": b'{"inner":' + one_line() + b',"note":"n"}',
    "nothing": b"",
    "ordinary text": b"INFO order 12 was taken",
    "ordinary text that names it": b"the CloudWatchMetrics of it",
    "ordinary JSON": b'{"level":"info"}',
    "ordinary JSON in an escaped wrapper": b'{"\\u005faws":{"CloudWatch\\u004detrics":[]}}',
    "Docker's": compact({"log": one_line().decode() + "\n", "stream": "stdout", "time": "2016-10-05T00:00:30Z"}),
    "containerd's": b"2016-10-06T00:17:09.669794202Z stdout F " + one_line(),
    "the beginning of containerd's": b"2016-10-06T00:17:09.669794202Z stdout P " + one_line()[:50],
    "the end of containerd's": b"2016-10-06T00:17:09.669794202Z stdout F " + one_line()[50:],
    "Lambda's": b"2023-10-25T17:38:05.273Z\tabc\tINFO\t" + one_line(),
    "the beginning of an indented document": b'{\n  "events": [',
    "larger than a log event": one_line(note="x" * 1_048_576),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD_LINES)
def test_an_odd_line_among_good_ones_is_the_same_on_both_roads(name: str) -> None:
    """Before directives are known and after, with good lines behind it."""
    odd = ODD_LINES[name] + b"\n"
    assert_equal_roads(odd + REPEATED + odd + REPEATED + odd * REPETITIONS + REPEATED)
    assert_equal_roads(REPEATED + odd + REPEATED + odd * REPETITIONS + REPEATED, piece_bytes=len(REPEATED) + 7)


def test_all_odd_lines_together() -> None:
    """In any order and cut anywhere, with an end that is torn."""
    chance = random.Random(3)
    for _ in range(8):
        lines = [*ODD_LINES.values()] * 2 + REPEATED.split(b"\n")[:-1] * 10
        chance.shuffle(lines)
        content = lines_of(line for line in lines if len(line) < 100_000)
        assert_equal_roads(
            content + one_line()[: chance.randrange(300)], piece_bytes=chance.choice([1000, 5000, 70_000])
        )


# --- Anything ---------------------------------------------------------------------------------------------------------


@st.composite
def repeated_documents(draw: st.DrawFn) -> bytes:
    """Give lines of few directives that repeat with other values, spaced in one of three ways."""
    shapes = draw(st.lists(documents(), min_size=1, max_size=3))
    write = draw(st.sampled_from([compact, behind, lambda document: json.dumps(document, ensure_ascii=False).encode()]))
    lines = []
    for _ in range(draw(st.integers(10, 40))):
        one = dict(draw(st.sampled_from(shapes)))
        one["_aws"] = one["_aws"] | {"Timestamp": NOW_MS - draw(st.sampled_from([0, 1, 59_999, 60_000, 3_600_000]))}
        for name in ("FlowDuration", "TokensUsed"):
            if type(one[name]) in (int, float):
                one[name] = draw(numbers)
        if draw(st.booleans()):
            one["FlowName"] = draw(st.sampled_from(["a", "b", "", "\u00e9", 'q"', "x" * 1025]))
        if draw(st.booleans()):
            one["note"] = draw(st.sampled_from(["plain", '"', "\\", "\u00e9", 1, None, True, [], {"a": "b"}, 2**70]))
        lines.append(write(one))
        lines += draw(st.lists(st.sampled_from([b"INFO x", b"{}", b"", b'{"_aws":1}']), max_size=1))
    return lines_of(lines)


@settings(max_examples=60, deadline=None)
@given(content=repeated_documents(), piece_bytes=st.sampled_from([700, 5000, 1 << 20]), strict=st.booleans())
def test_any_lines_of_few_directives(content: bytes, piece_bytes: int, strict: bool) -> None:
    """Numbers, arrays, counts, statistic sets; good, odd and bad dimensions; any property."""
    guards = Guards(conditions=Conditions(strict=strict, namespaces=("App",) if strict else ()))
    assert_equal_roads(content, piece_bytes=piece_bytes, guards=guards)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutated_lines(data: st.DataObject) -> None:
    """Bytes that are changed, taken out or doubled anywhere in a line that was known by heart."""
    line = bytearray(one_line(note='a"\u00e9', Status="x"))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(line) - 1))
        kind = data.draw(st.sampled_from(["change", "remove", "double", "insert"]))
        if kind == "change":
            line[place] = data.draw(st.sampled_from(list(b'"\\{}[]:,0-eE.tn \xff\x00u')))
        elif kind == "remove":
            del line[place : place + data.draw(st.integers(1, 20))]
        elif kind == "double":
            line[place:place] = line[place : place + data.draw(st.integers(1, 40))]
        else:
            line[place:place] = data.draw(st.sampled_from([b'"note":"n",', b'"_aws":', b"\\u005f", b"{}", b"1"]))
    known = compact(GOOD | {"note": 'a"\u00e9', "ms": 5, "Status": "x"})
    assert_equal_roads(lines_of([known] * REPETITIONS + [bytes(line), known, bytes(line)]))


@pytest.mark.parametrize("kind", ["documents", "texts"])
def test_vectors_are_the_same_on_both_roads(kind: str) -> None:
    """Every example of every verdict, often enough to be known by heart."""
    for vector in getattr(verdict_vectors, kind)():
        if len(vector.data) < 20_000:  # the larger ones take long where each is read by itself
            content = (vector.data + b"\n") * REPETITIONS * 2
            assert_equal_roads(content, piece_bytes=(len(vector.data) + 1) * REPETITIONS)


def test_the_emitters_lines_are_read_together() -> None:
    """Two directives with roll-ups in one line."""
    lines = [
        flow_end(f"f{n % 4}", ["Success", "Error"][n % 2], duration_ms=n, error_type="E" if n % 2 else None)
        for n in range(200)
    ]
    fast = assert_equal_roads(lines_of(lines), piece_bytes=4000)
    assert fast["one by one"] < 60
    assert Counter(each.series.namespace for each in fast["aggregates"]) == {"App": len(fast["aggregates"])}


def test_opentelemetrys_targets_are_read_together() -> None:
    """Values with counts, and statistic sets, each with the members that OpenTelemetry adds."""
    weighted = {"Values": [1.5, 2], "Counts": [1, 2], "Sum": 5.5, "Count": 3, "Min": 1.5, "Max": 2}
    sets = [
        {"Min": 1, "Max": 4, "Sum": 10, "Count": 4},
        {"Min": 2, "Max": 2, "Sum": 4, "Count": 2},
        {"Min": 1, "Max": 1, "Sum": 1, "Count": 1},
    ]
    lines = [document_of({"w": weighted, "s": sets[n % 3]}, dimensions={"d": "x"}) for n in range(100)]
    fast = assert_equal_roads(lines_of(lines), piece_bytes=3000)
    assert fast["one by one"] < 40


# --- Bounds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({'na"me': 1}, id="a name with a quotation mark"),
        pytest.param({"na\\me": "x"}, id="a name with a backslash"),
        pytest.param({"na\u2028me": "x"}, id="a name that is not printable"),
        pytest.param({f"p{number}": number for number in range(250)}, id="more members than a type is made of"),
    ],
)
def test_members_that_no_type_fits_are_read_one_by_one(odd: dict[str, Any]) -> None:
    """Nothing is lost by it but time."""
    line = compact(GOOD | odd)
    fast = assert_equal_roads(lines_of([line] * 60), piece_bytes=len(line) * 10)
    assert fast["one by one"] == 60
    assert fast["ledger"]["records"]["metric"] == 60


def test_what_is_known_of_dimension_values_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within one epoch, too, values of dimensions are forgotten, and are found again under their old series."""
    made: list[tuple[str, ...]] = []
    numbers = packing.series_numbers

    def counted(plan: Any, aggregator: Any, values: tuple[str, ...]) -> list[int]:
        made.append(values)
        return numbers(plan, aggregator, values)

    monkeypatch.setattr(packing, "REMEMBERED", 4)
    monkeypatch.setattr(takers, "REMEMBERED", 4)
    monkeypatch.setattr(packing, "series_numbers", counted)
    lines = [compact(GOOD | {"Latency": n, "Service": f"s{n % 9}"}) for n in range(600)]
    fast = assert_equal_roads(lines_of(lines), piece_bytes=4000)
    assert fast["one by one"] < 40
    assert len(made) > 2 * len(set(made))
