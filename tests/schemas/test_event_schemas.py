"""Tries the schemas of the lines that flowemf writes: tables of good events and of events gone wrong.

Events go in; the schemas `emf-written`, `flow-event` and `generation-event` must tell the two apart.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
from emf_documents import good_document, mutated_documents, version0_document, written_document
from hypothesis import given, settings

from flowemf_schemas import limits, names, units, validator
from flowemf_schemas.rules import examine, examine_metadata
from flowemf_schemas.verdicts import Scope


def metadata(metrics: dict[str, str], *sets: list[str]) -> dict[str, Any]:
    """Give the metadata of a line with one directive."""
    definitions = [{names.NAME: name, names.UNIT: unit} for name, unit in metrics.items()]
    directive = {names.NAMESPACE: "MyApp/GenKit", names.DIMENSIONS: list(sets), names.METRICS: definitions}
    return {names.TIMESTAMP: 1_700_000_000_000, names.CLOUDWATCH_METRICS: [directive]}


def event(name: str, metrics: dict[str, str], **members: Any) -> dict[str, Any]:
    """Give a line with the properties that every event has."""
    sets = [[key for key in names.BUILT_IN_DIMENSIONS if key in members], []]
    return {names.AWS: metadata(metrics, *sets), names.EVENT: name, names.SCHEMA_VERSION: 1, **members}


COUNT, MS = units.COUNT, units.MILLISECONDS
WEIGHTED = {names.VALUES: [1.5, 2], names.COUNTS: [10, 10]}

FLOWS = {
    "start": event("flow.start", {"FlowStarted": COUNT}, FlowName="chat", FlowStarted=1),
    "success": event(
        "flow.end",
        {"FlowCompleted": COUNT, "FlowDuration": MS},
        FlowName="chat",
        Status="Success",
        FlowCompleted=1,
        FlowDuration=812.4,
    ),
    "error": event(
        "flow.end",
        {"FlowError": COUNT, "FlowDuration": MS},
        FlowName="chat",
        Status="Error",
        ErrorType="Timeout",
        FlowError=1,
        FlowDuration=30000,
        error_message="m" * limits.ERROR_MESSAGE_LENGTH,
        flow_id="f1",
        parent_flow_id="f0",
        trace_id="t1",
    ),
    "cancelled": event(
        "flow.end",
        {"FlowCancelled": COUNT, "FlowDuration": MS},
        FlowName="chat",
        Status="Cancelled",
        FlowCancelled=1,
        FlowDuration=0,
    ),
    "sampled": event(
        "flow.end",
        {"FlowCompleted": COUNT, "FlowDuration": MS},
        FlowName="chat",
        Status="Success",
        FlowCompleted={names.VALUES: [1], names.COUNTS: [20]},
        FlowDuration=WEIGHTED,
    ),
    "merged, with a property of the application": event(
        "flow.start", {"FlowStarted": COUNT}, FlowName="chat", FlowStarted=[1] * 100, tenant={"a": [None]}
    ),
}
GENERATIONS = {
    "plain": event(
        "generation",
        {"GenerationCount": COUNT, "GenerationDuration": MS},
        ModelID="model-1",
        GenerationCount=1,
        GenerationDuration=95.5,
    ),
    "everything": event(
        "generation",
        {"GenerationCount": COUNT, "GenerationDuration": MS, "TimeToFirstToken": MS, "EstimatedCost": units.NONE}
        | {name: COUNT for name in names.GENERATION_METRICS if name.endswith(("Tokens", "Used", "Error"))},
        ModelID="model-1",
        ErrorType="Throttling",
        **dict.fromkeys(names.GENERATION_METRICS, 1),
        flow_id="f1",
        trace_id="t1",
        span_id="53995c3f42cd8ad8",
        resolved_model_id="model-1-20260101",
        error_message="slow down",
    ),
    "weighted": event(
        "generation",
        {"GenerationCount": COUNT, "GenerationDuration": MS},
        ModelID="model-1",
        GenerationCount={names.VALUES: [1], names.COUNTS: [2]},
        GenerationDuration=WEIGHTED,
    ),
}


class _Removed:
    """Stands for a member that is taken away; its name is the same in every process, as pytest-xdist needs it."""

    def __repr__(self) -> str:
        return "left out"


REMOVE = _Removed()
ANY_EVENT = [
    ({"schema_version": 2}, "another version"),
    ({"schema_version": REMOVE}, "no version"),
    ({"event": REMOVE}, "no event name"),
    ({"event": "metric"}, "another event"),
    ({"error_message": "m" * (limits.ERROR_MESSAGE_LENGTH + 1)}, "an error message that is too long"),
    ({"error_message": None}, "an error message of null"),
    ({"trace_id": ""}, "an empty trace identifier"),
    ({"_aws": REMOVE}, "no metadata"),
]
WRONG_FLOWS = [
    *(("success", change, why) for change, why in ANY_EVENT),
    *(
        (kind, {"FlowName": value}, f"FlowName {value!r}"[:40])
        for kind in ("start", "error")
        for value in (REMOVE, "", " ", "é", "a\n", "x" * 1025, 7)
    ),
    ("start", {"FlowStarted": REMOVE}, "a start that does not count"),
    ("start", {"FlowStarted": "1"}, "a count in quotes"),
    ("start", {"FlowStarted": True}, "a count that is a bool"),
    ("start", {"FlowStarted": []}, "no values"),
    ("start", {"FlowStarted": [1] * 101}, "101 values"),
    ("start", {"FlowStarted": {"Values": [1], "Counts": [0]}}, "a count of nothing"),
    ("start", {"FlowStarted": {"Values": [1], "Counts": [1], "Sum": 1}}, "members that flowemf does not write"),
    ("start", {"Status": "Success"}, "a start with a state"),
    ("start", {"FlowDuration": 1}, "a start with a duration"),
    ("success", {"FlowStarted": 1}, "an end that counts a start"),
    ("success", {"Status": REMOVE}, "an end without a state"),
    ("success", {"Status": "Done"}, "an unknown state"),
    ("success", {"Status": "Error"}, "a state that contradicts the count"),
    ("success", {"FlowCompleted": REMOVE}, "an end that counts nothing"),
    ("success", {"FlowError": 1}, "two outcomes"),
    ("success", {"ErrorType": "Timeout"}, "a success with an error type"),
    ("error", {"ErrorType": REMOVE}, "an error without a type"),
    ("error", {"ErrorType": ""}, "an empty error type"),
    ("error", {"Status": "Success"}, "an error that says success"),
    ("cancelled", {"FlowError": 1}, "cancelled and failed at once"),
    ("cancelled", {"ErrorType": "Timeout"}, "cancelled with an error type"),
    ("start", {"parent_flow_id": ""}, "an empty parent"),
]
WRONG_GENERATIONS = [
    *(("plain", change, why) for change, why in ANY_EVENT),
    *(
        ("plain", {"ModelID": value}, f"ModelID {value!r}"[:40])
        for value in (REMOVE, "", " ", "é", "a\n", "x" * 1025, 7)
    ),
    ("plain", {"GenerationCount": REMOVE}, "a generation that does not count"),
    ("plain", {"GenerationError": 1}, "an error without a type"),
    ("plain", {"ErrorType": "Timeout"}, "a type without an error"),
    ("plain", {"resolved_model_id": ""}, "an empty model"),
    *(("everything", {name: "1"}, f"{name} in quotes") for name in names.GENERATION_METRICS),
    *(("everything", {name: None}, f"{name} of null") for name in names.GENERATION_METRICS),
]


def changed(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Give a copy with other members, or without some."""
    merged = copy.deepcopy(document) | changes
    return {member: value for member, value in merged.items() if value is not REMOVE}


@pytest.mark.parametrize("kind", FLOWS)
def test_a_flow_event_is_valid(kind: str) -> None:
    """Start, every outcome, weighted and merged lines: valid as events, and flawless to the rules."""
    assert list(validator("flow-event").iter_errors(FLOWS[kind])) == []
    assert examine(FLOWS[kind]) == []
    assert not validator("generation-event").is_valid(FLOWS[kind])


@pytest.mark.parametrize("kind", GENERATIONS)
def test_a_generation_event_is_valid(kind: str) -> None:
    """With all its metrics or the two that it must have."""
    assert list(validator("generation-event").iter_errors(GENERATIONS[kind])) == []
    assert examine(GENERATIONS[kind]) == []
    assert not validator("flow-event").is_valid(GENERATIONS[kind])


@pytest.mark.parametrize(
    ("kind", "changes", "why"), WRONG_FLOWS, ids=[f"{kind}: {why}" for kind, _, why in WRONG_FLOWS]
)
def test_a_flow_event_gone_wrong_is_refused(kind: str, changes: dict[str, Any], why: str) -> None:
    """One change makes a good event wrong."""
    assert not validator("flow-event").is_valid(changed(FLOWS[kind], changes))


@pytest.mark.parametrize(
    ("kind", "changes", "why"), WRONG_GENERATIONS, ids=[f"{kind}: {why}" for kind, _, why in WRONG_GENERATIONS]
)
def test_a_generation_event_gone_wrong_is_refused(kind: str, changes: dict[str, Any], why: str) -> None:
    """One change makes a good event wrong."""
    assert not validator("generation-event").is_valid(changed(GENERATIONS[kind], changes))


# --- emf-written ------------------------------------------------------------------------------------------------------

DIRECTIVE = ("_aws", "CloudWatchMetrics", 0)
WRONG_WRITTEN: list[tuple[tuple[str | int, ...], Any, str]] = [
    (("_aws", "Timestamp"), REMOVE, "no timestamp"),
    (("_aws", "Timestamp"), "1700000000000", "a timestamp as text"),
    (("_aws", "Extra"), 1, "an unknown member of the metadata"),
    (("_aws", "LogGroupName"), "a group\n", "a log group that no service takes"),
    (("_aws", "CloudWatchMetrics"), [], "no directive"),
    ((*DIRECTIVE, "Extra"), 1, "an unknown member of a directive"),
    ((*DIRECTIVE, "Dimensions"), REMOVE, "no dimensions member"),
    ((*DIRECTIVE, "Dimensions"), [], "no dimension set"),
    ((*DIRECTIVE, "Dimensions"), [[], []], "a set listed twice"),
    ((*DIRECTIVE, "Dimensions"), [["FlowName", "FlowName"]], "a key listed twice"),
    ((*DIRECTIVE, "Dimensions"), [["Größe"]], "a key beyond ASCII"),
    ((*DIRECTIVE, "Dimensions"), [[":a"]], "a key with a colon first"),
    ((*DIRECTIVE, "Dimensions"), [[" a"]], "a key with a space first"),
    ((*DIRECTIVE, "Dimensions"), [["a\n"]], "a key with a newline last"),
    ((*DIRECTIVE, "Namespace"), "MyApp\n", "a namespace with a newline last"),
    ((*DIRECTIVE, "Namespace"), "Größe", "a namespace beyond ASCII"),
    ((*DIRECTIVE, "Metrics"), [], "no metric"),
    ((*DIRECTIVE, "Metrics", 0, "Unit"), REMOVE, "no unit"),
    ((*DIRECTIVE, "Metrics", 0, "Name"), "a\n", "a name with a newline last"),
    ((*DIRECTIVE, "Metrics", 0, "StorageResolution"), 60, "the default resolution spelled out"),
    ((*DIRECTIVE, "Metrics", 0, "Extra"), 1, "an unknown member of a metric"),
]


@pytest.mark.parametrize(("path", "value", "why"), WRONG_WRITTEN, ids=[why for _, _, why in WRONG_WRITTEN])
def test_flowemf_writes_nothing_optional_or_doubtful(path: tuple[str | int, ...], value: Any, why: str) -> None:
    """What others may write and CloudWatch takes, or half takes, is no line of ours."""
    document: Any = written_document()
    container = document
    for step in path[:-1]:
        container = container[step]
    if value is REMOVE:
        del container[path[-1]]
    else:
        container[path[-1]] = value
    assert not validator("emf-written").is_valid(document)


def test_what_others_write_is_accepted_and_not_written() -> None:
    """Version 0 and missing units are fine to read."""
    assert validator("emf-written").is_valid(written_document())
    for document in (good_document(), version0_document()):
        assert validator("emf-accepted").is_valid(document)
        assert not validator("emf-written").is_valid(document)


@given(document=mutated_documents())
@settings(max_examples=300)
def test_what_flowemf_may_write_cloudwatch_accepts(document: Any) -> None:
    """The strict schema admits nothing that the lenient one refuses, nor anything that deserves a note."""
    if validator("emf-written").is_valid(document):
        assert validator("emf-accepted").is_valid(document)
        assert [each for each in examine_metadata(document) if each.scope is Scope.NOTE] == []
