"""Reads the metrics of some namespaces alone: whoever can write into a log cannot create metrics elsewhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from flowemf_schemas.ledger_rules import examine_ledger

if TYPE_CHECKING:
    from tests.cli.conftest import Flowemf


def emf(*namespaces: str) -> bytes:
    """Write a line with a directive for each namespace."""
    directives = [{"Namespace": each, "Dimensions": [[]], "Metrics": [{"Name": "M"}]} for each in namespaces]
    return json.dumps({"_aws": {"Timestamp": 1700000000000, "CloudWatchMetrics": directives}, "M": 1}).encode() + b"\n"


LOG = emf("Mine") + emf("Theirs") + emf("Mine", "Theirs") + b"hello\n" + emf("Mine/Too")


def stored(command: Flowemf, *options: str) -> dict[str, Any]:
    finished = command("replay", "--to", "local", "--json", *options, stdin=LOG)
    assert finished.returncode == 0, finished.stderr
    ledger: dict[str, Any] = json.loads(finished.stdout)
    assert examine_ledger(ledger) == []
    return ledger


@pytest.mark.parametrize(
    ("options", "metric", "rejected", "datapoints"),
    [
        ((), 4, 0, 5),
        (("--namespace", "Mine"), 2, 2, 2),
        (("--namespace", "Mine*"), 3, 1, 3),
        (("--namespace", "Mine/*"), 1, 3, 1),
        (("--namespace", "Mine", "--namespace", "Theirs"), 3, 1, 4),
        (("--namespace", "mine"), 0, 4, 0),
    ],
)
def test_other_namespaces_are_left_out_and_counted(
    flowemf_command: Flowemf, options: tuple[str, ...], metric: int, rejected: int, datapoints: int
) -> None:
    """A record of which nothing is left is rejected; one with an own directive gives that."""
    ledger = stored(flowemf_command, *options)
    assert (ledger["records"]["metric"], ledger["records"]["rejected"]) == (metric, rejected)
    assert ledger["records"]["other"] == 1
    assert ledger["destinations"][0]["datapoints"]["accepted"] == datapoints
    assert ledger["reasons"].get("namespace-not-allowed", 0) == 5 - datapoints


def test_check_names_the_foreign_namespace_and_what_to_do(flowemf_command: Flowemf) -> None:
    """One finding for each directive."""
    finished = flowemf_command("check", "--json", "--namespace", "Mine*", stdin=LOG)
    found = [json.loads(line) for line in finished.stdout.splitlines()]
    assert finished.returncode == 1
    assert [(each["line"], each["reason"], each["scope"]) for each in found] == [
        (2, "namespace-not-allowed", "directive"),
        (3, "namespace-not-allowed", "directive"),
    ]
    assert found[0]["message"] == 'namespace "Theirs": the namespace is none of those that may be read'
    assert found[0]["hint"] == "allow it with --namespace, or find out who writes it"


def test_nothing_of_a_foreign_namespace_is_planned(flowemf_command: Flowemf) -> None:
    """The requests name the allowed namespaces and no other."""
    log = LOG.replace(b"1700000000000", b"4000000000000")  # too new to be sent: refused, whoever wrote it
    finished = flowemf_command("replay", "--to", "metrics", "--dry-run", "--json", "--namespace", "Mine", stdin=log)
    [ledger] = map(json.loads, finished.stdout.splitlines())
    assert ledger["destinations"][0]["datapoints"]["extracted"] == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "'' is no namespace"),
        (":colon", "':colon' is no namespace"),
        ("x" * 256, "is no namespace: 1 to 255 characters"),
        ("My*App", "'My*App': a * stands for any ending, so it may only be the last character."),
        ("**", "so it may only be the last character."),
    ],
)
@pytest.mark.parametrize("command", [["check"], ["replay", "--to", "local"]], ids=["check", "replay"])
def test_what_is_no_namespace_is_refused(flowemf_command: Flowemf, command: list[str], given: str, said: str) -> None:
    """Before anything is read, with what is allowed."""
    finished = flowemf_command(*command, "--namespace", given, stdin=LOG)
    assert (finished.returncode, finished.stdout) == (2, b"")
    assert said in finished.stderr.decode()
