"""Lines that go to CloudWatch Logs, or by whichever road is open, while requests fail and the run is killed.

The variable FAULT_ROUNDS chooses how many rounds of five kills there are for each destination.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from account_server import DENIED, AccountServer, Fault, Group
from commands import Kills, Runs
from delivered import RAW, Document, documents, expected, write_log

GROUP, STREAM = "/chat/app", "flowemf"
LINES = 24
DAYS = 6  # a request may not span more than one
KILLS = 5
LONGEST_RUN_SECONDS = 0.5
TAKEN_OR_NOT = {
    "500": Fault(500),
    "503": Fault(503, "ServiceUnavailableException"),
    "hangs up": Fault(0),
}
NEVER_TAKEN = {
    "throttled": Fault(400, "ThrottlingException"),
    "expired credentials": Fault(400, "ExpiredTokenException"),
}


class KillingAccount(AccountServer):
    """An account that can kill a run when it has a certain request in its hands."""

    def __init__(self) -> None:
        super().__init__()
        self.groups[GROUP] = Group(streams={STREAM})
        self.kills: Kills | None = None

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any] | Fault:
        """Answer, and kill the run once the request has taken effect, or before its answer is known."""
        answer = super().answer(operation, request)
        if self.kills is not None and self.kills.is_due():
            self.kills.kill()
        return answer

    def points(self) -> Counter[Any]:
        """List every number that CloudWatch shows, by whatever road it came, as often as it counts."""
        counts: Counter[Any] = Counter()
        for series, minutes in self.shown().items():
            for minute_s, values in minutes.items():
                for value, count in values:
                    key = (series.namespace, series.metric, tuple(sorted(series.dimensions)), minute_s)
                    counts[key, value] += int(count)
        return counts


@pytest.fixture
def account() -> Iterator[KillingAccount]:
    """Give an account with a standard log group."""
    with KillingAccount() as server:
        yield server


def arguments_of(runs: Runs, account: AccountServer, destination: str) -> list[Any]:
    """Give the arguments of every run."""
    logs = runs.directory / "logs"
    logs.mkdir()
    road = ["--to", destination, "--log-group", GROUP, "--log-stream", STREAM]
    return [logs, *road, "--endpoint-url", account.endpoint_url, "--checkpoint", "c", "--in-flight", "2"]


def add_log(directory: Path, number: int, dice: Random) -> list[Document]:
    """Write one more log."""
    several = documents(dice, LINES, first=number * LINES, minutes=DAYS * 24 * 60)
    write_log(directory / str(number), several, RAW, dice)
    return several


def hold_to(account: KillingAccount, several: list[Document], ledger: dict[str, Any]) -> int:
    """Hold what CloudWatch shows to the logs; give what counts more than once, which the ledger must own up to."""
    arrived, wanted = account.points(), expected(several)
    assert not wanted - arrived, "missing"
    surplus = (arrived - wanted).total()
    assert not set(arrived) - set(wanted), "never written"
    total = ledger["destinations"][0]["all_runs"]
    assert surplus <= total["sent_again"]
    assert (total["accepted"], total["refused"], total["given_up"]) == (wanted.total(), 0, 0)
    return surplus


@pytest.mark.parametrize(
    ("destination", "retry_for"),
    [("logs", "0"), ("auto", "20")],
    ids=["logs, each run stops at it", "auto, the run tries again"],
)
@pytest.mark.parametrize("name", [*TAKEN_OR_NOT, *NEVER_TAKEN])
def test_whatever_fails_on_the_way_to_a_log_group_every_line_arrives(
    runs: Runs, account: KillingAccount, destination: str, retry_for: str, name: str
) -> None:
    """What certainly was not taken never arrives twice; what may have been is counted where it is sent again."""
    dice = Random(f"{name} {destination}")
    fault = TAKEN_OR_NOT.get(name) or NEVER_TAKEN[name]
    is_taken = [name in TAKEN_OR_NOT and dice.random() < 0.5 for _ in range(4)]
    faults: list[Any] = [Fault(fault.status, fault.code, is_taken=each) for each in is_taken] + [None] * 3
    dice.shuffle(faults)
    account.faults["PutLogEvents"] = faults
    arguments = arguments_of(runs, account, destination)
    several = [document for number in range(4) for document in add_log(runs.directory / "logs", number, dice)]
    ledger = runs.until_done(*arguments, "--retry-for", retry_for)
    surplus = hold_to(account, several, ledger)
    if name in NEVER_TAKEN:
        assert (surplus, ledger["destinations"][0]["all_runs"]["sent_again"]) == (0, 0)
    else:
        met = is_taken.count(True) - sum(each is not None and each.is_taken for each in account.faults["PutLogEvents"])
        assert bool(surplus) == bool(met)


@pytest.mark.parametrize("destination", ["logs", "auto"])
def test_whenever_a_run_to_a_log_group_is_killed_the_next_ones_complete_it(
    runs: Runs, account: KillingAccount, destination: str, seed: int
) -> None:
    """At a request or at any time; midway the group is closed to us, which `auto` goes around."""
    dice = Random(f"{seed} {destination}")
    arguments = [*arguments_of(runs, account, destination), "--retry-for", "5"]
    account.kills = Kills(runs, dice, LONGEST_RUN_SECONDS)
    several: list[Document] = []
    for number in range(KILLS):
        for part in (2 * number, 2 * number + 1):
            several += add_log(runs.directory / "logs", part, dice)
        if number == KILLS // 2 and destination == "auto":
            account.always["PutLogEvents"] = DENIED
        account.kills(*arguments)
    ledger = runs.until_done(*arguments)
    hold_to(account, several, ledger)
    if destination == "auto":
        assert account.asked("PutMetricData")
