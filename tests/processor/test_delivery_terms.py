"""Delivering an epoch: several requests at once, one bad datum among good ones, and answers that never came."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from cloudwatch_server import Answer, CloudWatchServer
from metric_lines import document, event
from replaying import balanced, state

from flowemf_processor.checkpoints import Checkpoints
from flowemf_processor.core.aggregate import Aggregator
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.core.metric_batches import plan
from flowemf_processor.model import Batch, Outcome, State
from flowemf_processor.pipeline.delivery import DROPPED, SENT_AGAIN, Delivery, Terms
from flowemf_processor.pipeline.interruption import Interruption
from flowemf_processor.sinks.metrics import connect


@pytest.fixture
def checkpoints(tmp_path: Path) -> Iterator[Checkpoints]:
    """Give a checkpoint."""
    with Checkpoints(tmp_path / "checkpoint.sqlite3", "metrics") as opened:
        yield opened


def batches_of(*names: Iterable[str]) -> list[Batch]:
    """Plan one request for each group of metric names, each datum with two datapoints."""
    aggregator = Aggregator()
    for number, group in enumerate(names):
        for name in group:
            for value in (1, 2):
                aggregator.add(event(document({name: value}, namespace=f"N{number}")))
    return list(plan(aggregator.close()))


class PickySink:
    """Refuses every request that holds a metric named bad; names the first or none."""

    name = "metrics"

    def __init__(self, *, says_which: bool) -> None:
        self.requests: list[list[str]] = []
        self.accepted: list[str] = []
        self._says_which = says_which

    def send(self, batch: Batch) -> Outcome:
        metrics = [datum["MetricName"] for datum in batch.request["MetricData"]]
        self.requests.append(metrics)
        bad = [index for index, metric in enumerate(metrics) if metric.startswith("bad")]
        if not bad:
            self.accepted += metrics
            return Outcome(State.ACCEPTED)
        return Outcome(
            State.REFUSED, "InvalidParameterValue", "no", culprits=tuple(bad[:1]) if self._says_which else ()
        )


@pytest.mark.parametrize("says_which", [True, False], ids=["the error names the datum", "the error names none"])
@pytest.mark.parametrize("remembered", [True, False], ids=["with a checkpoint", "without"])
def test_one_bad_datum_costs_no_good_one(checkpoints: Checkpoints, says_which: bool, remembered: bool) -> None:
    """It is parted from the others, which go; the ledger counts its datapoints as refused, and no request twice."""
    good = [f"m{number:03}" for number in range(200)]
    sink = PickySink(says_which=says_which)
    ledger = Ledger()
    account = ledger.open_destination("metrics")
    delivery = Delivery(sink, checkpoints if remembered else None, account, Terms(in_flight=2))
    batches = batches_of([*good[:50], "bad1", *good[50:], "bad2"])
    account.extracted = sum(batch.datapoints for batch in batches)
    assert delivery.epoch(batches, {})
    assert sorted(sink.accepted) == good
    destination = balanced(ledger)["destinations"][0]
    assert destination["datapoints"] == {
        "extracted": 404, "resumed": 0, "accepted": 400, "refused": 4, "pending": 0, "ambiguous": 0
    }  # fmt: skip
    assert destination["reasons"] == {"InvalidParameterValue": 4}
    assert len(sink.requests) <= (5 if says_which else 2 * 2 * 8 + 1)
    assert checkpoints.waiting(0, 100) == []


class ImpatientSink(PickySink):
    """Meanwhile somebody asks for the end of the run, and asks again."""

    def __init__(self, interruption: Interruption) -> None:
        super().__init__(says_which=True)
        self._interruption = interruption

    def send(self, batch: Batch) -> Outcome:
        for _ in range(2):
            self._interruption.demand()
        return super().send(batch)


def test_a_run_that_is_told_to_end_leaves_the_pieces_of_a_refused_request(checkpoints: Checkpoints) -> None:
    """The next run sends the good ones; no more is refused than the one that is bad."""
    interruption, ledger = Interruption(), Ledger()
    account = ledger.open_destination("metrics")
    account.extracted = 10
    delivery = Delivery(ImpatientSink(interruption), checkpoints, account, Terms(interruption=interruption))
    with interruption.deferred():
        assert not delivery.epoch(batches_of(["a", "bad", "c"], ["d", "e"]), {})
    assert state(balanced(ledger)) == {"extracted": 10, "pending": 10}
    sink, ledger = PickySink(says_which=True), Ledger()
    assert Delivery(sink, checkpoints, ledger.open_destination("metrics"), Terms()).resume()
    assert sorted(sink.accepted) == ["a", "c", "d", "e"]
    assert state(balanced(ledger)) == {"extracted": 10, "resumed": 10, "accepted": 8, "refused": 2}


def test_where_everything_is_bad_the_search_ends() -> None:
    """A namespace that is not ours to write to makes no thousand requests."""
    sink = PickySink(says_which=False)
    ledger = Ledger()
    account = ledger.open_destination("metrics")
    batches = batches_of([f"bad{number}" for number in range(900)])
    account.extracted = 1800
    assert Delivery(sink, None, account, Terms()).epoch(batches, {})
    assert balanced(ledger)["destinations"][0]["datapoints"]["refused"] == 1800
    assert len(sink.requests) < 60


def test_several_requests_are_on_their_way_at_once_and_no_more(server: CloudWatchServer) -> None:
    """Three wait for each other at the server; a fourth is never seen beside them."""
    together = threading.Barrier(3, timeout=20)
    now, most = 0, 0
    lock = threading.Lock()

    def arrive() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        together.wait()
        with lock:
            now -= 1

    server.answers = [Answer(before=arrive) for _ in range(9)]
    ledger = Ledger()
    account = ledger.open_destination("metrics")
    batches = batches_of(*[["m"]] * 9)
    account.extracted = 18
    sink = connect(endpoint_url=server.endpoint_url, connections=3)
    assert Delivery(sink, None, account, Terms(in_flight=3)).epoch(batches, {})
    assert most == 3
    assert len(server.requests) == 9
    assert balanced(ledger)["destinations"][0]["datapoints"]["accepted"] == 18


def test_after_a_failure_nothing_new_is_sent_and_what_was_on_its_way_is_settled(
    server: CloudWatchServer, checkpoints: Checkpoints
) -> None:
    """The next run finds exactly what was not taken."""
    server.answers = [Answer(400, "AccessDenied"), Answer(after_seconds=0.3)]
    ledger = Ledger()
    account = ledger.open_destination("metrics")
    account.extracted = 20
    sink = connect(endpoint_url=server.endpoint_url, connections=2)
    assert not Delivery(sink, checkpoints, account, Terms(in_flight=2)).epoch(batches_of(*[["m"]] * 10), {})
    counts = balanced(ledger)["destinations"][0]["datapoints"]
    assert (counts["accepted"], counts["pending"]) == (2, 18)
    assert len(checkpoints.waiting(0, 100)) == 9
    assert not any(each.was_in_flight for each in checkpoints.waiting(0, 100))


def test_an_unknown_outcome_may_be_given_up(server: CloudWatchServer, checkpoints: Checkpoints) -> None:
    """It is counted as ambiguous, the others go, and no later run sends it."""
    server.answers = [Answer(500, "InternalFailure")]
    ledger = Ledger()
    account = ledger.open_destination("metrics")
    account.extracted = 6
    sink = connect(endpoint_url=server.endpoint_url)
    assert Delivery(sink, checkpoints, account, Terms(resend=False)).epoch(batches_of(*[["m"]] * 3), {})
    counts = balanced(ledger)["destinations"][0]["datapoints"]
    assert (counts["accepted"], counts["ambiguous"]) == (4, 2)
    assert checkpoints.waiting(0, 100) == []


@pytest.mark.parametrize("resend", [True, False], ids=["resend", "drop"])
def test_what_an_earlier_run_left_in_flight_is_sent_again_or_given_up(
    server: CloudWatchServer, checkpoints: Checkpoints, resend: bool
) -> None:
    """As the user says; either way the ledger counts it."""
    [first, _] = checkpoints.plan(batches_of(["a"], ["b"]), [])
    checkpoints.begin(first)
    ledger = Ledger()
    account = ledger.open_destination("metrics")
    sink = connect(endpoint_url=server.endpoint_url)
    assert Delivery(sink, checkpoints, account, Terms(resend=resend)).resume()
    destination = balanced(ledger)["destinations"][0]
    assert destination["datapoints"]["resumed"] == 4
    assert destination["datapoints"]["ambiguous"] == (0 if resend else 2)
    assert destination["reasons"] == {SENT_AGAIN if resend else DROPPED: 2}
    assert len(server.requests) == (2 if resend else 1)
    assert checkpoints.waiting(0, 100) == []


def test_a_large_spool_of_an_earlier_run_is_delivered_piece_by_piece(
    server: CloudWatchServer, checkpoints: Checkpoints
) -> None:
    """Whatever follows a failure is left as it was, and accounted for."""
    planned = checkpoints.plan(batches_of(*[["m"]] * 150), [])
    server.answer_to = lambda _: Answer() if len(server.kept) < 100 else Answer(400, "Throttling")
    ledger = Ledger()
    account = ledger.open_destination("metrics")
    sink = connect(endpoint_url=server.endpoint_url)
    assert not Delivery(sink, checkpoints, account, Terms()).resume()
    destination = balanced(ledger)["destinations"][0]
    assert (destination["datapoints"]["resumed"], destination["datapoints"]["accepted"]) == (300, 200)
    assert (destination["datapoints"]["pending"], destination["requests"]["pending"]) == (100, 50)
    assert checkpoints.waiting(0, 1000) == planned[100:]
    server.answer_to = lambda _: Answer()
    assert Delivery(sink, checkpoints, Ledger().open_destination("metrics"), Terms()).resume()
    assert (len(server.kept), checkpoints.waiting(0, 1000)) == (150, [])


class BrokenSink:
    """Has a bug."""

    name = "metrics"

    def send(self, batch: Batch) -> Outcome:
        raise RuntimeError("a bug")


def test_a_bug_in_a_sink_is_raised_and_leaves_everything_accounted_for(checkpoints: Checkpoints) -> None:
    """What it was sending may have been taken, and the rest was not tried."""
    ledger = Ledger()
    account = ledger.open_destination("metrics")
    account.extracted = 6
    with pytest.raises(RuntimeError, match="a bug"):
        Delivery(BrokenSink(), checkpoints, account, Terms()).epoch(batches_of(*[["m"]] * 3), {})
    counts = balanced(ledger)["destinations"][0]["datapoints"]
    assert (counts["ambiguous"], counts["pending"]) == (2, 4)
    assert [each.was_in_flight for each in checkpoints.waiting(0, 100)] == [True, False, False]
