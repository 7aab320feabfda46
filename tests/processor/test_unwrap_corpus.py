"""The corpus of shapes: each file gives the records, numbers and findings that stand beside it as data."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pytest
from replaying import CLOCK, Marks, Pieces, balanced, store
from shape_corpus import DIRECTORY, EXPECTED, Shape, corpus

from flowemf_processor import pipeline
from flowemf_processor.core.decode import LineDecoder
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.core.unwrap import AUTO, EVENT_IDS, NAMES, SeenEvents, Unwrapper, could_be_wrapped
from flowemf_processor.model import Duplicate, Event, Incomplete, Line, Other, Record, Rejected
from flowemf_processor.pipeline.guards import Guards
from flowemf_processor.pipeline.reading import SourceReader
from flowemf_processor.sinks.local import LocalStore

CORPUS = corpus()
KINDS: dict[type, str] = {
    Event: "metric", Rejected: "rejected", Other: "other", Duplicate: "duplicate", Incomplete: "incomplete",
}  # fmt: skip
WITHOUT_DAMAGE = [shape for shape in CORPUS if not {"rejected", "incomplete"} & set(shape.records)]


def read(*pieces: bytes, form: str = AUTO, marks: Marks | None = None, seen: SeenEvents | None = None) -> list[Record]:
    """Read a source; its ledger must balance, and the marks are kept."""
    ledger, records = Ledger(), []
    if seen is None:
        seen = SeenEvents()
        seen.restore(marks.mark(EVENT_IDS) if marks else None)
    guards = Guards(form=form)
    reader = SourceReader(Pieces(*pieces), ledger=ledger, clock=CLOCK, marks=marks, guards=guards, seen=seen)
    for step in reader.steps():
        records += step.records
        if marks is not None:
            marks.keep([step])
    account = balanced(ledger)
    assert account["records"]["total"] == len(records)
    return records


def kinds(records: list[Record]) -> dict[str, int]:
    """Count the records by kind."""
    return dict(Counter(KINDS[type(record)] for record in records))


def totals(records: list[Record]) -> tuple[dict[str, float], dict[str, float]]:
    """Add up what the records hold, by metric: the sums of the values, and how many there are."""
    sums: dict[str, list[float]] = {}
    counts: dict[str, list[float]] = {}
    for record in records:
        for measurement in record.measurements if isinstance(record, Event) else ():
            values = [value * count for value, count in measurement.values]
            how_many = [count for _, count in measurement.values]
            if measurement.statistic_set:
                values, how_many = [measurement.statistic_set.total], [measurement.statistic_set.count]
            sums.setdefault(measurement.name, []).extend(values)
            counts.setdefault(measurement.name, []).extend(how_many)
    return (
        {name: math.fsum(values) for name, values in sums.items()},
        {name: math.fsum(values) for name, values in counts.items()},
    )


def expect(shape: Shape, records: list[Record]) -> None:
    """Compare records with what stands beside the file."""
    assert (kinds(records), *totals(records)) == (shape.records, shape.sums, shape.counts)
    found = [(record.position.line, each.reason) for record in records for each in getattr(record, "findings", ())]
    assert found == shape.findings
    events = [record for record in records if isinstance(record, Event)]
    if shape.received_ms:
        assert [event.timestamp_ms for event in events] == shape.received_ms
    if shape.log_group:
        assert {event.origin.log_group for event in events} == {shape.log_group}


@pytest.mark.parametrize("shape", CORPUS, ids=lambda shape: shape.name)
def test_a_file_of_each_shape_gives_what_is_stated_of_it(shape: Shape) -> None:
    """Kinds of records, sums, counts, findings with their lines, times and log groups."""
    expect(shape, read(shape.data))


@pytest.mark.parametrize("shape", [each for each in CORPUS if each.form != AUTO], ids=lambda shape: shape.name)
def test_naming_the_format_changes_nothing_where_it_fits(shape: Shape) -> None:
    """What is detected is what the format is."""
    expect(shape, read(shape.data, form=shape.form))


def test_each_file_is_stated_and_each_format_has_two() -> None:
    """Nothing lies in the corpus unread."""
    assert {path.name for path in DIRECTORY.iterdir()} == {shape.name for shape in CORPUS} | {EXPECTED.name}
    by_form = Counter(shape.form for shape in CORPUS)
    assert all(by_form[name] >= 2 for name in NAMES if name not in (AUTO, "rejects"))


def test_all_shapes_can_stand_in_one_file() -> None:
    """They are told line by line: the whole corpus in one file gives the sum of its files."""
    data = b"".join(shape.data.removesuffix(b"\n") + b"\n" for shape in WITHOUT_DAMAGE)
    records = read(data)
    sums, _ = totals(records)
    duplicates = kinds(records).get("duplicate", 0)
    assert sum(kinds(records).values()) == sum(sum(shape.records.values()) for shape in WITHOUT_DAMAGE)
    assert duplicates > sum(shape.records.get("duplicate", 0) for shape in WITHOUT_DAMAGE)  # ids are shared among files
    assert sums["A"] > 0
    assert kinds(records).get("rejected", 0) == 0


# --- Both roads -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", CORPUS, ids=lambda shape: shape.name)
def test_the_requests_for_cloudwatch_hold_what_is_stated(shape: Shape) -> None:
    """The numbers of the planned PutMetricData requests, added up."""
    ledger = Ledger()
    batches = list(pipeline.dry_run([Pieces(shape.data)], ledger=ledger, clock=CLOCK))
    sums: dict[str, list[float]] = {}
    counts: dict[str, list[float]] = {}
    for datum in (datum for batch in batches for datum in batch.request["MetricData"]):
        set_of = datum.get("StatisticValues")
        counted = [set_of["SampleCount"]] if set_of else datum["Counts"]
        summed = [set_of["Sum"]] if set_of else [v * c for v, c in zip(datum["Values"], datum["Counts"], strict=True)]
        sums.setdefault(datum["MetricName"], []).extend(summed)
        counts.setdefault(datum["MetricName"], []).extend(counted)
    records = {kind: count for kind, count in balanced(ledger)["records"].items() if count and kind != "total"}
    found = tuple({name: math.fsum(values) for name, values in each.items()} for each in (sums, counts))
    assert (records, *found) == (shape.records, shape.sums, shape.counts)


def test_the_local_store_holds_what_is_stated_of_all_files(tmp_path: Path) -> None:
    """All of the corpus in one run, where ids are shared; a second run brings nothing more."""
    seen = SeenEvents()
    records = [record for shape in CORPUS for record in read(shape.data, seen=seen)]
    with LocalStore(tmp_path / "corpus.duckdb") as local:
        first, second = (store(local, *sorted(DIRECTORY / shape.name for shape in CORPUS)) for _ in range(2))
        ((total, count),) = local.query("SELECT sum(Value * SampleCount), sum(SampleCount) FROM METRICS")
    sums, counts = totals(records)
    assert (total, count) == (pytest.approx(sums["A"]), counts["A"])
    assert {kind: n for kind, n in first["records"].items() if n and kind != "total"} == kinds(records)
    assert second["records"]["metric"] == 0


# --- Where the bytes are split, and where a run ends ------------------------------------------------------------------


def lines_of(*pieces: bytes) -> list[Line]:
    """Cut pieces into lines, with the last one that has no end."""
    decoder = LineDecoder("a.log")
    lines = [line for piece in pieces for line in decoder.feed(piece)]
    rest = decoder.unfinished()
    return [*lines, rest] if rest else lines


@pytest.mark.parametrize("shape", CORPUS, ids=lambda shape: shape.name)
def test_bytes_that_are_split_anywhere_give_the_same_lines(shape: Shape) -> None:
    """Records are made of lines alone: these do not depend on where the bytes were split, at every single byte."""
    data = shape.data
    whole = lines_of(data)
    step = 1 if len(data) < 20_000 else 61
    for place in range(0, len(data), step):
        assert lines_of(data[:place], data[place:]) == whole, place


@pytest.mark.parametrize("shape", CORPUS, ids=lambda shape: shape.name)
def test_a_run_that_ends_behind_any_line_is_gone_on_with(shape: Shape) -> None:
    """What waits for its rest, and which events were seen, is kept with the mark: both runs give what one gives."""
    places = [place + 1 for place, byte in enumerate(shape.data) if byte == ord("\n")][:60]
    for place in places:
        marks = Marks()
        first = [each for each in read(shape.data[:place], marks=marks) if not isinstance(each, Incomplete)]
        records = [*first, *read(shape.data, marks=marks)]
        assert (kinds(records), *totals(records)) == (shape.records, shape.sums, shape.counts)


SMALL_WITH_PARTS = [
    shape for shape in CORPUS if shape.name in {
        "docker-parts.log", "cri-parts.log", "firelens-parts.log", "fluent-bit-logtag.log", "get-log-events.txt",
        "filter-log-events.json", "firehose-object.json", "tail-json.log", "lambda-node.log",
    }
]  # fmt: skip


@pytest.mark.parametrize("shape", SMALL_WITH_PARTS, ids=lambda shape: shape.name)
def test_a_run_that_ends_at_any_byte_loses_no_metric(shape: Shape) -> None:
    """The file was still being written: a torn line, torn wrapper or torn character waits for its rest."""
    for place in range(0, len(shape.data), 11):
        marks = Marks()
        records = [*read(shape.data[:place], marks=marks), *read(shape.data, marks=marks)]
        assert totals(records) == (shape.sums, shape.counts), place
        assert kinds(records).get("rejected", 0) == 0, place


# --- The cheap test ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", CORPUS, ids=lambda shape: shape.name)
def test_what_the_cheap_test_lets_pass_is_one_record_that_stands_for_itself(shape: Shape) -> None:
    """Whoever skips the unwrapper for such lines gets the same records."""
    unwrapper = Unwrapper("a.log")
    for line in lines_of(shape.data):
        needed = unwrapper.is_concerned(line.data)
        assert needed or not could_be_wrapped(line.data)
        if not needed and line.terminated:
            assert unwrapper.unwrap(line) == [line]
        else:
            unwrapper.unwrap(line)


def test_a_line_as_flowemf_writes_it_is_told_by_its_first_bytes() -> None:
    """Nothing else of it is looked at."""
    assert not could_be_wrapped(b'{"_aws"' + b'"log" "eventId" \\"CloudWatchMetrics\\"' * 1000)
