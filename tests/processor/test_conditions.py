"""Reads lines under conditions: strictness, and the namespaces that may be read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from metric_lines import NOW_MS
from verdict_vectors import LineVector, documents

from flowemf_processor.core.conditions import Conditions
from flowemf_processor.core.parse import parse
from flowemf_processor.model import Event, Line, Position, Record, Rejected
from flowemf_schemas import limits
from flowemf_schemas.rules import examine
from flowemf_schemas.verdicts import VERDICTS, Scope

HERE = Position("app.log", 1, 0)
FOREIGN = "namespace-not-allowed"


def directive(namespace: str, *metrics: str) -> dict[str, Any]:
    return {"Namespace": namespace, "Dimensions": [["Op"]], "Metrics": [{"Name": name} for name in metrics]}


def read(document: Any, conditions: Conditions) -> Record:
    data = json.dumps(document).encode()
    return parse(Line(HERE, data, len(data), terminated=True), received_ms=NOW_MS, conditions=conditions)


def document(*directives: dict[str, Any], **targets: Any) -> dict[str, Any]:
    return {"_aws": {"Timestamp": NOW_MS, "CloudWatchMetrics": list(directives)}, "Op": "read", **targets}


@pytest.mark.parametrize("vector", documents(), ids=lambda vector: vector.name)
def test_strict_reading_rejects_what_deserves_a_note_and_changes_nothing_else(vector: LineVector) -> None:
    """Every note takes its line; a line without a note is judged as before."""
    usual, strict = read(vector.document, Conditions()), read(vector.document, Conditions(strict=True))
    noted = any(VERDICTS[reason].scope is Scope.NOTE for reason in vector.findings)
    assert strict == usual if not noted else isinstance(strict, Rejected)
    assert [each.reason for each in strict.findings] == [each.reason for each in usual.findings]  # type: ignore[union-attr]


def test_a_note_counts_as_a_defect_of_the_line_only_in_strict_reading() -> None:
    """Whoever shows findings asks each for its scope."""
    noted = {"_aws": {"CloudWatchMetrics": []}}
    assert [each.scope for each in Conditions().judge(noted)] == [Scope.NOTE]
    assert [each.scope for each in Conditions(strict=True).judge(noted)] == [Scope.LINE]


@pytest.mark.parametrize(
    ("namespaces", "namespace", "allowed"),
    [
        ((), "Anything", True),
        (("Shop",), "Shop", True),
        (("Shop",), "shop", False),
        (("Shop",), "Shop/Orders", False),
        (("Shop*",), "Shop", True),
        (("Shop/*",), "Shop/Orders", True),
        (("Shop/*",), "Shop", False),
        (("Shop/*", "Bank"), "Bank", True),
        (("*",), "Anything", True),
    ],
)
def test_a_namespace_is_allowed_by_its_name_or_its_beginning(
    namespaces: tuple[str, ...], namespace: str, allowed: bool
) -> None:
    """Upper and lower case differ, as they do in CloudWatch."""
    assert Conditions(namespaces=namespaces).allows(namespace) is allowed


def test_a_record_of_a_foreign_namespace_is_rejected() -> None:
    """Nothing of it is left."""
    record = read(document(directive("Mine", "A"), A=1), Conditions(namespaces=("Other",)))
    assert isinstance(record, Rejected)
    assert [(each.reason, each.scope, each.directive) for each in record.findings] == [(FOREIGN, Scope.DIRECTIVE, 0)]
    assert "Mine" in record.findings[0].message
    assert "--namespace" in record.findings[0].hint


def test_a_foreign_directive_takes_itself_and_leaves_its_neighbours() -> None:
    """As with a defect of a metric: what is good of the record is used, and the rest has its reason."""
    both = document(directive("Theirs", "A"), directive("Mine", "A", "B"), A=1, B=2)
    record = read(both, Conditions(namespaces=("Mine",)))
    assert isinstance(record, Event)
    assert [(each.namespace, each.name) for each in record.measurements] == [("Mine", "A"), ("Mine", "B")]
    assert [(each.reason, each.directive) for each in record.findings] == [(FOREIGN, 0)]


def test_without_a_list_every_namespace_is_read() -> None:
    """The rules alone decide, as in CloudWatch."""
    line = document(directive("Theirs", "A"), A=1)
    assert Conditions().judge(line) == examine(line) == []


def test_the_metadata_alone_says_whether_a_line_can_be_at_fault() -> None:
    """Who reads a thousand lines of one directive asks once, and gets the verdict of each."""
    conditions = Conditions(strict=True, namespaces=("Mine",))
    line = document(directive("Theirs", "A"), directive("Mïne", "A"), A="x")
    of_metadata = conditions.judge_metadata(line)
    assert [each.reason for each in of_metadata] == ["namespace-not-ascii", FOREIGN, FOREIGN]
    assert set(of_metadata) <= set(conditions.judge(line))


def test_a_line_of_nothing_but_foreign_directives_costs_no_more_than_others() -> None:
    """Somebody else's line may hold thousands."""
    many = document(*(directive(f"N{number}", "A") for number in range(5000)), A=1)
    record = read(many, Conditions(namespaces=("Mine",)))
    assert isinstance(record, Rejected)
    assert len(record.findings) == limits.FINDINGS_PER_LINE + 1
    assert record.findings[-1].reason == "too-many-findings"


@pytest.mark.parametrize(
    ("value", "hint"),
    [("1.5", "without quotes"), (["1", 2], "without quotes"), (True, "1 for true"), (None, "write a number")],
)
def test_the_remedy_fits_what_stands_in_the_place_of_a_number(value: Any, hint: str) -> None:
    """Nobody is told to take quotes away where there are none."""
    [found] = Conditions().judge(document(directive("Mine", "A"), A=value))
    assert found.reason == "value-not-a-number"
    assert hint in found.hint
