"""Everything is accounted for: mixed logs into every destination, accepting, refusing or failing.

Generated lines whose kinds and datapoints are known go in; the ledger must name exactly these, and balance.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cloudwatch_server import Answer, CloudWatchServer
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_lines import NOW_MS, documents, merged, points_of
from replaying import CLOCK, balanced, send, state, store

from flowemf_processor import pipeline
from flowemf_processor.checkpoints import Checkpoints
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.pipeline import epochs
from flowemf_processor.sinks.local import LocalStore
from flowemf_processor.sinks.metrics import MetricsSink, connect
from flowemf_processor.sources.opening import open_sources

OLD_MS = 30 * 24 * 3600 * 1000


class Piece(NamedTuple):
    """A line of a log, what kind of record it must become, and the document that it is."""

    data: bytes
    kind: str
    document: dict[str, Any] | None = None


class Log(NamedTuple):
    """The lines of a log, and what must be found in it."""

    lines: list[Piece]
    tail: bytes

    @property
    def content(self) -> bytes:
        """The bytes."""
        return b"".join(line.data + b"\n" for line in self.lines) + self.tail

    @property
    def good(self) -> list[dict[str, Any]]:
        """The documents of which everything is used."""
        return [line.document for line in self.lines if line.document is not None]

    @property
    def records(self) -> dict[str, int]:
        """How many records of each kind there are."""
        kinds = Counter(line.kind for line in self.lines)
        kinds["incomplete"] += bool(self.tail)
        return {kind: kinds[kind] for kind in ("metric", "other", "rejected", "duplicate", "incomplete")}


ORDINARY = [b"", b"INFO started", b'{"level":"INFO"}', b"\xff\xfe", b"\x1b[31mred\x1b[0m", b'{"v":NaN}', b"  ", b"\r"]
BAD = [
    b"CloudWatchMetrics",
    b'{"_aws":{"CloudWatchMetrics":1,"Timestamp":1}}',
    b'{"_aws":{"CloudWatchMetrics":[],"Timestamp":"1"}}',
    b'{"_aws":{"CloudWatchMetrics":[{"Namespace":"n","Metrics":[{"Name":"m"}]}],"Timestamp":1}}',
    b'{"_aws":{"CloudWatchMetrics":[{"Namespace":"n","Metrics":[{"Name":"m"}]}],"Timestamp":1},"m":NaN}',
    b'{"_aws":{"CloudWatchMetrics":[',
    b'{"_aws":null}',
]
TORN = [b"", b"", b'{"_aws":{"CloudWatchM', b"{"]


def good_lines(since_ms: int) -> st.SearchStrategy[Piece]:
    """Give lines of which everything is used."""
    return documents(since_ms=since_ms).map(lambda one: Piece(json.dumps(one).encode(), "metric", one))


@st.composite
def logs(draw: st.DrawFn, *, with_old_lines: bool = False) -> Log:
    """Give a log of good, bad and ordinary lines."""
    good = good_lines(NOW_MS)
    if with_old_lines:
        good |= good_lines(NOW_MS - OLD_MS)
    bad = st.sampled_from(BAD).map(lambda data: Piece(data, "rejected"))
    ordinary = st.sampled_from(ORDINARY).map(lambda data: Piece(data, "other"))
    return Log(draw(st.lists(good | bad | ordinary, max_size=15)), draw(st.sampled_from(TORN)))


def write(directory: Path, log: Log, files: int) -> None:
    """Divide a log among files; the torn end comes last."""
    directory.mkdir(exist_ok=True)
    size = len(log.lines) // files + 1
    for number in range(files):
        part = Log(log.lines[number * size : (number + 1) * size], log.tail if number == files - 1 else b"")
        (directory / f"{number}.log").write_bytes(part.content)


def check_records(account: dict[str, Any], log: Log) -> None:
    """Compare what the ledger says was read with what was written."""
    assert account["records"] == {"total": len(log.lines) + bool(log.tail), **log.records}
    assert account["lines"] == len(log.lines)
    assert sum(source["read_bytes"] for source in account["sources"]) == len(log.content) - len(log.tail)


@settings(max_examples=15)
@given(log=logs(with_old_lines=True), files=st.integers(1, 3))
def test_into_the_store(tmp_path_factory: pytest.TempPathFactory, log: Log, files: int) -> None:
    """Everything good is accepted, however old; a second run reads no line again."""
    directory = tmp_path_factory.mktemp("store")
    write(directory / "logs", log, files)
    with LocalStore(directory / "store.duckdb") as local:
        account = store(local, directory / "logs")
        check_records(account, log)
        datapoints = points_of(log.good).total()
        assert state(account, "extracted", "accepted") == {"extracted": datapoints, "accepted": datapoints}
        assert local.query("SELECT COUNT(*) FROM METRICS") == [(account["values"],)]
        again = store(local, directory / "logs")
        assert (again["lines"], again["records"]["total"]) == (0, bool(log.tail))
        assert state(again) == {}


@pytest.fixture(scope="module")
def server() -> Iterator[CloudWatchServer]:
    """Give a CloudWatch."""
    with CloudWatchServer() as started:
        yield started


@pytest.fixture(scope="module")
def sink(server: CloudWatchServer) -> MetricsSink:
    """Give a sink that is connected to it."""
    return connect(endpoint_url=server.endpoint_url, region="us-east-1")


ANSWERS = {
    "accepted": Answer,
    "refused": lambda: Answer(400, "InvalidParameterValue"),
    "pending": lambda: Answer(400, "Throttling"),
    "ambiguous": lambda: Answer(500, "InternalFailure"),
}


def points_received(requests: list[dict[str, Any]]) -> Counter[Any]:
    """List the numbers of requests."""
    points: Counter[Any] = Counter()
    for request in requests:
        for datum in request["MetricData"]:
            pairs = tuple((each["Name"], each["Value"]) for each in datum.get("Dimensions", ()))
            resolution = datum.get("StorageResolution", 60)
            series = (request["Namespace"], datum["MetricName"], pairs, datum["Unit"], resolution)
            for value, count in zip(datum.get("Values", ()), datum.get("Counts", ()), strict=True):
                points[series, datum["Timestamp"], value, count] += 1
            if "StatisticValues" in datum:
                members = tuple(datum["StatisticValues"][name] for name in ("SampleCount", "Sum", "Minimum", "Maximum"))
                points[series, datum["Timestamp"], members, 1.0] += 1
    return points


@settings(max_examples=25)
@given(
    log=logs(with_old_lines=True),
    files=st.integers(1, 3),
    answers=st.lists(st.sampled_from(sorted(ANSWERS)), max_size=4),
    epoch=st.sampled_from([1, 1_000_000]),
)
def test_into_a_service_that_answers_as_it_likes(
    tmp_path_factory: pytest.TempPathFactory,
    server: CloudWatchServer,
    sink: MetricsSink,
    log: Log,
    files: int,
    answers: list[str],
    epoch: int,
) -> None:
    """Run after run the ledger balances; in the end each number was accepted, refused or too old, exactly once."""
    directory = tmp_path_factory.mktemp("sink")
    write(directory / "logs", log, files)
    server.requests.clear()
    server.answers = [ANSWERS[name]() for name in answers]
    taken: list[dict[str, Any]] = []
    totals: Counter[str] = Counter()
    before = epochs.EPOCH_DATAPOINTS
    epochs.EPOCH_DATAPOINTS = epoch
    try:
        for _ in range(len(answers) + 1):
            first = len(server.requests)
            with Checkpoints(directory / "checkpoint", sink.destination) as checkpoints:
                account = send(sink, checkpoints, directory / "logs")
            outcomes = (answers[first:] + ["accepted"] * len(server.requests))[: len(server.requests) - first]
            taken += [
                request
                for request, outcome in zip(server.requests[first:], outcomes, strict=True)
                if outcome == "accepted"
            ]
            [destination] = account["destinations"]
            requests = destination["requests"]
            assert requests["planned"] == sum(requests[name] for name in ANSWERS)
            totals.update({name: destination["datapoints"][name] for name in ("accepted", "refused")})
            totals["resumed"] += destination["datapoints"]["resumed"]
            totals["extracted"] += destination["datapoints"]["extracted"]
    finally:
        epochs.EPOCH_DATAPOINTS = before
    assert server.problems() == []
    assert totals["accepted"] + totals["refused"] == totals["extracted"] - totals["resumed"]
    assert totals["accepted"] + totals["refused"] == points_of(log.good).total()
    if "refused" not in answers:
        recent = [one for one in log.good if one["_aws"]["Timestamp"] > NOW_MS - OLD_MS // 2]
        expected, found = merged(points_of(recent)), merged(points_received(taken))
        assert found.keys() == expected.keys()
        assert all(found[key] == pytest.approx(expected[key], rel=1e-15) for key in expected)


@settings(max_examples=15)
@given(log=logs(with_old_lines=True))
def test_into_a_dry_run(tmp_path_factory: pytest.TempPathFactory, log: Log) -> None:
    """Everything that would be sent is pending, everything that would not is refused."""
    path = tmp_path_factory.mktemp("dry") / "a.log"
    path.write_bytes(log.content)
    ledger = Ledger()
    batches = list(pipeline.dry_run(open_sources([str(path)]), ledger=ledger, clock=CLOCK))
    account = balanced(ledger)
    check_records(account, log)
    old = [one for one in log.good if one["_aws"]["Timestamp"] < NOW_MS - OLD_MS // 2]
    sums = state(account, "extracted", "pending", "refused")
    assert sums == {
        "extracted": points_of(log.good).total(),
        "pending": sum(batch.datapoints for batch in batches),
        "refused": points_of(old).total(),
    }


@settings(max_examples=15)
@given(log=logs())
def test_a_check_judges_every_record_and_delivers_nothing(tmp_path_factory: pytest.TempPathFactory, log: Log) -> None:
    """Findings name the lines that are bad, by their numbers."""
    path = tmp_path_factory.mktemp("check") / "a.log"
    path.write_bytes(log.content)
    ledger = Ledger()
    found = list(pipeline.check(open_sources([str(path)]), ledger=ledger, clock=CLOCK))
    account = balanced(ledger)
    check_records(account, log)
    assert account["destinations"] == []
    bad = {number for number, line in enumerate(log.lines, start=1) if line.kind == "rejected"}
    torn = {len(log.lines) + 1} if log.tail else set()
    empty = set() if log.content else {0}
    assert {position.line for position, _ in found} == bad | torn | empty
