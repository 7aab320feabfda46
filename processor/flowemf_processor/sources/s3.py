"""Objects of Amazon S3 and of whatever speaks its protocol.

A URL goes in; the objects it means come out, and their bytes, in ranges that are asked for again where the connection
fails. (s3fs is not used: it holds botocore to a handful of releases, and PutMetricData needs what the user has.)
"""

from __future__ import annotations

import os
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, IncompleteReadError
from fsspec.utils import glob_translate
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential
from urllib3.exceptions import HTTPError

from flowemf_processor.errors import TryAgainLaterError
from flowemf_processor.sources.aws import READING, error_code, translated
from flowemf_processor.sources.objects import StoredObject, is_meant

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

RANGE_BYTES = 8 << 20
"""So much is asked for at once: the next range comes while this one is read."""

_READS = 5
_BROKEN = (BotoCoreError, HTTPError, OSError)  # the SDK translates what goes wrong before the body, not in it
_MAGIC = re.compile(r"[*?[]")


class S3Store:
    """The objects of S3.

    Args:
        endpoint_url: where they are, if not where AWS is configured to look.

    Raises:
        ConfigurationError: AWS is not configured.
    """

    versions_are_certain = True

    def __init__(self, endpoint_url: str | None = None) -> None:
        self._endpoint_url = endpoint_url
        elsewhere = endpoint_url or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        # Buckets as host names need a name server that knows them, which S3 has and others seldom have.
        config = READING.merge(Config(s3={"addressing_style": "path"})) if elsewhere else READING
        with translated("s3"):
            self._client: Any = Session().client("s3", endpoint_url=endpoint_url, config=config)

    def __reduce__(self) -> tuple[Any, ...]:
        """Be connected anew in another process, with the credentials that are found there."""
        return _connected, (self._endpoint_url,)

    def find(self, url: str) -> list[StoredObject]:
        """List what a URL means: an object, those that match a pattern, or all below a prefix.

        Args:
            url: `s3://BUCKET/KEY`, with `*`, `?`, `[...]` and `**` where it is a pattern.

        Returns:
            The objects in the order of their keys; hidden ones only where they are named.

        Raises:
            ConfigurationError: there is no such bucket, or it may not be read.
            TryAgainLaterError: the service cannot be reached.
        """
        bucket, _, key = url.removeprefix("s3://").partition("/")
        with translated(url):
            named = self._head(bucket, key)
            if named:
                return [named]
            magic = _MAGIC.search(key)
            if magic:
                pattern = re.compile(glob_translate(key))
                found = [each for each in self._list(bucket, key[: magic.start()]) if pattern.match(_key(each))]
            else:
                found = list(self._list(bucket, key if key.endswith("/") or not key else f"{key}/"))
            return [each for each in found if is_meant(_key(each), key)]

    def _head(self, bucket: str, key: str) -> StoredObject | None:
        if not key or key.endswith("/"):
            return None
        try:
            answer = self._client.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            # 403 is what those get for a missing object who may not list others, either; listing will tell.
            if error_code(error) in ("404", "NoSuchKey", "NotFound", "403"):
                return None
            raise
        return StoredObject(f"s3://{bucket}/{key}", answer["ETag"], answer["ContentLength"])

    def _list(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for each in page.get("Contents", ()):
                if not each["Key"].endswith("/"):  # what consoles make to show a folder
                    yield StoredObject(f"s3://{bucket}/{each['Key']}", each["ETag"], each["Size"])

    def stored(self, found: StoredObject) -> Generator[bytes, None, None]:
        """Give the bytes of an object.

        Raises:
            TryAgainLaterError: it cannot be read, or was replaced in the meantime.
        """
        return self.stretch(found, 0, found.size_bytes or 0)

    def stretch(self, found: StoredObject, start_bytes: int, end_bytes: int) -> Generator[bytes, None, None]:
        """Give the bytes of an object from one place up to another.

        Raises:
            TryAgainLaterError: it cannot be read, or was replaced in the meantime.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(_BROKEN),
            stop=stop_after_attempt(_READS),
            wait=wait_exponential(0.1, max=5),
            reraise=True,
        )
        try:
            for start in range(start_bytes, end_bytes, RANGE_BYTES):
                yield retrying(self._range, found, start, min(start + RANGE_BYTES, end_bytes))
        except ClientError as error:
            if error_code(error) in ("PreconditionFailed", "412"):
                raise TryAgainLaterError("it was replaced while it was being read") from error
            raise TryAgainLaterError(str(error)) from error
        except _BROKEN as error:
            raise TryAgainLaterError(str(error)) from error

    def _range(self, found: StoredObject, start: int, end: int) -> bytes:
        bucket, _, key = found.url.removeprefix("s3://").partition("/")
        answer = self._client.get_object(
            Bucket=bucket, Key=key, Range=f"bytes={start}-{end - 1}", IfMatch=found.version
        )
        with answer["Body"] as body:
            data: bytes = body.read()
        if len(data) != end - start:
            raise IncompleteReadError(actual_bytes=len(data), expected_bytes=end - start)
        return data


@cache
def _connected(endpoint_url: str | None) -> S3Store:
    """Connect once in each process: to make a client takes a tenth of a second."""
    return S3Store(endpoint_url)


def _key(found: StoredObject) -> str:
    return found.url.removeprefix("s3://").partition("/")[2]
