"""What the doctor makes of facts and answers: tables of both, without a network."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from flowemf_processor.core.diagnosis import account_checks
from flowemf_processor.core.diagnosis.account_checks import Identity, Refusal
from flowemf_processor.core.diagnosis.log_checks import (
    Check,
    LogFacts,
    Status,
    by_urgency,
    check_dimension_sets,
    check_log,
    check_namespaces,
)
from flowemf_processor.core.roads import Found, GroupFacts

SILENT = Refusal("nobody answers", is_denied=False)
STANDARD = "STANDARD"


@pytest.mark.parametrize(
    ("arn", "source"),
    [
        ("arn:aws:iam::123456789012:user/ada", "arn:aws:iam::123456789012:user/ada"),
        ("arn:aws:sts::123456789012:assumed-role/chat/i-0123", "arn:aws:iam::123456789012:role/chat"),
        ("arn:aws-cn:sts::123456789012:assumed-role/chat/x", "arn:aws-cn:iam::123456789012:role/chat"),
        ("arn:aws:iam::123456789012:root", None),
    ],
)
def test_the_policies_that_count_are_those_of_the_user_or_role(arn: str, source: str | None) -> None:
    """A session has none of its own; the root user is limited by none."""
    assert Identity(arn, "eu-central-1").policy_source == source


@pytest.mark.parametrize(
    ("skew_ms", "status"),
    [
        (None, Status.NOT_DONE),
        (0, Status.OK),
        (30_000, Status.OK),
        (-30_001, Status.NOTE),
        (300_000, Status.NOTE),
        (300_001, Status.PROBLEM),
        (-300_001, Status.PROBLEM),
    ],
)
def test_clocks_may_differ_by_half_a_minute(skew_ms: int | None, status: Status) -> None:
    """At each limit and one beyond it, in both directions."""
    assert account_checks.check_clock(skew_ms).status is status


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        (GroupFacts("g", Found.THERE, STANDARD, 30), Status.OK),
        (GroupFacts("g", Found.THERE, STANDARD, None), Status.NOTE),
        (GroupFacts("g", Found.THERE, "INFREQUENT_ACCESS", 30), Status.PROBLEM),
        (GroupFacts("g", Found.MISSING, said="none"), Status.PROBLEM),
        (GroupFacts("g", Found.FORBIDDEN, said="no"), Status.NOT_DONE),
        (GroupFacts("g", Found.UNREACHABLE, said="away"), Status.NOT_DONE),
    ],
)
def test_only_a_standard_group_extracts(facts: GroupFacts, status: Status) -> None:
    """What could not be seen is no success."""
    [check] = account_checks.check_log_group(facts, "us-east-1")
    assert check.status is status


@pytest.mark.parametrize(
    ("decision", "status", "said"),
    [
        ("allowed", Status.OK, "may call"),
        ("implicitDeny", Status.PROBLEM, "no policy allows it"),
        ("explicitDeny", Status.PROBLEM, "a policy denies it"),
    ],
)
def test_permissions_are_what_the_simulation_says(decision: str, status: Status, said: str) -> None:
    """Denied by a policy, or allowed by none: the remedies differ."""
    [check] = account_checks.check_permissions("arn", {account_checks.PUT_METRIC_DATA: decision})
    assert check.status is status
    assert said in check.found


def test_the_root_user_needs_no_simulation() -> None:
    """No policy of an account limits it, so there is nothing to ask; the advice is to use a role."""
    [check] = account_checks.check_permissions(None, {})
    assert check.status is Status.OK
    assert "better use a role" in check.found


def test_what_gave_no_answer_is_never_a_success() -> None:
    """Each check of an account that is away."""
    checks = [
        account_checks.check_identity(SILENT),
        account_checks.check_clock(None),
        *account_checks.check_permissions("arn", SILENT),
        *account_checks.check_namespace("N", "us-east-1", SILENT),
        account_checks.check_extraction("g", SILENT),
    ]
    assert {each.status for each in checks} == {Status.NOT_DONE}


@pytest.mark.parametrize(
    ("errors", "status"),
    [({"EMFValidationErrors": 0, "EMFParsingErrors": 0}, Status.OK), ({"EMFParsingErrors": 2}, Status.PROBLEM)],
)
def test_extraction_errors_are_counted(errors: dict[str, float], status: Status) -> None:
    """One is enough."""
    assert account_checks.check_extraction("g", errors).status is status


@pytest.mark.parametrize(
    ("key_sets", "status"),
    [
        ({("N", "FlowError"): {("FlowName",), ()}}, Status.OK),
        ({("N", "FlowError"): {("FlowName",)}}, Status.NOTE),
        ({("N", "MyOwn"): {("FlowName",)}}, Status.OK),
    ],
)
def test_totals_are_missed_of_our_own_metrics_alone(key_sets: Any, status: Status) -> None:
    """An application's own metrics have the sets that it asked for."""
    assert check_dimension_sets("log", key_sets).status is status


def test_a_log_has_the_namespaces_that_are_in_it() -> None:
    """One that is there is good; one that is missing is a problem, with the nearest of those that are there."""
    facts = LogFacts(events=1)
    facts.key_sets["Shop/Orders", "Depth"].add(())
    there, missing = check_namespaces("app.log", facts, ["Shop/Orders", "Shop/Order"])
    assert (there.status, missing.status) == (Status.OK, Status.PROBLEM)
    assert "did you mean Shop/Orders?" in missing.found


PROBLEMS = ("value-not-a-number", "metric-repeated", "not-json", "invalid-utf-8", "truncated")
NOTES = ("timestamp-missing", "dimensions-missing", "metrics-empty", "objects-share-line", "part-waiting")


@pytest.mark.parametrize(
    ("reasons", "rest"),
    [
        (PROBLEMS, None),
        ((*PROBLEMS, "timestamp-missing"), Status.NOTE),
        ((*NOTES, "not-json"), Status.PROBLEM),
        ((*PROBLEMS, "timestamp-missing", "line-too-large"), Status.PROBLEM),
    ],
)
def test_what_is_wrong_most_rarely_is_summed_up_as_its_worst(reasons: tuple[str, ...], rest: Status | None) -> None:
    """Five kinds are told one by one; the rest is a problem only if one of it is."""
    counts = {reason: 100 - place for place, reason in enumerate(reasons)}
    checks = [each for each in check_log("app.log", LogFacts(), counts, {}, now_ms=0) if each.name == "valid lines"]
    assert [each.found.split(" ")[0] for each in checks[:5]] == ["100", "99", "98", "97", "96"]
    assert [each.status for each in checks[5:]] == ([rest] if rest else [])


HOSTILE = "Shop'$(touch stolen)`touch stolen`\"; touch stolen #"


@pytest.mark.parametrize(
    "checks",
    [
        list(account_checks.check_namespace(HOSTILE, "us-east-1", SILENT)),
        list(account_checks.check_namespace(HOSTILE, "us-east-1", [])),
        list(account_checks.check_log_group(GroupFacts(HOSTILE, Found.MISSING), "us-east-1")),
        list(account_checks.check_log_group(GroupFacts(HOSTILE, Found.THERE, "INFREQUENT_ACCESS"), "us-east-1")),
        list(account_checks.check_log_group(GroupFacts(HOSTILE, Found.THERE, STANDARD), "us-east-1")),
        [account_checks.check_extraction(HOSTILE, {"EMFParsingErrors": 2})],
    ],
)
def test_commands_can_be_pasted_whatever_a_name_holds(checks: list[Check]) -> None:
    """A namespace comes out of a log: in a shell it stays one word, and runs nothing."""
    commands = [
        each for check in checks for each in check.remedies if each.startswith(("aws ", "flowemf re", "flowemf c"))
    ]
    assert commands
    for command in commands:
        [word] = [each for each in shlex.split(command) if "Shop" in each]
        assert HOSTILE in word


def test_the_most_urgent_stands_first() -> None:
    """And among equals the order of the checks stays."""
    checks = [Check(str(index), status, "x", "y") for index, status in enumerate((*Status, *Status))]
    assert [each.name for each in by_urgency(checks[::-1])] == ["4", "0", "5", "1", "6", "2", "7", "3"]
