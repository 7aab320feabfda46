"""The durable ledger of event ids in DynamoDB: who sends a log event, and which ones have been sent.

Keys go in; for each comes out whether it is new, done, in doubt or in somebody else's hands. Each key is one item that
is written under a condition of its own.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore import exceptions as sdk

from flowemf_processor.core.portions import Claim
from flowemf_processor.errors import ConfigurationError, TryAgainLaterError
from flowemf_processor.sinks.aws import outcome_of
from flowemf_schemas import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from flowemf_processor.ports import Clock

KEY = "event_id"
CLAIMED, DONE = "claimed", "done"
PERMISSIONS = ("dynamodb:PutItem", "dynamodb:BatchWriteItem")

_ROUNDS = 8  # a transaction is cancelled as a whole: each round leaves out what is decided
_PAUSE_SECONDS = 0.01
_CONFLICTS = ("TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "None")


@dataclass(frozen=True, slots=True)
class _Wish:
    """A key that is to become ours, and what has to be true of its item: none there, or a lease that is over."""

    key: str
    lapsed_until_ms: int | None = None

    @property
    def claim(self) -> Claim:
        """What it is when the wish comes true."""
        return Claim.NEW if self.lapsed_until_ms is None else Claim.IN_DOUBT


class EventIds:
    """The ledger, as one invocation uses it.

    A claim holds until a moment at which the claimant is dead for certain; from then on it is in doubt.

    Args:
        client: a DynamoDB client of boto3.
        table: its table, whose partition key is the text `event_id`.
        claimant: who claims, for people who look into the table.
        keep_seconds: how long a key is remembered.
        clock: tells the time.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        client: Any,
        table: str,
        *,
        claimant: str,
        keep_seconds: int,
        clock: Clock,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._table = table
        self._claimant = claimant
        self._keep_seconds = keep_seconds
        self._clock = clock
        self._sleep = sleep
        self._used: Counter[str] = Counter()

    def named(self, key: str) -> str:
        """Tell keys apart that occur several times: log events may share the id of the record they came in.

        Args:
            key: of one share; the second one of this name gets another.

        Returns:
            A key that occurs once, and is the same whenever the same record comes again.
        """
        self._used[key] += 1
        return key if self._used[key] == 1 else f"{key}#{self._used[key]}"

    def claim(self, keys: Sequence[str], *, until_ms: int) -> dict[str, Claim]:
        """Claim keys.

        Args:
            keys: each once.
            until_ms: when whoever claims is dead for certain, in milliseconds since the epoch.

        Returns:
            What is known of each key.

        Raises:
            ConfigurationError: there is no such table, or it may not be written.
            TryAgainLaterError: the service or the way to it fails.
        """
        claims: dict[str, Claim] = {}
        for some in _cut(keys, limits.TRANSACTION_ITEMS):
            claims.update(self._claimed([_Wish(key) for key in some], until_ms))
        return claims

    def finish(self, keys: Iterable[str]) -> None:
        """Remember that keys were sent, for good."""
        self._write({"PutRequest": {"Item": self._item(key, DONE, 0)}} for key in keys)

    def doubt(self, keys: Iterable[str]) -> None:
        """Give claims up of which nobody knows whether they were sent."""
        self._write({"PutRequest": {"Item": self._item(key, CLAIMED, 0)}} for key in keys)

    def release(self, keys: Iterable[str]) -> None:
        """Give claims up that were certainly not sent."""
        self._write({"DeleteRequest": {"Key": {KEY: {"S": key}}}} for key in keys)

    # --- Claiming -----------------------------------------------------------------------------------------------------

    def _claimed(self, wishes: list[_Wish], until_ms: int) -> dict[str, Claim]:
        claims: dict[str, Claim] = {}
        for number in range(_ROUNDS):
            self._pause(number)
            reasons = self._transaction(wishes, until_ms)
            if reasons is None:
                return claims | {wish.key: wish.claim for wish in wishes}
            decided: list[_Wish] = []
            for wish, reason in zip(wishes, reasons, strict=True):
                judged = self._judged(wish, reason)
                if isinstance(judged, _Wish):
                    decided.append(judged)
                else:
                    claims[wish.key] = judged
            wishes = decided
            if not wishes:
                return claims
        return claims | {wish.key: Claim.ELSEWHERE for wish in wishes}

    def _judged(self, wish: _Wish, reason: Mapping[str, Any]) -> _Wish | Claim:
        """Say what becomes of a wish after its transaction was cancelled, be it for another one's sake."""
        if reason.get("Code") in _CONFLICTS:
            return wish
        item = reason.get("Item")
        if not item:  # it was there when the condition was judged, and is gone: released
            return _Wish(wish.key)
        if item["state"]["S"] == DONE:
            return Claim.DONE
        claimed_until_ms = int(item["until_ms"]["N"])
        return _Wish(wish.key, claimed_until_ms) if claimed_until_ms < self._clock.now_ms() else Claim.ELSEWHERE

    def _transaction(self, wishes: Sequence[_Wish], until_ms: int) -> list[dict[str, Any]] | None:
        """Write all wishes or none; give the reasons for none."""
        try:
            self._client.transact_write_items(TransactItems=[{"Put": self._put(wish, until_ms)} for wish in wishes])
        except sdk.ClientError as error:
            reasons: list[dict[str, Any]] | None = error.response.get("CancellationReasons")
            if reasons:
                return reasons
            raise self._failure(error) from error
        except sdk.BotoCoreError as error:
            raise self._failure(error) from error
        return None

    def _put(self, wish: _Wish, until_ms: int) -> dict[str, Any]:
        put = {
            "TableName": self._table,
            "Item": self._item(wish.key, CLAIMED, until_ms),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if wish.lapsed_until_ms is None:
            return put | {"ConditionExpression": f"attribute_not_exists({KEY})"}
        return put | {
            "ConditionExpression": "#state = :claimed AND until_ms = :until",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": {":claimed": {"S": CLAIMED}, ":until": {"N": str(wish.lapsed_until_ms)}},
        }

    # --- Writing ------------------------------------------------------------------------------------------------------

    def _item(self, key: str, state: str, until_ms: int) -> dict[str, Any]:
        expires_s = self._clock.now_ms() // 1000 + self._keep_seconds
        return {
            KEY: {"S": key},
            "state": {"S": state},
            "until_ms": {"N": str(until_ms)},
            "claimant": {"S": self._claimant},
            "expires_s": {"N": str(expires_s)},
        }

    def _write(self, requests: Iterable[dict[str, Any]]) -> None:
        try:
            for some in _cut(requests, limits.BATCH_WRITE_ITEMS):
                left = some
                for number in range(_ROUNDS):
                    self._pause(number)
                    answer = self._client.batch_write_item(RequestItems={self._table: left})
                    left = answer.get("UnprocessedItems", {}).get(self._table, [])
                    if not left:
                        break
                else:
                    raise TryAgainLaterError(f"table {self._table}: {len(left)} items were not taken; it is throttled")
        except (sdk.ClientError, sdk.BotoCoreError) as error:
            raise self._failure(error) from error

    def _pause(self, rounds: int) -> None:
        """Wait before another round, longer each time; not before the first two, since a cancelled one decides much."""
        if rounds > 1:
            self._sleep(random.uniform(0, _PAUSE_SECONDS * 2**rounds))  # noqa: S311 - jitter, no secret

    def _failure(self, error: Any) -> ConfigurationError | TryAgainLaterError:
        outcome = outcome_of(error, permission=" and ".join(PERMISSIONS))
        code = getattr(error, "response", {}).get("Error", {}).get("Code", "")
        if outcome.by_configuration or code in ("ResourceNotFoundException", "ValidationException"):
            return ConfigurationError(f"table {self._table}: {outcome.message}; check the ledger's table")
        return TryAgainLaterError(f"table {self._table}: {outcome.message}")


def _cut(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    left = iter(items)
    while some := list(islice(left, size)):
        yield some
