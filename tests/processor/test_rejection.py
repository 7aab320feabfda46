"""Keeps what records lost, and holds that used and lost together are the record, no more and no less."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from emf_documents import version0_document
from metric_lines import NOW_MS, document, line
from verdict_vectors import LineVector, documents, texts

from flowemf_processor.core.conditions import Conditions
from flowemf_processor.core.parse import parse
from flowemf_processor.core.rewriting import rejection_as_json, rejection_of
from flowemf_processor.model import Event, Line, Origin, Other, Position, Rejected
from flowemf_schemas import validator
from flowemf_schemas.rules import examine


def kept(line: Line, conditions: Conditions | None = None) -> dict[str, Any] | None:
    """Read a line and give what would stand in the file, held to its schema."""
    record = parse(line, received_ms=NOW_MS, conditions=conditions or Conditions())
    rejection = rejection_of(line, record, received_ms=NOW_MS)
    if rejection is None:
        return None
    written = rejection_as_json(rejection)
    assert list(validator("rejects").iter_errors(written)) == []
    return written


def defined(document: Mapping[str, Any]) -> Counter[tuple[str, str]]:
    """Count every pair of dimension set and metric that a document's directives name, good or not."""
    directives = document.get("_aws", document)["CloudWatchMetrics"]
    return Counter(
        (f"{each['Namespace']}{keys}", json.dumps(definition))
        for each in directives
        for keys in each.get("Dimensions", [[]])
        for definition in each["Metrics"]
    )


LOSSY = [vector for vector in documents() if vector.record == "metric"]


@pytest.mark.parametrize("vector", LOSSY, ids=lambda vector: vector.name)
def test_used_and_lost_together_are_the_record(vector: LineVector) -> None:
    """Replaying the lost part brings no number twice and forgets none."""
    whole = line(vector.data)
    record = parse(whole, received_ms=NOW_MS)
    assert isinstance(record, Event)
    used = Counter(
        (measurement.namespace, frozenset(key for key, _ in pairs), measurement.name)
        for measurement in record.measurements
        for pairs in measurement.dimension_sets
    )
    written = kept(whole)
    lost = Counter[tuple[str, str]]() if written is None else defined(json.loads(written["line"]))
    repeated = sum(vector.findings.get(reason, 0) for reason in ("metric-repeated", "dimension-set-repeated"))
    assert sum(used.values()) + lost.total() + repeated == defined(vector.document).total()
    assert lost <= defined(vector.document)


def test_a_repetition_of_what_was_used_is_not_kept() -> None:
    """Alone it would be good, and a replay of the file would count it a second time."""
    twice = document({"A": 1}, dimensions={"Op": "x"})
    twice["_aws"]["CloudWatchMetrics"][0]["Metrics"] *= 2
    twice["_aws"]["CloudWatchMetrics"][0]["Dimensions"] *= 2
    assert kept(line(twice)) is None
    twice["_aws"]["CloudWatchMetrics"][0]["Metrics"].append({"Name": "Gone"})
    written = kept(line(twice))
    assert written is not None
    [directive] = json.loads(written["line"])["_aws"]["CloudWatchMetrics"]
    assert (directive["Dimensions"], directive["Metrics"]) == ([["Op"]], [{"Name": "Gone"}])


def test_what_is_lost_of_a_record_is_lost_again_until_it_is_mended_and_then_is_all_there_was() -> None:
    """The lost part is a metric line; with its defects mended it gives just what the first reading left out."""
    written = kept(
        line({**document({"A": 1, "B": "2"}, dimensions={"Op": "x"}, sets=[["Op"], ["Gone"]]), "Note": "kept"})
    )
    assert written is not None
    assert written["is_part"] is True
    part = json.loads(written["line"])
    assert {each.reason for each in examine(part)} == {"value-not-a-number", "dimension-value-missing"}
    record = parse(line({**part, "B": 2, "Gone": "here"}), received_ms=NOW_MS)
    assert isinstance(record, Event)
    lost = [(each.name, pairs) for each in record.measurements for pairs in each.dimension_sets]
    assert sorted(lost) == [("A", (("Gone", "here"),)), ("B", (("Gone", "here"),)), ("B", (("Op", "x"),))]
    assert part["Note"] == "kept"


def test_the_lost_part_of_a_version_0_record_has_its_metadata_at_the_root() -> None:
    """As the record has it: what is mended and replayed must be read in the same way."""
    old = version0_document()
    directive = old["CloudWatchMetrics"][0]
    directive["Metrics"].append({"Name": "Gone"})
    written = kept(line(old))
    assert written is not None
    part = json.loads(written["line"])
    assert part == {**old, "CloudWatchMetrics": [{**directive, "Metrics": [{"Name": "Gone"}]}]}


def test_a_foreign_directive_is_lost_whole_and_alone() -> None:
    """Whoever allows the namespace later replays just that directive."""
    both = document({"A": 1}, namespace="Mine")
    both["_aws"]["CloudWatchMetrics"] += document({"A": 1}, namespace="Theirs")["_aws"]["CloudWatchMetrics"]
    written = kept(line(both), Conditions(namespaces=("Mine",)))
    assert written is not None
    assert defined(json.loads(written["line"])) == defined(document({"A": 1}, namespace="Theirs"))


@pytest.mark.parametrize(
    "vector", [vector for vector in (*documents(), *texts()) if vector.record == "rejected"], ids=lambda each: each.name
)
def test_a_rejected_record_keeps_its_bytes(vector: LineVector) -> None:
    """As text where they are text, else in base64; what is larger than a log event may be is cut, and measured."""
    whole = Line(Position("a.log", 7, 99), vector.data[: 1 << 20], len(vector.data), vector.terminated)
    written = kept(whole)
    assert written is not None
    text = base64.b64decode(written["line_base64"]) if "line_base64" in written else written["line"].encode()
    assert text == whole.data
    assert (written["line_number"], written["offset_bytes"], written["size_bytes"]) == (7, 99, len(vector.data))
    assert {each["reason"] for each in written["findings"]} == set(vector.findings)


@pytest.mark.parametrize("digits", ["1e400", "9" * 4001, "-" + "9" * 5000])
def test_a_number_that_nothing_can_hold_keeps_its_spelling(digits: str) -> None:
    """Its metric is lost, and whoever mends it can see what was meant."""
    text = json.dumps(document({"A": 1, "B": 2})).replace('"B": 2', f'"B": {digits}')
    written = kept(line(text))
    assert written is not None
    assert json.loads(written["line"])["B"] == digits


def test_a_wrapped_record_keeps_its_time_and_its_identity() -> None:
    """A replay gives an event without a timestamp the time it had, and still knows it again."""
    bare = line(document({"A": "x"}, timestamp_ms=None))
    wrapped = Line(bare.position, bare.data, bare.size_bytes, True, Origin(received_ms=5, event_id="e-1"))
    written = kept(wrapped)
    assert written is not None
    assert (written["received_ms"], written["event_id"]) == (5, "e-1")
    unwrapped = kept(bare)
    assert unwrapped is not None
    assert unwrapped["received_ms"] == NOW_MS
    assert not {"event_id", "event_number"} & set(unwrapped)
    second = kept(Line(Position("a.log", 1, 0, event=2), bare.data, bare.size_bytes, terminated=True))
    assert second is not None
    assert second["event_number"] == 2


def test_what_lost_nothing_is_not_kept() -> None:
    """Good lines, lines with notes, and ordinary log."""
    for text in (json.dumps(document({"A": 1})), json.dumps(document({"A": 1}, timestamp_ms=None)), "hello"):
        assert kept(line(text)) is None
    assert rejection_of(line("x"), Other(line("x").position), received_ms=0) is None


def test_a_name_of_a_file_that_is_no_text_is_spelled_out() -> None:
    """A path may hold any bytes; JSON holds characters."""
    odd = Position("a\udcff.log", 1, 0)
    record = Rejected(odd, tuple(examine([])))
    rejection = rejection_of(Line(odd, b"[]", 2, terminated=True), record, received_ms=0)
    assert rejection is not None
    assert rejection_as_json(rejection)["source"] == "a\\udcff.log"
