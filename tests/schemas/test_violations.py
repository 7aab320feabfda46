"""Compares our own reader of the schema with jsonschema: the same violations for any JSON value.

JSON values go in, sound, mutated and hostile; both readers must find the same paths and keywords.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from emf_documents import ODD_VALUES, good_document, json_values, mutated_documents, version0_document
from hypothesis import given, settings

from flowemf_schemas import load, validator
from flowemf_schemas.violations import compile_schema

find = compile_schema(load("emf-accepted"))
Place = tuple[tuple[str | int, ...], str]


def ours(document: Any) -> set[Place]:
    """List paths and keywords as our reader finds them."""
    return {(violation.path, violation.keyword) for violation in find(document)}


def theirs(document: Any) -> set[Place]:
    """List paths and keywords as jsonschema finds them."""
    return {(tuple(error.absolute_path), error.validator) for error in validator("emf-accepted").iter_errors(document)}


@pytest.mark.parametrize("document", [good_document(), version0_document(), {"_aws": {"CloudWatchMetrics": []}}])
def test_a_sound_document_breaks_nothing(document: dict[str, Any]) -> None:
    """Neither reader finds anything in a good document."""
    assert ours(document) == theirs(document) == set()


@given(document=json_values())
@settings(max_examples=150)
def test_both_readers_agree_on_any_json(document: Any) -> None:
    """The schema means the same to our reader as to jsonschema."""
    assert ours(document) == theirs(document)


@given(document=mutated_documents())
@settings(max_examples=300)
def test_both_readers_agree_on_documents_gone_wrong(document: Any) -> None:
    """The same near EMF, where it matters."""
    assert ours(document) == theirs(document)


def test_both_readers_agree_on_every_odd_value_in_every_place() -> None:
    """Each value that has broken a reader before, put at each place that the schema looks at."""
    places = [
        ("_aws",),
        ("_aws", "Timestamp"),
        ("_aws", "CloudWatchMetrics"),
        ("_aws", "CloudWatchMetrics", 0),
        ("_aws", "CloudWatchMetrics", 0, "Namespace"),
        ("_aws", "CloudWatchMetrics", 0, "Dimensions"),
        ("_aws", "CloudWatchMetrics", 0, "Dimensions", 0),
        ("_aws", "CloudWatchMetrics", 0, "Dimensions", 0, 0),
        ("_aws", "CloudWatchMetrics", 0, "Metrics"),
        ("_aws", "CloudWatchMetrics", 0, "Metrics", 0),
        ("_aws", "CloudWatchMetrics", 0, "Metrics", 0, "Name"),
        ("_aws", "CloudWatchMetrics", 0, "Metrics", 0, "Unit"),
        ("_aws", "CloudWatchMetrics", 0, "Metrics", 1, "StorageResolution"),
    ]
    differing = []
    for path in places:
        for value in ODD_VALUES:
            document = good_document()
            container: Any = document
            for step in path[:-1]:
                container = container[step]
            container[path[-1]] = value
            if ours(document) != theirs(document):
                differing.append((path, repr(value)[:40]))
    for member in ("Version", "Timestamp", "CloudWatchMetrics"):
        for value in ODD_VALUES:
            document = version0_document() | {member: value}
            if ours(document) != theirs(document):
                differing.append((("version 0", member), repr(value)[:40]))
    assert differing == []


def test_an_unknown_keyword_is_refused_at_once() -> None:
    """Whoever adds a keyword that our reader lacks learns of it before any line is judged by it."""
    with pytest.raises(KeyError, match="multipleOf"):
        compile_schema({"multipleOf": 2, "x-reasons": {"multipleOf": "value-missing"}})


def test_a_keyword_without_a_reason_is_refused_at_once() -> None:
    """Every defect has its reason code."""
    with pytest.raises(KeyError, match="type"):
        compile_schema({"properties": {"a": {"type": "string"}}})


def test_violations_are_found_lazily() -> None:
    """The first violation costs nothing of what stands behind it: all of them would take far longer."""
    directives = [{}] * 300_000
    started = time.process_time()
    first = next(find({"_aws": {"CloudWatchMetrics": directives}}))
    assert first.path[-1] == 0
    assert time.process_time() - started < 0.1


def test_reasons_are_those_of_the_keyword() -> None:
    """A violation carries the reason, the rule and the value at fault."""
    document = json.loads('{"_aws": {"CloudWatchMetrics": [{"Namespace": "", "Metrics": []}]}}')
    violation = next(find(document))
    assert (violation.reason, violation.keyword, violation.rule, violation.value) == (
        "namespace-invalid",
        "minLength",
        1,
        "",
    )
