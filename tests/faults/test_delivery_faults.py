"""A CloudWatch that fails in every way we know of: nothing is missing, and what may count twice is in the ledger."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
from cloudwatch_server import Answer, CloudWatchServer
from commands import Runs
from delivered import DATAPOINTS_OF_A_LINE, RAW, SHAPES, Document, Shape, documents, expected, judge, write_log
from failing import FAULTS, SLOW, Failing

FILES, LINES = 3, 24
EPOCH_DATAPOINTS = LINES * DATAPOINTS_OF_A_LINE  # every file is an epoch of its own


def logs(directory: Path, dice: Random, shape: Shape = RAW) -> tuple[Path, list[Document]]:
    """Write the logs; give their directory and their documents."""
    (directory / "logs").mkdir()
    several: list[Document] = []
    for number in range(FILES):
        file = documents(dice, LINES, first=number * LINES)
        write_log(directory / "logs" / str(number), file, shape, dice)
        several += file
    return directory / "logs", several


@pytest.mark.parametrize("retries", [False, True], ids=["each run stops at it", "the run tries again"])
@pytest.mark.parametrize("name", FAULTS)
def test_whatever_fails_everything_arrives_and_the_ledger_knows_what_may_count_twice(
    runs: Runs, cloudwatch: CloudWatchServer, figures: Any, name: str, retries: bool
) -> None:
    """Restarted until done, with four requests at once; what certainly was not taken never counts twice."""
    fault, dice = FAULTS[name], Random(name)
    where, several = logs(runs.directory, dice)
    runs.epoch_datapoints, runs.read_timeout_seconds = EPOCH_DATAPOINTS, 0.4
    failing = cloudwatch.answer_to = Failing(fault, dice, most=4)
    retry_for = "20" if retries else "0"
    arguments = [where, "--to", "metrics", "--endpoint-url", cloudwatch.endpoint_url, "--checkpoint", "c"]
    ledger = runs.until_done(*arguments, "--in-flight", "4", "--retry-for", retry_for)
    verdict = judge(cloudwatch.kept, several, ledger)
    assert failing.failed
    assert verdict.missing == 0
    if not fault.may_be_kept:
        assert (verdict.surplus, ledger["destinations"][0]["all_runs"]["sent_again"]) == (0, 0)
    figures(name, runs, cloudwatch, verdict, moments=failing.failed)
    assert (len(runs.ledgers) == 1) == (retries and not fault.is_mended_by_hand)


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.may_be_kept])
def test_what_is_given_up_is_never_sent_twice(
    runs: Runs, cloudwatch: CloudWatchServer, figures: Any, name: str
) -> None:
    """With --on-ambiguous drop; what may be missing is counted."""
    dice = Random(name)
    where, several = logs(runs.directory, dice)
    runs.epoch_datapoints, runs.read_timeout_seconds = EPOCH_DATAPOINTS, 0.4
    failing = cloudwatch.answer_to = Failing(FAULTS[name], dice, most=3)
    arguments = [where, "--to", "metrics", "--endpoint-url", cloudwatch.endpoint_url, "--checkpoint", "c"]
    ledger = runs.until_done(*arguments, "--on-ambiguous", "drop")
    verdict = judge(cloudwatch.kept, several, ledger)
    total = ledger["destinations"][0]["all_runs"]
    assert (verdict.surplus, total["sent_again"]) == (0, 0)
    assert len(runs.ledgers) == 1  # running again would not help, and the exit code says so
    figures(f"{name}, --on-ambiguous drop", runs, cloudwatch, verdict, moments=failing.failed)
    assert total["given_up"] == failing.failed * LINES * DATAPOINTS_OF_A_LINE // 6


@pytest.mark.parametrize("says_which", [True, False], ids=["the error names it", "the error names none"])
def test_a_bad_datum_costs_nothing_but_itself(
    runs: Runs, cloudwatch: CloudWatchServer, figures: Any, says_which: bool
) -> None:
    """Refused by a rule that we do not know, in every request; the others go, and the exit code says so."""
    dice = Random(1)
    where, several = logs(runs.directory, dice)
    bad = {each["Latency"] for each in dice.sample(several, 5)}

    def answer_to(request: dict[str, Any]) -> Answer:
        found = [n for n, datum in enumerate(request["MetricData"], 1) if bad & set(datum["Values"])]
        named = f" for parameter MetricData.member.{found[0]}.Values" if found and says_which else ""
        return Answer(400, "InvalidParameterValue", f"I do not like this{named}.") if found else Answer()

    cloudwatch.answer_to = answer_to
    arguments = [where, "--to", "metrics", "--endpoint-url", cloudwatch.endpoint_url, "--checkpoint", "c"]
    assert runs(*arguments) == 4
    wanted = expected(several)
    datums = {key for key, value in wanted if value in bad}
    refused = sum(count for (key, _), count in wanted.items() if key in datums)
    assert runs.ledgers[-1]["destinations"][0]["all_runs"]["refused"] == refused > len(bad)
    verdict = judge(cloudwatch.kept, several, runs.ledgers[-1])
    assert verdict.missing == refused
    figures("bad datum", runs, cloudwatch, verdict, moments=len(bad))


def test_an_address_that_no_dns_knows_costs_nothing(runs: Runs, cloudwatch: CloudWatchServer, figures: Any) -> None:
    """Nothing can have been taken, so nothing is ambiguous; once the name is known all arrives once."""
    dice = Random(2)
    where, several = logs(runs.directory, dice)
    endpoint_url = cloudwatch.endpoint_url.replace("127.0.0.1", "cloudwatch.flowemf.invalid")
    arguments = [where, "--to", "metrics", "--endpoint-url", endpoint_url, "--checkpoint", "c", "--retry-for", "0.3"]
    assert runs(*arguments) == 3
    assert "unreachable" in runs.ledgers[0]["destinations"][0]["reasons"]
    runs.addresses["cloudwatch.flowemf.invalid"] = "127.0.0.1"
    assert runs(*arguments) == 0
    verdict = judge(cloudwatch.kept, several, runs.ledgers[-1])
    assert (verdict.surplus, verdict.missing) == (0, 0)
    assert runs.ledgers[-1]["destinations"][0]["all_runs"]["sent_again"] == 0
    figures("DNS failure", runs, cloudwatch, verdict, moments=1)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_slow_service_changes_nothing(runs: Runs, cloudwatch: CloudWatchServer, figures: Any, shape: Shape) -> None:
    """Whatever the log is wrapped in; each number arrives once, in one run."""
    dice = Random(3)
    where, several = logs(runs.directory, dice, shape)
    runs.epoch_datapoints = EPOCH_DATAPOINTS
    cloudwatch.answer_to = lambda _: SLOW.answer()
    arguments = [where, "--to", "metrics", "--endpoint-url", cloudwatch.endpoint_url, "--checkpoint", "c"]
    assert runs(*arguments, *shape.options) == 0
    verdict = judge(cloudwatch.kept, several, runs.ledgers[-1])
    assert (verdict.surplus, verdict.missing) == (0, 0)
    figures("slow", runs, cloudwatch, verdict, moments=len(cloudwatch.requests))
