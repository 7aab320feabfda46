"""Reads the shared vectors with the processor: the records, findings and datapoints that they state.

`verdicts.json` and the bad files go in; the processor must make of each line and file what the vectors say.
"""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pytest
from bad_files import BadFile, bad_files
from verdict_vectors import LineVector, SourceVector, documents, sources, texts

from flowemf_processor.core.ledger import Ledger
from flowemf_processor.core.parse import parse
from flowemf_processor.model import Event, Incomplete, Line, Other, Position, Record, Rejected, StatisticSet
from flowemf_processor.pipeline.reading import SourceReader
from flowemf_processor.sources.files import FileSource
from flowemf_schemas import limits
from flowemf_schemas.ledger_rules import examine_ledger

NOW_MS = 1_700_000_000_000
KINDS: dict[type, str] = {Event: "metric", Rejected: "rejected", Other: "other", Incomplete: "incomplete"}


class StoppedClock:
    """Tells one time."""

    def now_ms(self) -> int:
        """Give that time."""
        return NOW_MS


def parsed(vector: LineVector) -> Record:
    """Parse a vector as the decoder would hand it over: cut where it is larger than a log event may be."""
    data = vector.data[: limits.EVENT_BYTES]
    line = Line(Position("vector", 1, 0), data, len(vector.data), vector.terminated)
    return parse(line, received_ms=NOW_MS)


def read_file(path: Path, data: bytes) -> tuple[Ledger, list[tuple[int, str]], list[Event]]:
    """Write a file and read it back: the ledger, the findings with their lines, and the events."""
    path.write_bytes(data)
    ledger = Ledger()
    findings, events = [], []
    for step in SourceReader(FileSource(path), ledger=ledger, clock=StoppedClock()).steps():
        findings += [(0, each.reason) for each in step.findings]
        for record in step.records:
            if not isinstance(record, Other):
                findings += [(record.position.line, each.reason) for each in record.findings]
            if isinstance(record, Event):
                events.append(record)
    assert examine_ledger(ledger.as_json()) == []
    return ledger, findings, events


@pytest.mark.parametrize("vector", [*documents(), *texts()], ids=lambda vector: vector.name)
def test_a_line_becomes_the_record_that_the_vector_states(vector: LineVector) -> None:
    """Kind of record, findings and good datapoints."""
    record = parsed(vector)
    found = () if isinstance(record, Other) else record.findings
    datapoints = record.datapoints if isinstance(record, Event) else 0
    assert (KINDS[type(record)], Counter(each.reason for each in found), datapoints) == (
        vector.record,
        vector.findings,
        vector.datapoints,
    )


@pytest.mark.parametrize("vector", sources(), ids=lambda vector: vector.name)
def test_a_source_gives_the_findings_that_the_vector_states(tmp_path: Path, vector: SourceVector) -> None:
    """What is said of a file as a whole, and what is still read of it."""
    ledger, findings, events = read_file(tmp_path / "a.log", vector.data)
    records = {kind: count for kind, count in ledger.as_json()["records"].items() if count and kind != "total"}
    assert (tuple(findings), records) == (vector.findings, vector.records)
    assert sum(event.datapoints for event in events) == vector.datapoints


@pytest.mark.parametrize("bad_file", bad_files(), ids=lambda bad_file: bad_file.name)
def test_a_bad_line_costs_no_good_one(tmp_path: Path, bad_file: BadFile) -> None:
    """Exactly the stated findings at their lines, a balanced ledger, and every good value around the bad line."""
    ledger, findings, events = read_file(tmp_path / bad_file.name, bad_file.data)
    assert tuple(findings) == bad_file.findings
    assert ledger.as_json()["records"] == bad_file.records
    assert sum(event.datapoints for event in events) == bad_file.datapoints
    sums: dict[str, float] = {}
    for measurement in (each for event in events for each in event.measurements):
        values = math.fsum(value * count for value, count in measurement.values)
        sums[measurement.name] = sums.get(measurement.name, 0) + values
    assert sums == bad_file.sums


def test_a_statistic_set_without_its_extremes_keeps_its_sum() -> None:
    """Min and Max of 0 that nobody recorded do not make twelve zeros of twelve values."""
    (vector,) = [each for each in documents() if each.name == "a statistic set whose extremes were not recorded"]
    record = parsed(vector)
    assert isinstance(record, Event)
    (measurement,) = record.measurements
    assert measurement.values == ()
    assert measurement.statistic_set == StatisticSet(count=12, total=1.01, minimum=0, maximum=0)
