"""Sends a bounded number of series: a request id among the dimensions cannot run up a bill."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from flowemf_schemas import limits
from flowemf_schemas.ledger_rules import examine_ledger

if TYPE_CHECKING:
    from tests.cli.conftest import Flowemf

NOW_MS = int(time.time() * 1000)


def emf(operation: str, value: float = 1) -> bytes:
    directive = {"Namespace": "App", "Dimensions": [["Op"], []], "Metrics": [{"Name": "M"}]}
    metadata = {"Timestamp": NOW_MS, "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": metadata, "Op": operation, "M": value}).encode() + b"\n"


FLOOD = b"".join(emf(f"request-{number}") for number in range(50))
LOG = FLOOD + emf("orders") * 3 + emf("stock") * 2


def planned(command: Flowemf, *options: str) -> tuple[list[dict[str, Any]], dict[str, Any], bytes, int]:
    finished = command("replay", "--to", "metrics", "--dry-run", "--json", *options, stdin=LOG)
    *requests, ledger = map(json.loads, finished.stdout.splitlines())
    assert examine_ledger(ledger) == []
    datums = [datum for request in requests for datum in request["MetricData"]]
    return datums, ledger["destinations"][0], finished.stderr, finished.returncode


def test_series_beyond_the_limit_are_refused_and_counted(flowemf_command: Flowemf) -> None:
    """The busiest keep their places, the ledger balances, and the exit code says that something was refused."""
    datums, account, errors, code = planned(flowemf_command, "--max-series", "3")
    assert [datum.get("Dimensions", []) for datum in datums] == [
        [],
        [{"Name": "Op", "Value": "orders"}],
        [{"Name": "Op", "Value": "stock"}],
    ]
    assert account["datapoints"]["extracted"] == 110
    assert (account["datapoints"]["refused"], account["reasons"]["too-many-series"]) == (50, 50)
    assert code == 4
    assert b"50 datapoints too-many-series: there are more series than --max-series allows" in errors


def test_as_many_series_as_allowed_are_sent(flowemf_command: Flowemf) -> None:
    """The limit itself is no overflow."""
    datums, account, _, code = planned(flowemf_command, "--max-series", "53")
    assert (len(datums), account["datapoints"]["refused"], code) == (53, 0, 0)
    assert planned(flowemf_command)[1]["datapoints"]["refused"] == 0


def test_the_limit_holds_for_what_really_leaves(flowemf_command: Flowemf, cloudwatch: Any, with_variables: Any) -> None:
    """CloudWatch gets the busiest series alone."""
    sending = with_variables(AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x", AWS_REGION="us-east-1")
    words = ("replay", "--to", "metrics", "--no-checkpoint", "--endpoint-url", cloudwatch.endpoint_url)
    finished = sending(*words, "--max-series", "2", stdin=LOG)
    assert finished.returncode == 4, finished.stderr
    names = [datum.get("Dimensions", []) for each in cloudwatch.requests for datum in each["MetricData"]]
    assert names == [[], [{"Name": "Op", "Value": "orders"}]]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--to", "metrics", "--dry-run", "--max-series", "0"], "0 is not in the range x>=1"),
        (["--to", "metrics", "--dry-run", "--max-series", "many"], "'many' is not a valid integer"),
        (["--to", "local", "--max-series", "9"], "--max-series has no meaning with --to local"),
    ],
)
def test_what_cannot_be_a_limit_is_refused(flowemf_command: Flowemf, options: list[str], said: str) -> None:
    """Before anything is read."""
    finished = flowemf_command("replay", *options, stdin=LOG)
    assert (finished.returncode, finished.stdout) == (2, b"")
    assert said in finished.stderr.decode()


def test_the_default_is_stated(flowemf_command: Flowemf) -> None:
    """Whoever reads the help knows what holds without it."""
    assert f"Default: {limits.SERIES_PER_RUN:,}." in " ".join(
        flowemf_command("replay", "--help").stdout.decode().split()
    )
