"""Judges the shared vectors with the rules, and holds that they leave no row of the table of verdicts out.

`tests/vectors/verdicts.json` goes in; every document must give exactly the findings that the file states.
"""

from __future__ import annotations

from collections import Counter

import pytest
from verdict_vectors import LineVector, documents, sources, texts

from flowemf_schemas import limits
from flowemf_schemas.rules import examine
from flowemf_schemas.verdicts import VERDICTS, Scope

DOCUMENTS, TEXTS, SOURCES = documents(), texts(), sources()
# Given by whoever reads bytes, before there is a document.
OF_THE_TEXT = {
    "not-json",
    "not-a-number",
    "truncated",
    "invalid-utf-8",
    "line-too-large",
    "nesting-too-deep",
    "duplicate-key",
    "line-incomplete",
}
OF_THE_SOURCE = {
    "source-empty",
    "source-not-text",
    "source-truncated",
    "source-damaged",
    "source-expands-too-far",
    "source-trailing-data",
}
# No bytes can stand for a file that cannot be read.
WITHOUT_BYTES = {"source-unreadable"}
# Demanded by the user, not by the format: tests of the conditions have the examples.
OF_THE_CONDITIONS = {"namespace-not-allowed"}
# About what is wrapped around lines: the corpus in tests/vectors/shapes has the examples.
OF_THE_WRAPPER = {
    "format-mismatch",
    "part-missing",
    "part-waiting",
    "wrapper-too-large",
    "wrapped-too-deep",
    "base64-invalid",
    "payload-damaged",
    "payload-too-large",
    "objects-share-line",
}
OF_THE_DOCUMENT = set(VERDICTS) - OF_THE_TEXT - OF_THE_SOURCE - WITHOUT_BYTES - OF_THE_CONDITIONS - OF_THE_WRAPPER


@pytest.mark.parametrize("vector", DOCUMENTS, ids=lambda vector: vector.name)
def test_a_document_gives_exactly_its_findings(vector: LineVector) -> None:
    """The findings that the vector states, each as often, and no other."""
    found = examine(vector.document, size_bytes=len(vector.data))
    assert Counter(each.reason for each in found) == vector.findings


@pytest.mark.parametrize("vector", DOCUMENTS, ids=lambda vector: vector.name)
def test_a_vector_contradicts_neither_scope_nor_itself(vector: LineVector) -> None:
    """A defect of the line rejects it; a line without any, or with notes alone, is a metric line."""
    scopes = {VERDICTS[reason].scope for reason in vector.findings}
    if Scope.LINE in scopes:
        assert vector.record == "rejected"
    elif scopes <= {Scope.NOTE}:
        assert vector.record == "metric"
    assert (vector.record == "rejected") <= (vector.datapoints == 0)


def test_every_reason_has_a_vector_of_its_kind() -> None:
    """Whoever adds a verdict adds an example."""
    assert {reason for vector in DOCUMENTS for reason in vector.findings} == OF_THE_DOCUMENT
    assert {reason for vector in TEXTS for reason in vector.findings} >= OF_THE_TEXT
    assert {reason for vector in SOURCES for _, reason in vector.findings} >= OF_THE_SOURCE


def test_every_reason_of_a_document_stands_alone_in_some_vector() -> None:
    """An example that shows one defect only; the bound on findings cannot."""
    alone = {next(iter(vector.findings)) for vector in DOCUMENTS if len(vector.findings) == 1}
    assert alone == OF_THE_DOCUMENT - {"too-many-findings"}


def test_vectors_have_names_of_their_own() -> None:
    """A failing test names one line."""
    for vectors in (DOCUMENTS, TEXTS, SOURCES):
        names = [vector.name for vector in vectors]
        assert sorted(set(names)) == sorted(names)


def test_the_largest_vector_is_a_log_event_to_the_byte() -> None:
    """The twin of `line-too-large` that is fine."""
    sizes = {vector.name: len(vector.data) for vector in TEXTS}
    assert sizes["a line of exactly 1,048,576 bytes"] == limits.EVENT_BYTES
    assert sizes["a line of 1,048,577 bytes"] == limits.EVENT_BYTES + 1
