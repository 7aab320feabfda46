"""The ledger of event ids: what DynamoDB answers, and what is left when a function is killed at any moment."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cloudwatch_server import Answer
from handler_services import TABLE, Services, data_message, emf, function, logs_event, report_of, services

from flowemf_processor.core.portions import Claim
from flowemf_processor.errors import ConfigurationError, TryAgainLaterError
from flowemf_processor.pipeline.delivery import DROPPED, SENT_AGAIN
from flowemf_processor.sinks.event_ids import EventIds

NOW_MS = 1_760_000_000_000
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "3"))


class Clock:
    """Stands where it is put."""

    ms = NOW_MS

    def now_ms(self) -> int:
        """Give the time."""
        return self.ms


@pytest.fixture
def aws() -> Iterator[Services]:
    """Run the services, with an empty table."""
    with services() as running:
        running.make_table()
        yield running


def ids(aws: Services, claimant: str = "one", clock: Clock | None = None) -> EventIds:
    """Open the ledger."""
    return EventIds(aws.dynamodb, TABLE, claimant=claimant, keep_seconds=3600, clock=clock or Clock())


def test_whoever_claims_first_has_it_until_the_claim_is_over(aws: Services) -> None:
    """New, then elsewhere, then in doubt for one, and elsewhere again for all others."""
    clock = Clock()
    first, second, third = (ids(aws, name, clock) for name in ("one", "two", "three"))
    assert first.claim(["a", "b"], until_ms=NOW_MS + 1000) == {"a": Claim.NEW, "b": Claim.NEW}
    assert second.claim(["a", "c"], until_ms=NOW_MS + 1000) == {"a": Claim.ELSEWHERE, "c": Claim.NEW}
    clock.ms += 1001
    assert second.claim(["a"], until_ms=NOW_MS + 5000) == {"a": Claim.IN_DOUBT}
    assert third.claim(["a", "b"], until_ms=NOW_MS + 5000) == {"a": Claim.ELSEWHERE, "b": Claim.IN_DOUBT}


def test_what_is_done_stays_done_and_what_is_released_is_new(aws: Services) -> None:
    """A doubt is claimed at once by whoever asks next."""
    ledger = ids(aws)
    ledger.claim(["a", "b", "c"], until_ms=NOW_MS + 1000)
    ledger.finish(["a"])
    ledger.release(["b"])
    ledger.doubt(["c"])
    assert ids(aws).claim(["a", "b", "c"], until_ms=NOW_MS + 1000) == {
        "a": Claim.DONE,
        "b": Claim.NEW,
        "c": Claim.IN_DOUBT,
    }


@pytest.mark.parametrize("count", [0, 1, 25, 26, 100, 101])
def test_any_number_of_keys_is_claimed_and_finished(aws: Services, count: int) -> None:
    """A transaction takes 100 items and a batch 25: at the limits and beyond them."""
    keys = [f"key-{number}" for number in range(count)]
    ledger = ids(aws)
    assert ledger.claim(keys, until_ms=NOW_MS + 1000) == dict.fromkeys(keys, Claim.NEW)
    ledger.finish(keys)
    assert ids(aws).claim(keys, until_ms=NOW_MS + 1000) == dict.fromkeys(keys, Claim.DONE)


class Reluctant:
    """A DynamoDB that is short of capacity: it cancels transactions, and leaves items of batches over."""

    def __init__(self, aws: Services, times: int) -> None:
        self._client = aws.dynamodb
        self._left = times

    def transact_write_items(self, *, TransactItems: list[Any]) -> Any:  # noqa: N803 - boto3's spelling
        """Cancel it for a conflict, or pass it on."""
        if self._is_reluctant():
            reasons = [{"Code": "TransactionConflict"}, *[{"Code": "None"}] * (len(TransactItems) - 1)]
            error = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
            raise ClientError(error, "TransactWriteItems")
        return self._client.transact_write_items(TransactItems=TransactItems)

    def batch_write_item(self, *, RequestItems: dict[str, list[Any]]) -> Any:  # noqa: N803 - boto3's spelling
        """Take the first item only, or all."""
        if self._is_reluctant():
            self._client.batch_write_item(RequestItems={TABLE: RequestItems[TABLE][:1]})
            return {"UnprocessedItems": {TABLE: RequestItems[TABLE][1:]}}
        return self._client.batch_write_item(RequestItems=RequestItems)

    def _is_reluctant(self) -> bool:
        self._left -= 1
        return self._left >= 0


@pytest.mark.parametrize(("times", "claim"), [(3, Claim.NEW), (100, Claim.ELSEWHERE)])
def test_a_table_that_is_short_of_capacity_is_asked_again_but_not_for_ever(
    aws: Services, times: int, claim: Claim
) -> None:
    """With longer and longer pauses; what cannot be claimed then is left to the next delivery, never sent unclaimed."""
    pauses: list[float] = []
    ledger = EventIds(Reluctant(aws, times), TABLE, claimant="one", keep_seconds=9, clock=Clock(), sleep=pauses.append)
    assert ledger.claim(["a", "b", "c"], until_ms=NOW_MS + 1000) == dict.fromkeys("abc", claim)
    assert 0 < sum(pauses) < 6


def test_items_that_a_batch_leaves_over_are_written_again(aws: Services) -> None:
    """All of them are done in the end; where they never are taken, somebody is told."""
    keys = [str(number) for number in range(5)]
    ids(aws).claim(keys, until_ms=NOW_MS + 1000)
    EventIds(Reluctant(aws, 3), TABLE, claimant="one", keep_seconds=9, clock=Clock()).finish(keys)
    assert set(aws.states().values()) == {"done"}
    stuck = EventIds(Reluctant(aws, 99), TABLE, claimant="x", keep_seconds=9, clock=Clock(), sleep=lambda _: None)
    with pytest.raises(TryAgainLaterError, match="12 items were not taken"):
        stuck.finish([str(number) for number in range(20)])


def test_each_item_is_forgotten_when_its_time_has_come(aws: Services) -> None:
    """DynamoDB deletes by the attribute that the templates name."""
    ids(aws).claim(["a"], until_ms=NOW_MS + 1000)
    [item] = aws.dynamodb.scan(TableName=TABLE)["Items"]
    assert item["expires_s"]["N"] == str(NOW_MS // 1000 + 3600)


def test_a_table_that_is_missing_is_a_matter_of_configuration(aws: Services) -> None:
    """The error names the table."""
    aws.dynamodb.delete_table(TableName=TABLE)
    with pytest.raises(ConfigurationError, match=f"table {TABLE}: ResourceNotFoundException"):
        ids(aws).claim(["a"], until_ms=NOW_MS)


def test_nothing_is_sent_while_the_ledger_is_away(aws: Services, tmp_path: Path) -> None:
    """Lambda sends the event again; what was not tried is pending."""
    environment = aws.environment(source_extracted="false", ledger_table=TABLE)
    environment["AWS_ENDPOINT_URL_DYNAMODB"] = "http://127.0.0.1:9"
    with function(tmp_path, "logs_subscription", environment) as running:
        answer = running.invoke(logs_event(data_message([emf({"A": 1})])), remaining_ms=60_000)
    assert (answer.kind, answer.content["errorType"]) == ("error", TryAgainLaterError.__name__)
    assert (aws.sent(), report_of(answer)["DatapointsPending"]) == ([], 1)


def test_what_was_sent_and_cannot_be_remembered_is_said_and_does_not_come_again(aws: Services, tmp_path: Path) -> None:
    """CloudWatch has it: an error now would have it counted twice for certain."""
    aws.cloudwatch.answers[:] = [Answer(before=lambda: aws.dynamodb.delete_table(TableName=TABLE))]
    environment = aws.environment(source_extracted="false", ledger_table=TABLE)
    with function(tmp_path, "logs_subscription", environment) as running:
        answer = running.invoke(logs_event(data_message([emf({"A": 1}), emf({})])), remaining_ms=60_000)
    assert (answer.kind, aws.sent()) == ("response", [1])
    report = report_of(answer)
    assert (report["unremembered_event_ids"], report["DatapointsAccepted"]) == (1, 1)


@pytest.mark.parametrize(("policy", "values"), [("resend", [1, 1]), ("drop", [1])])
def test_a_function_that_dies_while_it_sends_leaves_a_doubt_that_is_counted(
    aws: Services, tmp_path: Path, policy: str, values: list[int]
) -> None:
    """CloudWatch has the request, the function is killed before the answer: sent again or not, the report says so."""
    environment = aws.environment(source_extracted="false", ledger_table=TABLE, on_ambiguous=policy)
    event = logs_event(data_message([emf({"A": 1})]))
    with function(tmp_path / "killed", "logs_subscription", environment) as running:
        aws.cloudwatch.answers[:] = [Answer(before=running.process.kill)]
        running.send(event)
        running.process.wait(30)
    assert (aws.sent(), set(aws.states().values())) == ([1], {"claimed"})
    with function(tmp_path / "next", "logs_subscription", environment) as running:
        early = running.invoke(event)  # the claim still holds: the one that was killed might be alive
        assert (early.kind, report_of(early)["DatapointsPending"], aws.sent()) == ("error", 1, [1])
        aws.end_claims()
        late = running.invoke(event)
        assert (late.kind, aws.sent()) == ("response", values)
        [destination] = report_of(late)["ledger"]["destinations"]
        assert destination["datapoints"]["resumed"] == 1
        assert list(destination["reasons"]) == [{"resend": SENT_AGAIN, "drop": DROPPED}[policy]]
        assert report_of(running.invoke(event))["RecordsDuplicate"] == 1
    assert aws.sent() == values


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_killed_at_any_moment_nothing_is_missing_and_what_may_count_twice_is_counted(
    aws: Services, tmp_path: Path, seed: int
) -> None:
    """Three requests' worth of log events; the function is killed at random, its events come until it answers."""
    chance = random.Random(seed)
    environment = aws.environment(source_extracted="false", ledger_table=TABLE)
    event = logs_event(data_message([emf({"A": value}, namespaces=("One", "Two", "Three")) for value in range(40)]))
    in_doubt: Counter[tuple[str, float]] = Counter()
    for kill in range(3):
        aws.cloudwatch.answers[:] = [Answer(after_seconds=0.1)] * 3
        with function(tmp_path / str(kill), "logs_subscription", environment) as running:
            running.send(event)
            assert running.api.handed_out.wait(30)
            time.sleep(chance.uniform(0, 1))
        last = [_named(key) for key, state in aws.states().items() if state == "claimed"]
        in_doubt.update(last)
        aws.end_claims()
    aws.cloudwatch.answers.clear()
    with function(tmp_path / "last", "logs_subscription", environment) as running:
        answer = running.invoke(event)
    assert (answer.kind, set(aws.states().values())) == ("response", {"done"})
    [destination] = report_of(answer)["ledger"]["destinations"]
    assert destination["reasons"] == ({SENT_AGAIN: len(last)} if last else {})
    sent = Counter({(namespace, value): count for (namespace, _, value), count in aws.cloudwatch.values().items()})
    once = Counter({(namespace, float(value)): 1 for namespace in ("One", "Two", "Three") for value in range(40)})
    assert once <= sent <= once + in_doubt


def _named(key: str) -> tuple[str, float]:
    """Say which number a key stands for: event 1 holds 0."""
    event_id, namespace = key.split("/")
    return namespace, int(event_id) - 1.0
