"""Tries the rules about parsed documents: agreement with the schema, no exception for any JSON, bounded work.

JSON values go in, sound, mutated and hostile; findings must come out, each of a known reason and quickly.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from emf_documents import ODD_VALUES, good_document, json_values, mutated_documents, version0_document
from hypothesis import given, settings

from flowemf_schemas import limits, names, validator
from flowemf_schemas.findings import shown
from flowemf_schemas.rules import (
    Finding,
    dimension_sets_of,
    examine,
    examine_metadata,
    examine_targets,
    metadata_of,
    target_reason,
)
from flowemf_schemas.targets import target_note
from flowemf_schemas.verdicts import VERDICTS, Scope


def reasons(document: Any) -> list[str]:
    """List the reason codes of a document's findings."""
    return [finding.reason for finding in examine(document)]


def schema_reasons(document: Any) -> set[str]:
    """List the reason codes by way of jsonschema."""
    errors = validator("emf-accepted").iter_errors(document)
    return {error.schema["x-reasons"][error.validator] for error in errors}


def must_be_sound(findings: list[Finding]) -> None:
    """Hold what holds for every finding: words on one line, and places that are indexes."""
    for each in findings:
        assert each.scope in Scope
        assert each.hint
        assert each.message.isprintable()
        assert len(each.message) < 500
        for index in (each.directive, each.dimension_set, each.metric):
            assert index is None or index >= 0


# --- Agreement --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", [good_document(), version0_document()])
def test_a_flawless_document_has_no_findings(document: dict[str, Any]) -> None:
    """Every shape of a target, two directives, either version: nothing to complain about."""
    assert examine(document) == []


@given(document=json_values())
@settings(max_examples=200)
def test_any_json_value_can_be_examined(document: Any) -> None:
    """Whatever stands in a log, the answer is a list of findings and never an exception."""
    must_be_sound(examine(document))


@given(document=mutated_documents())
@settings(max_examples=200)
def test_findings_about_the_metadata_are_what_the_schema_says(document: Any) -> None:
    """The same reasons as jsonschema's, as far as the line was looked at; notes only where the schema is content."""
    found = examine_metadata(document)
    must_be_sound(found)
    reasons = {each.reason for each in found if each.scope is not Scope.NOTE}
    if "too-many-findings" in reasons:  # the rest was not looked at
        assert reasons - {"too-many-findings"} <= schema_reasons(document)
    else:
        assert reasons == schema_reasons(document)
    assert (not any(each.scope is not Scope.NOTE for each in found)) == validator("emf-accepted").is_valid(document)


@given(document=mutated_documents())
@settings(max_examples=100)
def test_a_remembered_document_gets_the_same_answer(document: Any) -> None:
    """Findings do not depend on what was examined before."""
    before = examine(document)
    examine(good_document())
    assert examine(copy.deepcopy(document)) == before


def test_what_is_remembered_is_told_apart_by_type() -> None:
    """After a good list of directives, one that differs only in 1, 1.0, true or "1" is judged by itself."""
    document = good_document()
    assert examine(document) == []
    for resolution, is_good in ((1, True), (1.0, True), ("1", False), (True, False), (1.5, False)):
        other = good_document()
        other["_aws"]["CloudWatchMetrics"][0]["Metrics"][1]["StorageResolution"] = resolution
        assert (examine(other) == []) is is_good, resolution


@given(document=mutated_documents())
@settings(max_examples=100)
def test_examined_targets_need_only_sound_metadata(document: Any) -> None:
    """Where no finding of scope `line` concerns the metadata, the targets can be looked at."""
    if not any(each.scope is Scope.LINE for each in examine_metadata(document)):
        must_be_sound(examine_targets(document))


# --- Values that break readers ----------------------------------------------------------------------------------------


HUGE = 10**5000


@pytest.mark.parametrize("value", [HUGE, -HUGE, [HUGE], {"Sum": HUGE}, {"Values": [HUGE]}], ids=list("abcde"))
def test_an_integer_too_long_to_print_is_found_and_named(value: Any) -> None:
    """Python refuses to print integers of more than 4,300 digits, and nothing here trips over that."""
    for member in ("FlowDuration", "FlowName", "_aws"):
        document = good_document() | {member: value}
        found = examine(document)
        assert found
        must_be_sound(found)
    directives = good_document()
    directives["_aws"]["CloudWatchMetrics"][0]["Namespace"] = value
    assert "namespace-invalid" in reasons(directives)


def test_deep_values_are_shown_by_their_beginning() -> None:
    """A dimension value of a thousand levels is refused like any other object."""
    deep: Any = 0
    for _ in range(5000):
        deep = [deep]
    document = good_document() | {"FlowName": deep}
    assert reasons(document) == ["dimension-value-not-a-string"] * 2


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (0, None),
        (-0.0, None),
        (5e-324, None),
        (2**360, None),
        (-(2**360), None),
        (2.0**360, None),
        (2**360 + 1, "value-out-of-range"),
        (-(2**360) - 1, "value-out-of-range"),
        (2.0**360 * (1 + 2**-52), "value-out-of-range"),
        (10**400, "value-out-of-range"),
        (float("inf"), "value-out-of-range"),
        (float("nan"), "value-out-of-range"),
        (True, "value-not-a-number"),
        (None, "value-not-a-number"),
        ("1", "value-not-a-number"),
        ([], "values-empty"),
        ([1] * 100, None),
        ([1] * 101, "too-many-values"),
        ([1, [2]], "value-not-a-number"),
        ([1, float("nan")], "value-out-of-range"),
        ({}, "value-not-a-number"),
        ({"Latency": 1}, "value-not-a-number"),
        ({"Values": [1] * 100, "Counts": [0.5] * 100}, None),
        ({"Values": [1], "Counts": [1], "Sum": "ignored"}, None),
        ({"Values": [1] * 101, "Counts": [1] * 101}, "too-many-values"),
        ({"Values": [], "Counts": []}, "values-empty"),
        ({"Values": [1]}, "counts-mismatch"),
        ({"Counts": [1]}, "counts-mismatch"),
        ({"Values": 1, "Counts": 1}, "counts-mismatch"),
        ({"Values": [1, 2], "Counts": [1]}, "counts-mismatch"),
        ({"Values": ["1"], "Counts": [1]}, "value-not-a-number"),
        ({"Values": [1], "Counts": [0]}, "count-not-positive"),
        ({"Values": [1], "Counts": [True]}, "count-not-positive"),
        ({"Values": [1], "Counts": [float("nan")]}, "value-out-of-range"),
        ({"Values": [1], "Counts": [1e200]}, "value-out-of-range"),
        ({"Min": 1, "Max": 1, "Sum": 1, "Count": 1}, None),
        ({"Min": 0.1, "Max": 0.1, "Sum": 0.1 + 0.1 + 0.1, "Count": 3}, None),
        ({"Min": -3, "Max": -1, "Sum": -4, "Count": 2}, None),
        ({"Min": 1, "Max": 2}, "statistic-set-incomplete"),
        ({"Min": 1, "Max": 2, "Sum": "3", "Count": 2}, "statistic-set-incomplete"),
        ({"Min": 1, "Max": 2, "Sum": 3, "Count": 0}, "count-not-positive"),
        ({"Min": 1, "Max": 2, "Sum": 3, "Count": -2}, "count-not-positive"),
        ({"Min": 1, "Max": 2, "Sum": 10**400, "Count": 2}, "value-out-of-range"),
        ({"Min": 2, "Max": 1, "Sum": 3, "Count": 2}, "statistic-set-incoherent"),
        ({"Min": 1, "Max": 2, "Sum": 5, "Count": 2}, None),
    ],
)
def test_a_target_is_a_number_or_numbers(value: Any, reason: str | None) -> None:
    """What can be the target of a metric, at each limit and one step over."""
    assert target_reason(value) == reason


@pytest.mark.parametrize(
    ("low", "high", "total", "count", "is_odd"),
    [
        (1, 2, 3, 2, False),
        (0.1, 0.1, 0.1 + 0.1 + 0.1, 3, False),
        (0.7, 0.7, 6.999999999999999, 10, False),  # ten times 0.7, added up
        (-3, -1, -4, 2, False),
        (0, 0, 0, 7, False),
        (0, 0, 1.01, 12, True),  # what OpenTelemetry writes where it did not record them
        (1, 2, 5, 2, True),
        (1, 2, 1, 2, True),
        (1, 2, 3, 5e-324, True),
        (2.0**360, 2.0**360, 2.0**360, 1, False),
    ],
)
def test_a_mean_outside_of_its_extremes_is_noted(
    low: float, high: float, total: float, count: float, is_odd: bool
) -> None:
    """CloudWatch takes such a set, so it is no defect; but somebody should know."""
    target = {"Min": low, "Max": high, "Sum": total, "Count": count}
    assert target_reason(target) is None
    assert target_note(target) == ("statistic-set-mean-outside" if is_odd else None)


def test_many_odd_sets_make_one_note() -> None:
    """A collector's line may define dozens of histograms in many directives."""
    metrics = [{"Name": f"m{number}"} for number in range(100)]
    directives = [{"Namespace": "n", "Dimensions": [[]], "Metrics": metrics}] * 3
    targets = {f"m{number}": {"Min": 0, "Max": 0, "Sum": 5, "Count": 2} for number in range(100)}
    (found,) = examine({"_aws": {"Timestamp": 1, "CloudWatchMetrics": directives}} | targets)
    assert found.reason == "statistic-set-mean-outside"
    assert "and 99 more" in found.message


@pytest.mark.parametrize("value", ODD_VALUES)
def test_odd_values_are_shown_on_one_line(value: Any) -> None:
    """A message never breaks the line or the terminal that shows it."""
    text = shown(value)
    assert text.isprintable()
    assert 0 < len(text) < 130


# --- Where a finding is -----------------------------------------------------------------------------------------------


def test_a_finding_says_which_part_of_which_directive() -> None:
    """The indexes let a reader drop one metric or one dimension set and keep the rest."""
    document = good_document()
    del document["ModelID"]
    document["TokensUsed"] = "12"
    first, second = examine(document)
    assert (first.reason, first.directive, first.dimension_set, first.metric) == ("dimension-value-missing", 1, 0, None)
    assert (second.reason, second.directive, second.dimension_set, second.metric) == ("value-not-a-number", 1, None, 0)
    assert second.message == 'metric "TokensUsed" is "12": a metric\'s value must be a number or an array of numbers'


def test_a_message_shows_short_values_and_says_how_long_others_are() -> None:
    """Eight items still fit a line; of nine only the number is told."""
    document = good_document()
    document["TokensUsed"] = ["x"] * 8
    (short,) = examine(document)
    assert short.message.startswith('metric "TokensUsed" is ["x", "x", "x", "x", "x", "x", "x", "x"]:')
    document["TokensUsed"] = ["x"] * 9
    (long,) = examine(document)
    assert long.message.startswith('metric "TokensUsed" (an array of 9 items):')


def test_a_metric_without_a_good_name_is_told_by_its_place() -> None:
    """A name that is none would name nothing."""
    document = good_document()
    document["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"] = 5
    (found,) = examine(document)
    assert found.message.startswith("_aws.CloudWatchMetrics[0].Metrics[0].Name is 5:")


def test_a_wrong_unit_comes_with_the_right_one() -> None:
    """The message names the metric and the unit as it stands there; the hint names what was meant."""
    document = good_document()
    document["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Unit"] = "ms"
    (found,) = examine(document)
    assert found.message.startswith(
        'metric "FlowDuration", _aws.CloudWatchMetrics[0].Metrics[0].Unit is "ms": the unit is none'
    )
    assert found.hint == 'did you mean "Milliseconds"?'


def test_one_defect_is_told_once() -> None:
    """Neither two broken keywords of one cause nor three sets with one key make three findings of it."""
    assert reasons({}) == ["metadata-missing"]
    assert reasons({"_aws": {"Timestamp": 1, "CloudWatchMetrics": [{}]}}) == ["directive-incomplete"]
    document = good_document()
    document["_aws"]["CloudWatchMetrics"][0]["Namespace"] = ""
    assert reasons(document) == ["namespace-invalid"]
    assert reasons(good_document() | {"FlowName": ""}) == ["dimension-value-empty"]
    assert reasons(good_document() | {"FlowName": "é", "Status": "ü"}) == ["dimension-value-not-ascii"]


def test_a_metric_that_is_defined_twice_has_one_value_to_judge() -> None:
    """The second definition is told of as such, and its value is not blamed again."""
    document = good_document() | {"TokensUsed": "12"}
    document["_aws"]["CloudWatchMetrics"][1]["Metrics"] = [{"Name": "TokensUsed"}, {"Name": "TokensUsed"}]
    assert reasons(document) == ["value-not-a-number", "metric-repeated"]


def test_a_version_0_document_without_a_version_is_told_so() -> None:
    """It is not taken for one whose version is null."""
    document = version0_document()
    del document["Version"]
    assert reasons(document) == ["metadata-missing"]
    assert reasons(document | {"Version": None}) == ["version-unknown"]


def test_the_metadata_of_either_version_is_found() -> None:
    """`_aws` where it is, else the root; a directive without Dimensions has one empty set."""
    assert metadata_of(good_document())[names.TIMESTAMP] == 1_700_000_000_000
    assert metadata_of(version0_document())[names.TIMESTAMP] == "1700000000000"
    assert dimension_sets_of({}) == [[]]


# --- Hostile lines ----------------------------------------------------------------------------------------------------


def hostile(change: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Give a document of about a megabyte whose first directive was changed."""
    document = good_document() | members
    document["_aws"]["CloudWatchMetrics"][0].update(change)
    return document


def of_directives(directives: list[Any]) -> dict[str, Any]:
    """Give a document of nothing but directives."""
    return {"_aws": {"Timestamp": 1, "CloudWatchMetrics": directives}}


LARGE = 1_000_000
HOSTILE: dict[str, Callable[[], Any]] = {
    "numbers for metrics": lambda: hostile({"Metrics": [1] * (LARGE // 2)}),
    "metrics without end": lambda: hostile({"Metrics": [{"Name": "m"}] * (LARGE // 13)}),
    "wrong units": lambda: hostile({"Metrics": [{"Name": "m", "Unit": "Milisecondz"}] * (LARGE // 33)}),
    "empty sets": lambda: hostile({"Dimensions": [[]] * (LARGE // 3)}),
    "one large set": lambda: hostile({"Dimensions": [["a"] * (LARGE // 4)]}),
    "empty directives": lambda: of_directives([{}] * (LARGE // 3)),
    "idle directives": lambda: of_directives([{"Namespace": "a", "Metrics": []}] * (LARGE // 33)),
    "sets that point at a large array": lambda: hostile({"Dimensions": [["a"]] * 70_000}, a=list(range(70_000))),
    "sets that point at a long text": lambda: hostile({"Dimensions": [["a"]] * 70_000}, a="x" * (LARGE // 2)),
    "directives that point at one array": lambda: (
        of_directives([{"Namespace": "a", "Metrics": [{"Name": "m"}]}] * (LARGE // 45)) | {"m": [1] * 100}
    ),
    "a name of a megabyte": lambda: hostile({"Metrics": [{"Name": "n" * LARGE, "Unit": "u" * LARGE}]}),
    "odd keys by the thousand": lambda: hostile({"Dimensions": [[f"ключ{number}"] for number in range(20_000)]}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_line_costs_little_and_says_little(name: str) -> None:
    """A line of 1 MB that was written to hurt takes a fraction of a second, and its findings fit on a screen."""
    document = HOSTILE[name]()
    started = time.process_time()
    found = examine(document)
    assert time.process_time() - started < 1.5
    assert len(found) <= 2 * limits.FINDINGS_PER_LINE
    must_be_sound(found)


def test_the_findings_of_a_line_are_bounded_and_the_bound_is_told() -> None:
    """Exactly as many as are allowed are all told; with one more the line is given up as a whole."""

    def with_missing(sets: int) -> dict[str, Any]:
        document = good_document()
        document["_aws"]["CloudWatchMetrics"][0]["Dimensions"] = [[f"k{number}"] for number in range(sets)]
        return document

    most = limits.FINDINGS_PER_LINE
    assert reasons(with_missing(most)) == ["dimension-value-missing"] * most
    assert reasons(with_missing(most + 1)) == ["dimension-value-missing"] * most + ["too-many-findings"]
    assert VERDICTS["too-many-findings"].scope is Scope.LINE


def test_the_size_of_the_line_is_judged_where_it_is_known() -> None:
    """A line of exactly 1 MB is fine, and one byte more is not."""
    assert examine(good_document(), size_bytes=limits.EVENT_BYTES) == []
    (found,) = examine(good_document(), size_bytes=limits.EVENT_BYTES + 1)
    assert found.reason == "line-too-large"


def test_findings_survive_the_trip_through_json() -> None:
    """A message holds nothing that a report in JSON cannot carry."""
    document = good_document() | {"FlowName": "\ud800", "Status": "a\u2028b"}
    (found,) = examine(document)
    assert json.loads(json.dumps(found.message).encode()) == found.message
