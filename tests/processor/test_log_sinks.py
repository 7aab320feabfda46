"""Sends log requests to an account on loopback that can be made to fail, and counts what arrived by which road.

The account is a stub of our own, since moto knows no log group classes, no faults and no extraction.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from account_server import DENIED, AccountServer, Fault, Group, in_order
from emf_totals import values_of
from replaying import balanced, text_of

from flowemf_processor import pipeline
from flowemf_processor.checkpoints import Checkpoints
from flowemf_processor.clock import SystemClock
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.core.log_batches import LogEvent, LogStream, plan
from flowemf_processor.core.pacing import Pacer
from flowemf_processor.model import Batch, Outcome, State
from flowemf_processor.pipeline.delivery import Terms
from flowemf_processor.ports import Sink
from flowemf_processor.sinks import logs, metrics
from flowemf_processor.sinks.attempts import PersistentSink
from flowemf_processor.sinks.auto import AutoSink
from flowemf_processor.sources.opening import open_sources

STREAM = LogStream("/chat/app", "flowemf")
DAY_MS = 24 * 3600 * 1000
NO_GROUP = Fault(400, "ResourceNotFoundException")
THROTTLED = Fault(400, "ThrottlingException")


def now_ms() -> int:
    return int(time.time() * 1000)


def flow(timestamp_ms: int, value: float, name: str = "chat") -> dict[str, Any]:
    """Build a line of two datapoints."""
    directive = {"Namespace": "App", "Dimensions": [["Flow"], []], "Metrics": [{"Name": "Latency"}]}
    return {"_aws": {"Timestamp": timestamp_ms, "CloudWatchMetrics": [directive]}, "Flow": name, "Latency": value}


@pytest.fixture
def account(account: AccountServer) -> AccountServer:
    """Give an account with a standard log group."""
    account.groups[STREAM.group] = Group(streams={STREAM.name})
    return account


def logs_sink(account: AccountServer) -> logs.LogsSink:
    return logs.connect(STREAM, endpoint_url=account.endpoint_url)


def persistent(sink: Sink, *, resend: bool = True) -> PersistentSink:
    """Try again for a short time, without pauses."""
    return PersistentSink(sink, pacer=Pacer(1e6), resend=resend, retry_seconds=0.2, sleep=lambda _: None)


def auto_sink(account: AccountServer, said: list[str] | None = None) -> AutoSink:
    heard = [] if said is None else said
    sink = metrics.connect(endpoint_url=account.endpoint_url)
    return AutoSink(persistent(logs_sink(account)), persistent(sink), SystemClock(), heard.append)


def batch_of(documents: list[dict[str, Any]]) -> Batch:
    """Plan one request."""
    events = [LogEvent(each["_aws"]["Timestamp"], json.dumps(each).encode(), 2) for each in documents]
    [batch] = plan(STREAM, events)
    return batch


@pytest.mark.parametrize(
    ("fault", "state", "reason", "by_configuration"),
    [
        (NO_GROUP, State.PENDING, "no-log-group", True),
        (DENIED, State.PENDING, "access-denied", True),
        (Fault(400, "ExpiredTokenException"), State.PENDING, "access-denied", True),
        (THROTTLED, State.PENDING, "throttled", False),
        (Fault(503, "ServiceUnavailableException"), State.AMBIGUOUS, "http-503", False),
        (Fault(0), State.AMBIGUOUS, "no-answer", False),
        (Fault(400, "InvalidParameterException"), State.REFUSED, "InvalidParameterException", False),
    ],
)
def test_each_answer_is_sorted_by_what_is_known(
    account: AccountServer, fault: Fault, state: State, reason: str, by_configuration: bool
) -> None:
    """Certainly not taken, refused for good, or nobody knows; one request leaves."""
    account.faults["PutLogEvents"] = [fault]
    outcome = logs_sink(account).send(batch_of([flow(now_ms(), 1)]))
    assert (outcome.state, outcome.reason, outcome.by_configuration) == (state, reason, by_configuration)
    assert len(account.asked("PutLogEvents")) == 1


def test_events_that_were_refused_are_named_with_their_reasons(account: AccountServer) -> None:
    """The others of the request are accepted, and lie in the group unchanged."""
    account.groups[STREAM.group].retention_days = 3
    moment = now_ms()
    documents = [flow(moment - 4 * DAY_MS, 1), flow(moment - 4 * DAY_MS + 5, 2)]
    outcome = logs_sink(account).send(batch_of(documents))
    assert outcome == Outcome(State.ACCEPTED, culprits=(0, 1), left_out=(("expired", 4),))
    account.groups[STREAM.group].retention_days = None
    assert logs_sink(account).send(batch_of(documents)) == Outcome(State.ACCEPTED)
    assert account.messages == [json.dumps(each) for each in documents]


# --- The road that works


def replayed(sink: Sink, checkpoints: Checkpoints | None, log: Path) -> dict[str, Any]:
    """Replay a log into a sink of the logs road; the ledger must balance."""
    ledger = Ledger()
    terms = Terms(in_flight=2, log_stream=STREAM)
    pipeline.replay_to_sink(
        open_sources([str(log)]), sink, checkpoints, ledger=ledger, clock=SystemClock(), terms=terms
    )
    return balanced(ledger)["destinations"][0]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Give a log of four days: three requests."""
    path = tmp_path / "app.log"
    moment = now_ms()
    path.write_bytes(
        text_of(flow(moment - age_days * DAY_MS, value) for age_days in (4, 2, 0) for value in (1.5, 2.5, 2.5))
    )
    return path


def held(log: Path) -> Any:
    return in_order(values_of(log.read_text().splitlines()))


def test_expired_events_go_as_metrics_and_all_numbers_are_there(account: AccountServer, log: Path) -> None:
    """A group that keeps three days refuses the oldest lines, and PutMetricData takes them."""
    account.groups[STREAM.group].retention_days = 3
    destination = replayed(auto_sink(account), None, log)
    assert account.shown() == held(log)
    assert destination["datapoints"]["accepted"] == destination["datapoints"]["extracted"] == 18
    assert destination["roads"] == {"PutLogEvents": 12, "PutMetricData": 6}
    assert not destination["reasons"]


@pytest.mark.parametrize("fault", [NO_GROUP, DENIED])
def test_a_road_that_is_closed_is_left_at_once(account: AccountServer, log: Path, fault: Fault) -> None:
    """What was not taken goes as metrics; the closed road is asked no further, and one sentence says so."""
    account.always["PutLogEvents"] = fault
    said: list[str] = []
    destination = replayed(auto_sink(account, said), None, log)
    assert account.shown() == held(log)
    assert account.messages == []
    assert destination["roads"] == {"PutMetricData": 18}
    assert len(said) == 1
    assert "PutMetricData" in said[0]
    assert len(account.asked("PutLogEvents")) <= 2  # those that were on their way together


def test_a_line_that_holds_no_number_is_not_sent(account: AccountServer, log: Path) -> None:
    """It would only cost."""
    sent = json.loads(log.read_text().splitlines()[-1])
    directive = {"Namespace": "App", "Dimensions": [[]], "Metrics": []}
    empty = {"_aws": {"Timestamp": now_ms(), "CloudWatchMetrics": [directive]}, "Flow": "chat"}
    log.write_bytes(text_of([empty, sent, empty]))
    assert replayed(persistent(logs_sink(account)), None, log)["datapoints"]["accepted"] == 2
    assert account.messages == [json.dumps(sent)]


def test_lines_that_were_gathered_before_a_run_ends_early_are_pending(account: AccountServer, log: Path) -> None:
    """The next run reads them again."""
    ledger, seen = Ledger(), [0]
    other = log.with_name("other.log")
    other.write_bytes(text_of([flow(now_ms(), 7)]))

    def ends(read_bytes: int) -> None:
        seen[0] += read_bytes
        if seen[0] > log.stat().st_size:
            raise KeyboardInterrupt

    terms, sources = Terms(log_stream=STREAM), open_sources([str(log), str(other)])
    with pytest.raises(KeyboardInterrupt):
        pipeline.replay_to_sink(
            sources, logs_sink(account), None, ledger=ledger, clock=SystemClock(), progress=ends, terms=terms
        )
    [destination] = balanced(ledger)["destinations"]
    assert (destination["datapoints"]["pending"], destination["reasons"]) == (18, {"not-tried": 18})
    assert account.messages == []


def test_an_endpoint_that_is_not_there_leaves_the_other_road(account: AccountServer, log: Path) -> None:
    """Nothing listens where the lines should go, so nothing can have been taken."""
    unreachable = logs.connect(STREAM, endpoint_url="http://127.0.0.1:9")
    sink = metrics.connect(endpoint_url=account.endpoint_url)
    both = AutoSink(persistent(unreachable), persistent(sink), SystemClock(), [].append)
    assert replayed(both, None, log)["roads"] == {"PutMetricData": 18}
    assert account.shown() == held(log)


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([Fault(0, is_taken=True)], id="lost answer"),
        pytest.param([Fault(503, is_taken=True)], id="server error"),
        pytest.param([Fault(503, is_taken=True), DENIED], id="server error, then denied"),
        pytest.param([Fault(503, is_taken=True), NO_GROUP], id="server error, then no group"),
    ],
)
def test_what_may_have_been_taken_never_takes_the_other_road(account: AccountServer, faults: list[Fault]) -> None:
    """Even if a later attempt is definitely refused: the first one may lie in the group already."""
    account.faults["PutLogEvents"] = list(faults)
    account.always["PutLogEvents"] = faults[-1]
    outcome = auto_sink(account).send(batch_of([flow(now_ms(), 1)]))
    assert (outcome.state, outcome.detour) == (State.AMBIGUOUS, None)
    assert account.asked("PutMetricData") == []


def test_refused_events_of_a_request_that_was_sent_twice_stay_refused(account: AccountServer) -> None:
    """The first attempt may have taken them, when they were younger."""
    account.groups[STREAM.group].retention_days = 3
    account.faults["PutLogEvents"] = [Fault(503)]
    outcome = auto_sink(account).send(batch_of([flow(now_ms() - 4 * DAY_MS, 1)]))
    assert (outcome.state, outcome.left_out, outcome.detour) == (State.ACCEPTED, (("expired", 2),), None)


class DiesError(Exception):
    """The process is gone."""


def dies_at(sink: Sink, number: int, *, after: bool) -> Sink:
    """Let the process die, as it were, before or after a request."""

    class Dying:
        name = sink.name
        sent = 0

        def send(self, batch: Batch) -> Outcome:
            self.sent += 1
            is_last = self.sent == number
            if is_last and not after:
                raise DiesError
            outcome = sink.send(batch)
            if is_last:
                raise DiesError
            return outcome

    return Dying()


@pytest.fixture
def make_checkpoint(tmp_path: Path) -> Callable[[], Checkpoints]:
    return lambda: Checkpoints(tmp_path / "c.sqlite3", "auto")


def surplus(account: AccountServer, log: Path) -> float:
    """Count by how much there is more than the log holds; there must be nothing else, and nothing missing."""
    shown, expected = account.shown(), held(log)
    assert set(shown) == set(expected)
    more = 0.0
    for series, minutes in expected.items():
        assert set(shown[series]) == set(minutes)
        for minute_s, values in minutes.items():
            there = dict(shown[series][minute_s])
            assert set(there) == {value for value, _ in values}
            differences = [there[value] - count for value, count in values]
            assert min(differences) >= 0, series
            more += sum(differences)
    return more


@pytest.mark.parametrize("number", range(1, 5))
@pytest.mark.parametrize("after", [False, True])
def test_a_run_that_dies_between_the_roads_loses_nothing(
    account: AccountServer, log: Path, make_checkpoint: Callable[[], Checkpoints], number: int, after: bool
) -> None:
    """At whatever request it dies, the next run has the rest, and what may be there twice is in its ledger."""
    account.groups[STREAM.group].retention_days = 3
    with make_checkpoint() as checkpoints, pytest.raises(DiesError):
        replayed(dies_at(auto_sink(account), number, after=after), checkpoints, log)
    with make_checkpoint() as checkpoints:
        destination = replayed(auto_sink(account), checkpoints, log)
    refused = destination["reasons"].get("expired", 0)  # of a request that was in flight nothing takes the other road
    if not refused:
        assert surplus(account, log) <= destination["reasons"].get("sent-again-after-unknown-outcome", 0)
    assert refused in (0, 6)
    assert destination["datapoints"]["pending"] == destination["datapoints"]["ambiguous"] == 0


def test_a_request_that_was_in_flight_at_a_crash_stays_on_its_road(
    account: AccountServer, log: Path, make_checkpoint: Callable[[], Checkpoints]
) -> None:
    """It may have been taken: if its road is closed now, it waits, and nothing of it goes the other way."""
    with make_checkpoint() as checkpoints, pytest.raises(DiesError):
        replayed(dies_at(auto_sink(account), 1, after=True), checkpoints, log)
    in_flight = len(account.messages)
    assert in_flight >= 3
    account.always["PutLogEvents"] = DENIED
    with make_checkpoint() as checkpoints:
        destination = replayed(auto_sink(account), checkpoints, log)
    assert destination["datapoints"]["pending"] >= 2 * 3
    assert account.sent == {} or surplus(account, log) == 0
    del account.always["PutLogEvents"]
    with make_checkpoint() as checkpoints:
        destination = replayed(auto_sink(account), checkpoints, log)
    assert surplus(account, log) <= 2 * in_flight


def test_totals_of_a_checkpoint_tell_refused_events_from_accepted_ones(
    account: AccountServer, log: Path, make_checkpoint: Callable[[], Checkpoints]
) -> None:
    """`all_runs` of the ledger agrees with what arrived."""
    account.groups[STREAM.group].retention_days = 3
    with make_checkpoint() as checkpoints:
        destination = replayed(persistent(logs_sink(account)), checkpoints, log)
    assert destination["datapoints"]["accepted"] == 12
    assert destination["reasons"] == {"expired": 6}
    assert destination["all_runs"] == {"accepted": 12, "refused": 6, "sent_again": 0, "given_up": 0}
