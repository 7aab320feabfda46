"""Reads the shared vectors with the processor's parser: the records, findings and datapoints that they state.

`verdicts.json` goes in; the parser must make of each line what the file says.
"""

from __future__ import annotations

from collections import Counter

import pytest
from verdict_vectors import LineVector, documents, texts

from flowemf_processor.core.parse import parse
from flowemf_processor.model import Event, Incomplete, Line, Other, Position, Record, Rejected
from flowemf_schemas import limits

KINDS: dict[type, str] = {Event: "metric", Rejected: "rejected", Other: "other", Incomplete: "incomplete"}


def read(vector: LineVector) -> Record:
    """Parse a vector as the decoder would hand it over: cut where it is larger than a log event may be."""
    data = vector.data[: limits.EVENT_BYTES]
    line = Line(Position("vector", 1, 0), data, len(vector.data), vector.terminated)
    return parse(line, received_ms=1_700_000_000_000)


@pytest.mark.parametrize("vector", [*documents(), *texts()], ids=lambda vector: vector.name)
def test_a_line_becomes_the_record_that_the_vector_states(vector: LineVector) -> None:
    """Kind of record, findings and good datapoints."""
    record = read(vector)
    found = () if isinstance(record, Other) else record.findings
    datapoints = record.datapoints if isinstance(record, Event) else 0
    assert (KINDS[type(record)], Counter(each.reason for each in found), datapoints) == (
        vector.record,
        vector.findings,
        vector.datapoints,
    )
