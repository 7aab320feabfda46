"""Keeps rejected records as an object in S3, for handlers: they have no disk that outlives them.

Rejections go in; one object of JSON lines comes out, of the schema `rejects`, which `flowemf replay s3://…` reads.
"""

from __future__ import annotations

from datetime import datetime, timezone
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from botocore import exceptions as sdk

from flowemf_processor.errors import ConfigurationError, TryAgainLaterError
from flowemf_processor.sinks.aws import outcome_of
from flowemf_processor.sinks.rejects import line_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowemf_processor.core.ledger import RejectsAccount
    from flowemf_processor.model import Rejection
    from flowemf_processor.ports import Clock

PERMISSION = "s3:PutObject"

_DIGEST_BYTES = 12


class RejectsObject:
    """Gathers the rejections of one invocation, and puts them into a bucket.

    The object is named for the day and for what it holds: should the same records come again, it is the same object.

    Args:
        client: an S3 client of boto3.
        bucket: where to.
        prefix: what the key begins with.
        account: where what was kept is counted.
        clock: tells the day.
    """

    def __init__(self, client: Any, bucket: str, prefix: str, *, account: RejectsAccount, clock: Clock) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._account = account
        self._clock = clock
        self._lines: list[bytes] = []

    def keep(self, rejections: Sequence[Rejection]) -> None:
        """Gather rejections."""
        self._lines += [line_of(each) for each in rejections]
        self._account.not_kept += len(rejections)

    def settle(self) -> None:
        """Put what was gathered into the bucket.

        Raises:
            ConfigurationError: the bucket is missing or may not be written.
            TryAgainLaterError: the service or the way to it fails.
        """
        if not self._lines:
            return
        self._put(b"".join(self._lines))
        self._account.kept += len(self._lines)
        self._account.not_kept -= len(self._lines)
        self._lines.clear()

    def _put(self, body: bytes) -> None:
        key = self._prefix + self._name(body)
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/x-ndjson")
        except (sdk.ClientError, sdk.BotoCoreError) as error:
            outcome = outcome_of(error, permission=PERMISSION)
            message = f"s3://{self._bucket}/{key}: rejected records cannot be kept, so nothing was sent; "
            kind = ConfigurationError if outcome.by_configuration else TryAgainLaterError
            raise kind(message + outcome.message) from error

    def _name(self, body: bytes) -> str:
        today = datetime.fromtimestamp(self._clock.now_ms() / 1000, timezone.utc)
        return f"{today:%Y/%m/%d}/{blake2b(body, digest_size=_DIGEST_BYTES).hexdigest()}.jsonl"
